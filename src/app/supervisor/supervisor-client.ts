import { type Clock, withDeadline } from '../../core/clock.ts';
import { failed, noMatch, ToolError } from '../../core/errors.ts';
import type { Report } from '../../core/events.ts';
import {
  type Answer,
  CONTROL_PROTOCOL,
  encodeLine,
  type ForwardState,
  LineReader,
  parseAnswer,
  parseGreeting,
  type Request,
  type StartRequest,
} from './control-messages.ts';
import type { ControlConnection } from './supervisor.ts';

/** The control socket, as a command sees it. */
export interface SupervisorAccess {
  readonly clock: Clock;
  /** Of the socket, for messages. */
  readonly path: string;
  /** Undefined if no supervisor listens. Throws `runtime-folder` if the socket belongs to somebody else. */
  connect(): Promise<ControlConnection | undefined>;
  /**
   * Starts a supervisor, unless another command has just done so, and resolves when it listens. A socket that nobody
   * listens to is removed first. Throws `supervisor-not-started`.
   */
  ensure(): Promise<void>;
}

/** A supervisor of another version, or another program, may never greet. */
const GREETING_MS = 5_000;

/**
 * Resolves when the forward is ready; `isNew` is false if the same one had been started before. Throws the error with
 * which the forward failed, `forward-name-taken`, `supervisor-version`, `supervisor-silent`, `supervisor-lost`.
 */
export async function startDetached(
  request: StartRequest,
  access: SupervisorAccess,
  report: Report,
): Promise<{ readonly forward: ForwardState; readonly isNew: boolean }> {
  for (let attempt = 1; ; attempt++) {
    const connection = await connected(access);
    try {
      const answer = await exchange(connection, request, access, report);
      if (answer.type === 'started') return answer;
      if (answer.type === 'failed') {
        const { role, code, message, details, exitStatus } = answer.error;
        throw new ToolError(role, code, message, { details, exitStatus });
      }
      if (answer.type === 'taken')
        throw failed(
          'forward-name-taken',
          `another forward is called ${request.name}, and was started with other settings`,
          { details: { name: request.name } },
        );
      throw unexpected(answer);
    } catch (error) {
      // A supervisor that was about to end, because it had nothing to do, may close the connection.
      const isLost = error instanceof ToolError && error.code === 'supervisor-lost';
      if (!isLost || attempt >= 3 || error.details['hasBegun'] === true) throw error;
    }
  }
}

/** Empty where no supervisor runs. */
export async function listDetached(access: SupervisorAccess): Promise<readonly ForwardState[]> {
  const connection = await access.connect();
  if (connection === undefined) return [];
  const answer = await exchange(connection, { type: 'list' }, access);
  if (answer.type !== 'list') throw unexpected(answer);
  return answer.forwards;
}

/**
 * Resolves when the forwards have ended. `names` undefined = all. Throws `detached-not-found` if a name is unknown; the
 * others are stopped all the same.
 */
export async function stopDetached(
  names: readonly string[] | undefined,
  access: SupervisorAccess,
): Promise<readonly ForwardState[]> {
  const connection = await access.connect();
  const answer: Answer =
    connection === undefined
      ? { type: 'stopped', forwards: [], unknown: names ?? [] }
      : await exchange(connection, { type: 'stop', names }, access);
  if (answer.type !== 'stopped') throw unexpected(answer);
  const [unknown] = answer.unknown;
  if (unknown !== undefined)
    throw noMatch('detached-not-found', `no detached forward is called ${unknown}`, {
      details: { name: unknown, stopped: answer.forwards.map(({ name }) => name) },
    });
  return answer.forwards;
}

async function connected(access: SupervisorAccess): Promise<ControlConnection> {
  const first = await access.connect();
  if (first !== undefined) return first;
  await access.ensure();
  const second = await access.connect();
  if (second === undefined)
    throw failed('supervisor-not-started', 'the supervisor of detached forwards ended at once');
  return second;
}

/** The last answer to a request; the events before it are reported. */
async function exchange(
  connection: ControlConnection,
  request: Request,
  { clock, path: socket }: Pick<SupervisorAccess, 'clock' | 'path'>,
  report: Report = () => undefined,
): Promise<Exclude<Answer, { readonly type: 'event' }>> {
  const lines = new Lines(connection);
  try {
    const line = await withDeadline(clock, GREETING_MS, lines.next(), () =>
      failed('supervisor-silent', `what listens on ${socket} does not greet`, { details: { socket } }),
    );
    refuseOtherVersions(line, socket);
    connection.write(encodeLine(request));
    for (;;) {
      const answer = parseAnswer(await lines.next());
      if (answer.type !== 'event') return answer;
      report(answer.event);
    }
  } finally {
    connection.end();
  }
}

function refuseOtherVersions(line: string, socket: string): void {
  const greeting = parseGreeting(line);
  if (greeting === undefined)
    throw failed('supervisor-silent', `what listens on ${socket} is no supervisor of this program`, {
      details: { socket },
    });
  const { protocol, version, pid } = greeting;
  if (protocol !== CONTROL_PROTOCOL)
    throw failed(
      'supervisor-version',
      `the supervisor of the detached forwards has the version ${version}, which this one cannot talk to`,
      { details: { version, pid } },
    );
}

const unexpected = (answer: Answer): Error =>
  failed(
    'control-message',
    answer.type === 'refused'
      ? `the supervisor refused the request: ${answer.reason}`
      : `the supervisor answered with ${answer.type}`,
  );

/** The lines of a connection, one after the other. */
class Lines {
  readonly #reader = new LineReader();
  readonly #lines: string[] = [];
  #wake: (() => void) | undefined;
  #error: unknown;
  #isClosed = false;
  #count = 0;

  constructor(connection: ControlConnection) {
    connection.onBytes((bytes) => {
      try {
        this.#lines.push(...this.#reader.push(bytes));
      } catch (error) {
        this.#error = error;
      }
      this.#wake?.();
    });
    connection.onClose(() => {
      this.#isClosed = true;
      this.#wake?.();
    });
  }

  /** Throws `supervisor-lost` when the connection is closed first. */
  async next(): Promise<string> {
    for (;;) {
      const line = this.#lines.shift();
      if (line !== undefined) {
        this.#count++;
        return line;
      }
      if (this.#error !== undefined) throw this.#error;
      if (this.#isClosed)
        throw failed('supervisor-lost', 'the supervisor of detached forwards has closed the connection', {
          details: { hasBegun: this.#count > 1 },
        });
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
