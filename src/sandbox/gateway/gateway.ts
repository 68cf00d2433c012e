import { formatArn } from '../../core/arn.ts';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { Clock } from '../../core/clock.ts';
import {
  type AgentChallenge,
  type AgentPace,
  type KeyDecryption,
  type RunningAgent,
  startAgent,
} from '../agent/agent.ts';
import { type AccessControl, AwsError, type Principal, type Timing } from '../contracts.ts';
import { type AgentTrait, agentTraits } from '../agent/agent-traits.ts';
import type { LogStore } from '../world/log-store.ts';
import { ClientSocket } from './client-socket.ts';
import { GatewayFaults } from './faults.ts';
import { GatewaySession } from './gateway-session.ts';
import { type SessionTraffic, TrafficCounter } from './session-traffic.ts';
import type { RandomBytes } from '../random.ts';
import { type Sessions, sessionTags } from './session-plan.ts';

export interface GatewayDeps {
  readonly clock: Clock;
  /** Uniform in [0, 1). It decides when faults occur, so it is seeded. */
  readonly random: () => number;
  readonly randomBytes: RandomBytes;
  readonly timing: Timing;
  readonly accountId: string;
  readonly region: string;
  readonly access: AccessControl;
  readonly kms: KeyDecryption;
  /** Where transcripts of sessions are stored. */
  readonly logs: LogStore;
  readonly agentPace: AgentPace;
  /** Traits of the official agent that the sandbox's agent shall not have. */
  readonly agentWithout?: readonly AgentTrait[];
  /** `offered` unless given, as with recent agents. */
  readonly agentChallenge?: AgentChallenge;
  /** Bytes of stream payload per agent message; the official agent sends 1024. */
  readonly agentPayloadSize?: number;
  /** `--fault` specs. */
  readonly faults?: readonly string[];
  /** `http://127.0.0.1:PORT`; called when a session starts. */
  readonly endpoint: () => string;
  /**
   * Returns who signed the upgrade (in headers or presigned); undefined = unsigned. Throws AwsError for a wrong
   * signature.
   */
  readonly verifyUpgrade: (request: IncomingMessage) => Principal | undefined;
}

/** The message gateway (`ssmmessages`). */
export interface Gateway {
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Ends every session and waits until the agents have stopped. */
  close(): Promise<void>;
  readonly sessions: Sessions;
  readonly faults: GatewayFaults;
  readonly traffic: SessionTraffic;
}

/** Largest WebSocket message that is accepted from a client; a longer one closes the socket with 1009. */
const MAX_FRAME_BYTES = 1024 * 1024 + 4096;
/** Number of ended sessions that are kept for DescribeSessions. */
const MAX_HISTORY = 1000;
const PATH = /^\/v1\/data-channel\/([^/]{1,96})$/;

