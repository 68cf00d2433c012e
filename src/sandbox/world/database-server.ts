import { createServer, type Server, type Socket } from 'node:net';
import { listenOnLoopback } from './loopback.ts';
import type { SecureContext } from 'node:tls';
import { timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import type { SeedDatabase } from '../seed-shapes.ts';
import type { DatabaseEngine } from './database-engine.ts';
import { DatabaseSession, type SessionHost, type Unit } from './database-session.ts';
import { encodeQuery, encodeStartup, messagesOf } from './postgres-wire.ts';

export interface DatabaseServerOptions {
  readonly database: SeedDatabase;
  readonly clock: Clock;
  /**
   * Starts an engine with the seed's data; called again after a crash. The signal ends an engine that is still
   * starting.
   */
  startEngine(signal: AbortSignal): Promise<DatabaseEngine>;
  /** If a batch runs longer, the engine is ended, because a single statement cannot be stopped. */
  readonly statementTimeoutMs: number;
  /** How long an open transaction may keep other sessions waiting. */
  readonly idleInTransactionMs: number;
  readonly maxConnections: number;
  /** Undefined = clients cannot use TLS. */
  readonly secureContext?: SecureContext | undefined;
  /** Checks the IAM token that a user with IAM authentication gave as password; absent = tokens are refused. */
  verifyToken?(token: string, username: string): boolean;
}

interface Waiting {
  readonly session: DatabaseSession;
  readonly unit: Unit;
}

/**
 * Serves many clients from an engine that has one session: batches run one after another, and a session inside a
 * transaction keeps the engine until the transaction ends. Settings (`SET`) and temporary tables are therefore shared
 * by all connections, as behind a connection pooler in transaction mode; prepared statements are not shared.
 */
export class DatabaseServer {
  readonly #options: DatabaseServerOptions;
  readonly #server: Server;
  readonly #sessions = new Set<DatabaseSession>();
  readonly #sockets = new Set<Socket>();
  #engine: Promise<DatabaseEngine> | undefined;
  #parameterStatus: Promise<Buffer> | undefined;
  #queue: Waiting[] = [];
  #disconnected: DatabaseSession[] = [];
  #holder: DatabaseSession | undefined;
  #busy = false;
  #cancelIdle: (() => void) | undefined;
  readonly #closing = new AbortController();
  #nextSession = 1;
  #listening: Promise<number> | undefined;

  constructor(options: DatabaseServerOptions) {
    this.#options = options;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** The port of 127.0.0.1 on which it listens; opened at the first call. The engine starts at the first login. */
  port(): Promise<number> {
    this.#listening ??= listenOnLoopback(this.#server);
    return this.#listening;
  }

  /** Starts the engine before the first login. */
  async warmUp(): Promise<void> {
    await this.#startedEngine();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#cancelIdle?.();
    for (const session of this.#sessions)
      session.fail('57P01', 'terminating connection due to administrator command');
    for (const socket of this.#sockets) socket.destroySoon();
    if (this.#listening !== undefined) await new Promise((resolve) => this.#server.close(resolve));
    const engine = await this.#engine?.catch(() => undefined);
    await engine?.stop();
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    const session = new DatabaseSession(this.#nextSession++, socket, this.#hostOfSessions);
    if (this.#sessions.size >= this.#options.maxConnections)
      session.fail('53300', 'sorry, too many clients already');
    else this.#sessions.add(session);
  }

  readonly #hostOfSessions: SessionHost = {
    asksPassword: true,
    secureContext: () => this.#options.secureContext,
    refuse: (parameters, password) => this.#refuse(parameters, password),
    parameterStatus: () => this.#parameters(),
    submit: (session, unit) => {
      if (session === this.#holder) this.#stopIdle();
      this.#queue.push({ session, unit });
      void this.#work();
    },
    ended: (session) => this.#ended(session),
  };

  #refuse(
    parameters: ReadonlyMap<string, string>,
    password: string | undefined,
  ): { readonly code: string; readonly message: string } | undefined {
    const { database } = this.#options;
    const user = parameters.get('user') ?? '';
    const name = parameters.get('database') ?? user;
    const wrong = { code: '28P01', message: `password authentication failed for user "${user}"` };
    if (database.iamAuthentication && database.iamUsers?.includes(user) === true) {
      if (this.#options.verifyToken?.(password ?? '', user) !== true)
        return { code: '28000', message: `PAM authentication failed for user "${user}"` };
    } else if (
      user !== database.masterUsername ||
      (database.masterPassword !== undefined && !sameText(database.masterPassword, password ?? ''))
    ) {
      return wrong;
    }
    if (name !== database.databaseName)
      return { code: '3D000', message: `database "${name}" does not exist` };
    return undefined;
  }

  #startedEngine(): Promise<DatabaseEngine> {
    if (this.#engine === undefined) {
      const starting = this.#options.startEngine(this.#closing.signal);
      this.#engine = starting;
      starting.then(
        (engine) => engine.onCrash(() => this.#crashed(starting)),
        () => this.#crashed(starting),
      );
    }
    return this.#engine;
  }

  #parameters(): Promise<Buffer> {
    this.#parameterStatus ??= (async () => {
      const { database } = this.#options;
      const engine = await this.#startedEngine();
      const answer = await engine.run(
        encodeStartup({ user: database.masterUsername, database: database.databaseName }),
      );
      return Buffer.concat(
        messagesOf(answer)
          .filter((message) => message.type === 'S')
          .map((message) => message.bytes),
      );
    })();
    return this.#parameterStatus;
  }

  /** The data is lost with the engine; the next login gets a new engine with the seed's data. */
  #crashed(engine: Promise<DatabaseEngine>): void {
    if (this.#engine !== engine) return;
    this.#engine = undefined;
    this.#parameterStatus = undefined;
    this.#queue = [];
    this.#release();
    for (const session of this.#sessions)
      session.fail('57P02', 'terminating connection because of crash of another server process');
  }

  async #work(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      for (;;) {
        const disconnected = this.#disconnected.shift();
        if (disconnected !== undefined) {
          await this.#cleanUpAfter(disconnected);
          continue;
        }
        const next = this.#next();
        if (next === undefined) break;
        await this.#runUnit(next);
      }
    } finally {
      this.#busy = false;
    }
    if (this.#queue.length > 0) this.#startIdle();
  }

  #next(): Waiting | undefined {
    const index = this.#queue.findIndex(
      (item) => this.#holder === undefined || item.session === this.#holder,
    );
    return index === -1 ? undefined : this.#queue.splice(index, 1)[0];
  }

  async #runUnit({ session, unit }: Waiting): Promise<void> {
    let answer: Buffer;
    try {
      answer = await this.#runWithDeadline(unit.messages);
    } catch (error) {
      session.reject('XX000', error instanceof Error ? error.message : 'the engine failed');
      return;
    }
    const status = statusOf(answer);
    if (unit.holds || status === 'T' || status === 'E') this.#holder = session;
    else this.#release();
    session.answer(unit, answer);
  }

  async #runWithDeadline(messages: Buffer): Promise<Buffer> {
    const starting = this.#startedEngine();
    const engine = await starting;
    const cancel = this.#options.clock.timer(this.#options.statementTimeoutMs, () => {
      void engine.stop();
      this.#crashed(starting);
    });
    try {
      return await engine.run(messages);
    } finally {
      cancel();
    }
  }

  #release(): void {
    this.#holder = undefined;
    this.#stopIdle();
  }

  /** The timer runs only while the session that holds the engine is idle and others wait. */
  #startIdle(): void {
    const holder = this.#holder;
    if (holder === undefined || this.#cancelIdle !== undefined) return;
    this.#cancelIdle = this.#options.clock.timer(this.#options.idleInTransactionMs, () => {
      this.#cancelIdle = undefined;
      holder.fail('25P03', 'terminating connection due to idle-in-transaction timeout');
    });
  }

  #stopIdle(): void {
    this.#cancelIdle?.();
    this.#cancelIdle = undefined;
  }

  #ended(session: DatabaseSession): void {
    if (!this.#sessions.delete(session)) return;
    this.#queue = this.#queue.filter((item) => item.session !== session);
    this.#disconnected.push(session);
    void this.#work();
  }

  /** Undoes what an ended session left in the engine's session, which all clients share. */
  async #cleanUpAfter(session: DatabaseSession): Promise<void> {
    if (this.#engine === undefined) return;
    const held = this.#holder === session;
    if (held) this.#release();
    try {
      if (held) await this.#runWithDeadline(encodeQuery('ROLLBACK'));
      if (this.#holder !== undefined) return;
      if (this.#sessions.size === 0) await this.#runWithDeadline(encodeQuery(RESET_SESSION));
      else if (session.hasStatements) await this.#runWithDeadline(session.forgetStatements());
    } catch {
      // The engine has ended, so there is nothing to undo.
    }
  }
}

/** The parts of DISCARD ALL, except the one that would return the session to the engine's own superuser. */
const RESET_SESSION =
  'CLOSE ALL; RESET ALL; DEALLOCATE ALL; UNLISTEN *; SELECT pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES';

function sameText(expected: string, given: string): boolean {
  const a = Buffer.from(expected);
  const b = Buffer.from(given);
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Status byte of the last ReadyForQuery: idle, in a transaction, or in a failed transaction. */
function statusOf(answer: Buffer): string | undefined {
  const last = answer.subarray(-6);
  return last.length === 6 && last[0] === 0x5a && last.readInt32BE(1) === 5
    ? String.fromCharCode(last[5] ?? 0)
    : undefined;
}
