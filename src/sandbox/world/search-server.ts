import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import type { SeedSearchDomain } from '../seed-shapes.ts';
import type { CertificateAuthority } from './certificates.ts';

/**
 * A small OpenSearch over HTTPS: the pages that say which domain it is, how it is, and which indices it has. Other paths
 * get OpenSearch's own error.
 */
export class SearchServer {
  readonly #domain: SeedSearchDomain;
  readonly #issue: () => { readonly certificate: string; readonly key: string };
  #server: Server | undefined;
  #listening: Promise<number> | undefined;

  constructor(domain: SeedSearchDomain, authority: CertificateAuthority, clock: Clock) {
    this.#domain = domain;
    this.#issue = () => authority.issue({ names: [domain.host], now: clock.now() });
  }

  /** The port of 127.0.0.1 on which it listens; opened at the first call. */
  port(): Promise<number> {
    this.#listening ??= new Promise((resolve, reject) => {
      const { certificate, key } = this.#issue();
      const server = createServer({ cert: certificate, key }, (request, response) =>
        this.#serve(request, response),
      );
      this.#server = server;
      server.once('error', reject);
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
    return this.#listening;
  }

  async close(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    request.resume();
    const answer = (status: number, body: unknown): void => {
      const text = typeof body === 'string' ? body : `${JSON.stringify(body)}\n`;
      const type = typeof body === 'string' ? 'text/plain; charset=UTF-8' : 'application/json; charset=UTF-8';
      response.writeHead(status, { 'content-type': type }).end(text);
    };
    const { login, name, engineVersion, indices } = this.#domain;
    if (login !== undefined && !isLogin(request.headers.authorization, login)) {
      response.setHeader('www-authenticate', 'Basic realm="OpenSearch Security"');
      answer(401, 'Unauthorized');
      return;
    }
    const path = (request.url ?? '/').split('?')[0] ?? '/';
    const [index = '', page] = path.slice(1).split('/');
    if (path === '/') {
      const [distribution = '', number = ''] = engineVersion.split('_');
      const version = { distribution: distribution.toLowerCase(), number: `${number}.0` };
      answer(200, { name, cluster_name: `sandbox:${name}`, version, tagline: 'The OpenSearch Project' });
    } else if (path === '/_cluster/health') {
      answer(200, { cluster_name: `sandbox:${name}`, status: 'green', number_of_nodes: 1 });
    } else if (path === '/_cat/indices') {
      const lines = Object.entries(indices).map(([each, count]) => `green open ${each} 5 1 ${count}\n`);
      answer(200, lines.join(''));
    } else if (page === '_count' && Object.hasOwn(indices, index)) {
      answer(200, { count: indices[index], _shards: { total: 5, successful: 5, skipped: 0, failed: 0 } });
    } else {
      answer(404, {
        error: { type: 'index_not_found_exception', reason: `no such index [${index}]` },
        status: 404,
      });
    }
  }
}

function isLogin(header: string | undefined, login: NonNullable<SeedSearchDomain['login']>): boolean {
  const wanted = Buffer.from(
    `Basic ${Buffer.from(`${login.username}:${login.password}`).toString('base64')}`,
  );
  const given = Buffer.from(header ?? '');
  return wanted.byteLength === given.byteLength && timingSafeEqual(wanted, given);
}