export function createGateway(deps: GatewayDeps): Gateway {
  const faults = new GatewayFaults(deps.faults);
  const traits = agentTraits(deps.agentWithout);
  const traffic = new TrafficCounter();
  const sessions = new Map<string, GatewaySession>();
  const agents = new Map<string, RunningAgent>();
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_FRAME_BYTES,
    perMessageDeflate: false,
    // A silent peer must not answer pings, so ClientSocket answers them itself.
    autoPong: false,
  });

  const sessionArn = (sessionId: string): string =>
    formatArn({
      service: 'ssm',
      region: deps.region,
      account: deps.accountId,
      resource: `session/${sessionId}`,
    });

  const admit = (request: IncomingMessage): GatewaySession => {
    const url = new URL(request.url ?? '/', 'ws://gateway');
    const sessionId = decodeSegment(PATH.exec(url.pathname)?.[1]);
    if (sessionId === undefined) throw new AwsError('NotFound', 'no such path', 404);
    if (url.searchParams.get('role') !== 'publish_subscribe')
      throw new AwsError('BadRequest', 'role must be publish_subscribe', 400);
    const principal = deps.verifyUpgrade(request);
    const session = sessions.get(sessionId);
    if (principal !== undefined)
      deps.access.demand(principal, deps.region, [
        {
          action: 'ssmmessages:OpenDataChannel',
          resource: sessionArn(sessionId),
          context: session === undefined ? {} : sessionTags(session.request),
        },
      ]);
    if (session === undefined) throw new AwsError('NotFound', 'no such session', 404);
    return session;
  };

  const trimHistory = (): void => {
    const ended = [...sessions.values()].filter((session) => session.isOver);
    for (const session of ended.slice(0, Math.max(0, ended.length - MAX_HISTORY)))
      sessions.delete(session.request.sessionId);
  };

  const api: Sessions = {
    open(request) {
      const session = new GatewaySession(request, {
        clock: deps.clock,
        random: deps.random,
        randomBytes: deps.randomBytes,
        faults,
        timing: deps.timing,
        traffic,
        streamBase: () => deps.endpoint().replace(/^http/, 'ws').replace(/\/$/, ''),
        onEnd: () => agents.get(request.sessionId)?.cancel(),
      });
      sessions.set(request.sessionId, session);
      trimHistory();
      const agent = startAgent(request, {
        clock: deps.clock,
        randomBytes: deps.randomBytes,
        access: deps.access,
        kms: deps.kms,
        logs: deps.logs,
        region: deps.region,
        accountId: deps.accountId,
        pace: deps.agentPace,
        traits,
        challenge: deps.agentChallenge ?? 'offered',
        payloadSize: deps.agentPayloadSize,
        connect: (end) => session.connectAgent(end),
        complete: (result) =>
          session.end(result.status === 'Success' ? 'Terminated' : 'Failed', result.output),
      });
      agents.set(request.sessionId, agent);
      void agent.done.then(() => agents.delete(request.sessionId));
      return session.grantAccess();
    },
    resume(sessionId) {
      const session = sessions.get(sessionId);
      if (session === undefined) return undefined;
      switch (faults.plan.refuseResume) {
        case 'forbidden':
          throw new AwsError(
            'AccessDeniedException',
            `not authorized to perform: ssm:ResumeSession on resource: ${sessionArn(sessionId)}`,
            403,
          );
        case 'expired':
          throw new AwsError(
            'ExpiredTokenException',
            'The security token included in the request is expired',
            403,
          );
        case 'no-token':
          return 'over';
        case undefined:
          return session.isOver ? 'over' : session.grantAccess();
      }
    },
    terminate(sessionId) {
      const session = sessions.get(sessionId);
      session?.end('Terminated', '');
      return session !== undefined;
    },
    endTarget(target, output) {
      const { targetStops } = faults.plan;
      for (const session of sessions.values()) {
        if (session.request.target !== target) continue;
        if (targetStops === undefined) session.end('Terminated', output);
        else {
          session.loseAgent(targetStops === 'paused');
          agents.get(session.request.sessionId)?.cancel();
        }
      }
    },
    find: (sessionId) => sessions.get(sessionId)?.record,
    records: () => [...sessions.values()].reverse().map((session) => session.record),
  };

  return {
    faults,
    get traffic() {
      return traffic.totals;
    },
    sessions: api,
    handleUpgrade(request, socket, head) {
      socket.on('error', () => socket.destroy());
      let session: GatewaySession;
      try {
        session = admit(request);
      } catch (error) {
        refuse(socket, error);
        return;
      }
      server.handleUpgrade(request, socket, head, (ws) => {
        const client: ClientSocket = new ClientSocket(ws, socket, deps.clock, deps.timing.openDataChannelMs, {
          opening: (opening) => session.attachClient(client, opening),
          frame: (frame) => session.fromClient(client, frame),
          closed: () => session.clientClosed(client),
          silent: () => faults.plan.silent,
        });
      });
    },
    async close() {
      const running = [...agents.values()].map((agent) => agent.done);
      for (const session of sessions.values()) session.end('Terminated', '');
      for (const ws of server.clients) ws.terminate();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await Promise.all(running);
    },
  };
}

function decodeSegment(segment: string | undefined): string | undefined {
  if (segment === undefined) return undefined;
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

const REASONS: Readonly<Record<number, string>> = { 400: 'Bad Request', 403: 'Forbidden', 404: 'Not Found' };

function refuse(socket: Duplex, error: unknown): void {
  const known =
    error instanceof AwsError ? error : new AwsError('InternalServerError', 'internal error', 500);
  // JSON services answer IAM's refusals with 400; for an upgrade the gateway answers 403.
  const status = known.code === 'AccessDeniedException' ? 403 : known.status;
  const body = JSON.stringify({ __type: known.code, message: known.message });
  socket.end(
    `HTTP/1.1 ${status} ${REASONS[status] ?? 'Error'}\r\ncontent-type: application/json\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}
