import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '../core/clock.ts';
import { withDeadline } from '../core/clock.ts';
import type { ApiFault, ApiFaults } from './api-faults.ts';
import { internalError, throttled } from './api-faults.ts';
import type { ApiRate } from './api-rate.ts';
import type { CallLog } from './call-log.ts';
import { type ApiCall, AwsError, type SandboxService } from './contracts.ts';
import type { AccessController } from './iam/access-control.ts';
import { type AccessKey, signatureOf, type SignedRequest, verifySignature } from './sigv4.ts';
import type { ServiceDescription } from './services/service-description.ts';
import { flag } from './wire/fields.ts';
import { protocolOf, type WireAnswer, type WireProtocol } from './wire/protocol.ts';

/**
 * One port for everything: API calls over HTTP, data channels over WebSocket, and the sandbox's own `/_sandbox/`
 * pages.
 */

/** Bytes of a request body; AWS's own limits are of the same order of magnitude. */
const MAX_BODY_BYTES = 1024 * 1024;
/** How long an idle connection is kept open. */
const KEEP_ALIVE_MS = 120_000;

/** The service that a request is addressed to, and its protocol. */
interface Recipient {
  readonly description: ServiceDescription;
  readonly protocol: WireProtocol;
}

/** Handles the WebSocket upgrades of data channels. */
export interface UpgradeHandler {
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  close(): Promise<void>;
}

export interface FrontDeps {
  readonly clock: Clock;
  readonly requestDeadlineMs: number;
  readonly access: AccessController;
  readonly faults: ApiFaults;
  /** Undefined = calls are not limited. */
  readonly rate: ApiRate | undefined;
  /** Every answer takes at least this many ms. */
  readonly latencyMs: number;
  readonly calls: CallLog;
  readonly requestId: () => string;
  lookupKey(accessKeyId: string): AccessKey | undefined;
  readonly services: readonly ServiceDescription[];
  /** Undefined for a region that does not exist. */
  service(description: ServiceDescription, region: string): SandboxService | undefined;
  readonly gateway: UpgradeHandler;
  snapshot(): string;
}

export interface HttpFront {
  readonly port: number;
  close(): Promise<void>;
}

/** Listens on 127.0.0.1; port 0 = any free one. Rejects if the port is taken. */
export async function startHttpFront(deps: FrontDeps, port: number): Promise<HttpFront> {
  const server = createServer((request, response) => {
    serve(deps, request, response).catch(() => request.socket.destroy());
  });
  server.requestTimeout = deps.requestDeadlineMs;
  server.headersTimeout = deps.requestDeadlineMs;
  // Node's default of 5 s passes quickly on a busy machine, and closing a connection while a client sends a request
  // on it would be a fault that no test injected.
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.on('upgrade', (request, socket, head) => deps.gateway.handleUpgrade(request, socket, head));
  await listen(server, port);
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      await deps.gateway.close();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
}

async function serve(deps: FrontDeps, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = request.url ?? '/';
  if (url.startsWith('/_sandbox/')) {
    // These pages need no signature, so a web page whose host name was pointed at 127.0.0.1 must not be able to read
    // them.
    if (!isLoopbackName(request.headers.host)) {
      send(response, {
        status: 403,
        headers: { 'content-type': 'text/plain' },
        body: 'Host must be a loopback address\n',
      });
      return;
    }
    send(response, own(deps, request.method ?? 'GET', url));
    return;
  }
  const body = await readBody(request);
  if (body === undefined) {
    const answer = { status: 413, headers: { connection: 'close' }, body: '' };
    send(response, answer);
    return;
  }
  const requestId = deps.requestId();
  const signed: SignedRequest = { method: request.method ?? 'GET', url, headers: request.headers, body };
  const target = request.headers['x-amz-target'];
  const protocol = protocolOf(
    {
      method: signed.method,
      path: url.split('?')[0] ?? '/',
      query: new URLSearchParams(url.split('?')[1] ?? ''),
      target: typeof target === 'string' ? target : undefined,
      body,
      scopeService: signatureOf(signed)?.service,
    },
    deps.services,
  );
  const description = deps.services.find(({ name }) => name === protocol?.service);
  if (protocol === undefined || description === undefined) {
    send(response, unknownService(deps.services, requestId));
    return;
  }
  const due = deps.clock.now() + deps.latencyMs;
  const answer = await withDeadline(
    deps.clock,
    deps.requestDeadlineMs,
    answerCall(deps, { description, protocol }, signed, requestId),
    () => new AwsError('RequestTimeout', 'the sandbox did not answer in time', 500),
  ).catch((error: unknown) => protocol.error(asAwsError(error, protocol.service), requestId));
  if (deps.latencyMs > 0) await pause(deps.clock, due - deps.clock.now());
  if (answer === 'drop') request.socket.destroy();
  else send(response, answer);
}

/**
 * Checks the signature, then the injected fault, then the input, then IAM, then runs the operation: the order in
 * which AWS refuses.
 */
