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
  /** HTTP status of AWS's answer. */
  readonly status?: number;
  /** The error, if AWS did not answer. */
  readonly error?: unknown;
}

export interface RequestHandlerOptions {
  /** The time according to this machine's clock. */
  readonly now: () => number;
  readonly onAnswer?: (answer: LastAnswer) => void;
}

/** Every AWS service puts the request id into one of these headers. */
const REQUEST_ID_HEADERS = ['x-amzn-requestid', 'x-amz-request-id', 'x-amzn-request-id', 'x-amz-id-2'];

/**
 * Sends the requests of all SDK clients, those of the credential providers included, over the same sockets, proxies and
 * trusted certificates. It learns AWS's time, and distinguishes answers of AWS from those of a proxy or a portal.
 * Requests fail with `tls-…` (core/tls-failures.ts), `not-aws`, `proxy-…` (core/proxy-agent.ts), or an error of Node.
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
      // The SDK's type demands an https.Agent, but it uses only what every http.Agent has.
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
      const notFromAws = notAws(host, response);
      if (notFromAws !== undefined) {
        destroyBody(response);
        throw notFromAws;
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

/** A logger that discards the SDK's messages, which would otherwise appear on stderr beside our own. */
export const SILENT = {
  trace: (): void => undefined,
  debug: (): void => undefined,
  info: (): void => undefined,
  warn: (): void => undefined,
  error: (): void => undefined,
};

/**
 * AWS's APIs never answer with an HTML page or a redirect. At AWS's own host names an answer without a request id is
 * not AWS's either; other endpoints (emulators, company gateways) may leave the request id out.
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
      // The cause tells the SDK to retry: with such a status, AWS's own load balancers can answer in HTML.
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

/** The address to which a portal redirects the browser; without its query, which may contain tokens. */
const locationOf = (location: string | undefined): string | undefined =>
  location === undefined ? undefined : location.split(/[?#]/)[0];

function destroyBody(response: HttpResponse): void {
  const body: unknown = response.body;
  if (typeof body === 'object' && body !== null && 'destroy' in body && typeof body.destroy === 'function') {
    body.destroy();
  }
}
