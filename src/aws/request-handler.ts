import { NodeHttpHandler } from '@smithy/node-http-handler';

import { type ToolError, transport } from '../core/errors.ts';
import type { NetworkAgents } from '../core/network-agents.ts';
import { tlsFailure } from '../core/tls-failures.ts';
import type { AwsTime } from './aws-time.ts';

type Handle = NodeHttpHandler['handle'];
type HttpRequest = Parameters<Handle>[0];
type HttpHandlerOptions = Parameters<Handle>[1];
type HttpAnswer = Awaited<ReturnType<Handle>>;
type HttpResponse = HttpAnswer['response'];

const CONNECTION_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 30_000;

/** How the last call of a client ended. */
export interface LastAnswer {
  readonly host: string;
  /** HTTP status of what AWS answered. */
  readonly status?: number;
  /** Instead of an answer of AWS. */
  readonly error?: unknown;
}

export interface RequestHandlerOptions {
  /** By this machine's clock. */
  readonly now: () => number;
  readonly onAnswer?: (answer: LastAnswer) => void;
}

/** Every service of AWS numbers its answers in one of these. */
const REQUEST_ID_HEADERS = ['x-amzn-requestid', 'x-amz-request-id', 'x-amzn-request-id', 'x-amz-id-2'];

/**
 * The one way to AWS of all clients, those of the credential providers included: the same sockets, proxies and trusted
 * certificates. It learns AWS's time, and tells answers of AWS apart from those of a proxy or a portal.
 * Requests fail with `tls-…` (core/tls-failures.ts), `not-aws`, `proxy-…` (core/proxy-agent.ts), or as Node says.
 */
export class AwsRequestHandler extends NodeHttpHandler {
  readonly agents: NetworkAgents;
  readonly time: AwsTime;
  readonly #options: RequestHandlerOptions;

  constructor(agents: NetworkAgents, time: AwsTime, options: RequestHandlerOptions) {
    super({
      connectionTimeout: CONNECTION_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      throwOnRequestTimeout: true,
      httpAgent: agents.http,
      // By its type the SDK wants an https.Agent, and uses what every http.Agent has.
      httpsAgent: agents.https as never,
      logger: SILENT,
    });
    this.agents = agents;
    this.time = time;
    this.#options = options;
  }

  override async handle(request: HttpRequest, options?: HttpHandlerOptions): Promise<HttpAnswer> {
    const { now, onAnswer } = this.#options;
    const { hostname: host } = request;
    const sentAt = now();
    try {
      const answer = await super.handle(request, options);
      const { response } = answer;
      const stranger = notAws(host, response);
      if (stranger !== undefined) {
        destroyBody(response);
        throw stranger;
      }
      onAnswer?.({ host, status: response.statusCode });
      this.time.learn(response.headers['date'], sentAt, now());
      return answer;
    } catch (error) {
      const known = tlsFailure(error, host) ?? error;
      onAnswer?.({ host, error: known });
      throw known;
    }
  }
}

/** What the SDK would print to stderr beside our own words. */
export const SILENT = {
  trace: (): void => undefined,
  debug: (): void => undefined,
  info: (): void => undefined,
  warn: (): void => undefined,
  error: (): void => undefined,
};

/**
 * AWS's APIs neither answer with a page nor send anybody elsewhere. Under AWS's own names, an answer that AWS did not
 * number is not AWS's either; other endpoints (emulators, gateways of a company) may leave the number out.
 */
function notAws(host: string, response: HttpResponse): ToolError | undefined {
  const { statusCode, headers } = response;
  if (REQUEST_ID_HEADERS.some((name) => headers[name] !== undefined)) return undefined;
  const type = (headers['content-type'] ?? '').toLowerCase();
  const isPage = type.startsWith('text/html') || type.startsWith('application/xhtml');
  const isElsewhere = (statusCode >= 300 && statusCode < 400) || statusCode === 511;
  if (!isPage && !isElsewhere && !isAwsHost(host)) return undefined;
  const isTransient = statusCode >= 500 && statusCode !== 511;
  return transport(
    'not-aws',
    `${host} answered ${statusCode}${type === '' ? '' : ` (${type.split(';')[0]})`}, and this is not AWS: a proxy or a portal answered`,
    {
      details: { host, status: statusCode, contentType: type, location: locationOf(headers['location']) },
      // The SDK repeats what it takes for a passing fault: a load balancer of AWS's own speaks HTML then.
      ...(isTransient
        ? {
            cause: Object.assign(new Error(`HTTP ${statusCode}`), {
              $metadata: { httpStatusCode: statusCode },
            }),
          }
        : {}),
    },
  );
}

const isAwsHost = (host: string): boolean =>
  /(^|\.)(amazonaws\.com(\.cn)?|api\.aws|on\.aws|api\.amazonwebservices\.com\.cn|aws\.amazon\.com)$/.test(
    host,
  );

/** Where a portal wants the browser; without its query, which may hold tokens. */
const locationOf = (location: string | undefined): string | undefined =>
  location === undefined ? undefined : location.split(/[?#]/)[0];

function destroyBody(response: HttpResponse): void {
  const body: unknown = response.body;
  if (typeof body === 'object' && body !== null && 'destroy' in body && typeof body.destroy === 'function') {
    body.destroy();
  }
}
