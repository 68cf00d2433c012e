import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

import type { ChannelDeps } from '../../../src/connect/channel/channel-deps.ts';
import { createOpenSocket } from '../../../src/connect/channel/message-socket.ts';
import { PortSession } from '../../../src/connect/forward/port-session.ts';
import type { SessionStart } from '../../../src/connect/ports.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { access } from '../../../src/core/errors.ts';
import type { ToolEvent } from '../../../src/core/events.ts';
import { AwsError } from '../../../src/sandbox/contracts.ts';
import { DIRECT } from '../../support/direct-agents.ts';
import { type Lab, PRIVATE_IP, startLab } from '../../sandbox/support/gateway-lab.ts';

/**
 * Port sessions of the real client through the gateway and agent of the sandbox: WebSockets and TCP on loopback, in
 * real time.
 */
export class PortLab {
  readonly lab: Lab;
  readonly reports: ToolEvent[] = [];
  readonly terminated: string[] = [];
  resumes = 0;
  readonly #closers: (() => unknown)[] = [];

  private constructor(lab: Lab) {
    this.lab = lab;
  }

  static async start(options: Parameters<typeof startLab>[0] = {}): Promise<PortLab> {
    return new PortLab(await startLab(options));
  }

  /** Starts a new session of the gateway to port 8080 of the container. */
  grant(properties: Readonly<Record<string, string>> = {}): SessionStart {
    return this.lab.start({
      type: 'Port',
      properties: { portNumber: '8080', type: 'LocalPortForwarding', localPortNumber: '0', ...properties },
    });
  }

  deps(over: Partial<ChannelDeps> = {}): ChannelDeps {
    return {
      ssm: {
        resumeSession: (sessionId) => this.#resume(sessionId),
        terminateSession: (sessionId) => {
          this.terminated.push(sessionId);
          this.lab.gateway.sessions.terminate(sessionId);
          return Promise.resolve();
        },
      },
      kms: () => Promise.reject(new Error('port sessions are never encrypted')),
      signer: { headers: () => Promise.resolve({}) },
      openSocket: createOpenSocket(DIRECT, systemClock),
      clock: systemClock,
      random: { number: Math.random, bytes: (length) => randomBytes(length), uuid: () => randomUUID() },
      report: (event) => this.reports.push(event),
      ...over,
    };
  }

  async #resume(sessionId: string): Promise<SessionStart | undefined> {
    this.resumes++;
    await Promise.resolve();
    try {
      const answer = this.lab.gateway.sessions.resume(sessionId);
      return answer === 'over' ? undefined : answer;
    } catch (error) {
      if (error instanceof AwsError) {
        const expired = error.code === 'ExpiredTokenException';
        throw access(expired ? 'credentials-expired' : 'access-denied', error.message);
      }
      throw error;
    }
  }

  /** The server that the container reaches at its own port 8080. */
  async serve(onConnection: (socket: Socket) => void): Promise<void> {
    const server = createServer({ allowHalfOpen: true }, onConnection);
    const port = await listening(server);
    this.#closers.push(() => server.close());
    this.lab.network.listen(PRIVATE_IP, 8080, port);
  }

  /** Starts a session with a listener in front of it; `dial` connects as a local program would. */
  async forward(deps: Partial<ChannelDeps> = {}): Promise<Forwarded> {
    const session = new PortSession(
      this.grant(),
      this.lab.machine.target,
      this.deps({ ...deps, report: (event) => this.reports.push(event) }),
    );
    await session.start();
    const ended = session.ended();
    ended.catch(() => undefined);
    const accepted: Socket[] = [];
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
      accepted.push(socket);
      session.accept(socket);
    });
    const port = await listening(server);
    this.#closers.push(
      () => server.close(),
      () => session.close(),
    );
    return {
      session,
      ended,
      waitingBytes: () => accepted.reduce((sum, socket) => sum + socket.writableLength, 0),
      dial: () => dial(port),
      close: () => session.close(),
    };
  }

  states(): readonly string[] {
    return this.reports.flatMap((event) => (event.type === 'session-state' ? [event.state] : []));
  }

  async close(): Promise<void> {
    for (const close of this.#closers.splice(0)) await close();
    await this.lab.close();
  }
}

export interface Forwarded {
  readonly session: PortSession;
  readonly ended: Promise<unknown>;
  /** The number of bytes in our process that wait until local programs read them. */
  waitingBytes(): number;
  dial(): Socket;
  close(): Promise<void>;
}

export function dial(port: number): Socket {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  // The caller that waits for the outcome adds its own listener; a reset that no caller waits for does not fail the
  // test.
  return socket.on('error', () => undefined);
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return (server.address() as AddressInfo).port;
}

/** Reads all bytes until the end of data; rejects when the connection is reset. */
export function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  return new Promise((resolve, reject) => {
    socket.on('data', (bytes: Buffer) => chunks.push(bytes));
    socket.on('end', () => resolve(Buffer.concat(chunks)));
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('closed before the end of data')));
  });
}

export const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Seeded pseudorandom numbers in [0, 1). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