async function answerCall(
  deps: FrontDeps,
  { description, protocol }: Recipient,
  signed: SignedRequest,
  requestId: string,
): Promise<WireAnswer | 'drop'> {
  const verified = verifySignature(signed, (id) => deps.lookupKey(id), deps.clock.now());
  if (!verified.ok) return protocol.error(protocol.signatureError(verified.failure), requestId);
  if (verified.signature.service !== protocol.service) {
    return protocol.error(protocol.signatureError('mismatch'), requestId);
  }
  const { principal } = verified;
  const { region } = verified.signature;
  let index: number | undefined;
  try {
    const { action, input } = protocol.decode();
    const { service } = protocol;
    const call: ApiCall = { service, action, principal, region, requestId };
    index = deps.calls.begin({
      requestId,
      at: deps.clock.now(),
      service,
      action,
      region,
      principal: principal.arn,
    });
    if (deps.rate?.admit(service, region) === false) throw throttled(description);
    const fault = deps.faults.next(service, action);
    if (fault !== undefined) await fault.onHit?.({ service, action });
    if (fault?.kind === 'drop-before') {
      deps.calls.update(index, { outcome: 'dropped' });
      return 'drop';
    }
    const output = await execute(deps, { description, protocol }, call, input, index, fault);
    if (fault?.kind === 'drop-after') {
      deps.calls.update(index, { outcome: 'dropped' });
      return 'drop';
    }
    deps.calls.update(index, { outcome: 'ok' });
    return protocol.answer(action, output, requestId);
  } catch (error) {
    const refusal = asAwsError(error, protocol.service);
    if (index !== undefined) {
      const detail = error instanceof AwsError ? error.message : String((error as Error).stack ?? error);
      deps.calls.update(index, { outcome: refusal.code, detail });
    }
    return protocol.error(refusal, requestId);
  }
}

async function execute(
  deps: FrontDeps,
  { description, protocol }: Recipient,
  call: ApiCall,
  input: Record<string, unknown>,
  index: number,
  fault: ApiFault | undefined,
): Promise<unknown> {
  const { service, action, principal, region } = call;
  if (fault?.kind === 'throttle') throw throttled(description);
  if (fault?.kind === 'server-error') throw internalError(description);
  const stale = fault?.kind === 'not-found';
  if (stale) {
    const absent = description.errors.notFoundYet?.(input);
    if (absent !== undefined) throw absent;
  }
  const addressed = deps.service(description, region);
  const operations = addressed?.operations;
  const operation =
    operations !== undefined && Object.hasOwn(operations, action) ? operations[action] : undefined;
  if (operation === undefined) {
    throw new AwsError('InvalidAction', `The action ${action} is not valid for this web service.`);
  }
  const { checks, refused } = deps.access.examine(principal, region, operation.authorize(input, call));
  deps.calls.update(index, { checks });
  if (fault?.kind === 'access-denied') {
    const resource = checks[0]?.resource ?? '*';
    throw protocol.accessDenied(
      `User: ${principal.arn} is not authorized to perform: ${service}:${action} on resource: ${resource} with an explicit deny`,
    );
  }
  if (refused !== undefined) throw protocol.accessDenied(refused);
  if (description.wire.kind === 'ec2' && flag(input, 'DryRun') === true) {
    throw new AwsError('DryRunOperation', 'Request would have succeeded, but DryRun flag is set.', 412);
  }
  const run = (): unknown => operation.run(input, call);
  return stale && addressed?.withStaleReads !== undefined ? addressed.withStaleReads(run) : run();
}

/**
 * An unexpected exception is a defect of the sandbox. It is answered with AWS's internal error and its stack is kept
 * in the call log.
 */
function asAwsError(error: unknown, service: string): AwsError {
  if (error instanceof AwsError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new AwsError('InternalFailure', `defect in the sandbox's ${service}: ${message}`, 500);
}

const pause = (clock: Clock, ms: number): Promise<void> =>
  new Promise((resolve) => {
    if (ms > 0) clock.timer(ms, resolve);
    else resolve();
  });

const isLoopbackName = (host: string | undefined): boolean =>
  /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?$/i.test(host ?? '');

function own(deps: FrontDeps, method: string, url: string): WireAnswer {
  const headers = { 'content-type': 'application/json' };
  if (method === 'GET' && url === '/_sandbox/state') return { status: 200, headers, body: deps.snapshot() };
  if (method === 'GET' && url === '/_sandbox/calls') {
    return { status: 200, headers, body: JSON.stringify(deps.calls.calls) };
  }
  return { status: 404, headers, body: JSON.stringify({ pages: ['/_sandbox/state', '/_sandbox/calls'] }) };
}

const unknownService = (services: readonly ServiceDescription[], requestId: string): WireAnswer => ({
  status: 404,
  headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-requestid': requestId },
  body: JSON.stringify({
    __type: 'UnknownOperationException',
    message: `the sandbox has no such service; it has ${services.map(({ title }) => title).join(', ')}`,
  }),
});

function send(response: ServerResponse, answer: WireAnswer): void {
  response.writeHead(answer.status, {
    ...answer.headers,
    'content-length': String(Buffer.byteLength(answer.body)),
  });
  response.end(answer.body);
}

/** Undefined if the body is longer than MAX_BODY_BYTES. */
async function readBody(request: IncomingMessage): Promise<Uint8Array | undefined> {
  const declared = Number(request.headers['content-length'] ?? '0');
  if (declared > MAX_BODY_BYTES) return undefined;
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.byteLength;
    if (length > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
