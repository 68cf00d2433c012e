import { failed } from '../../core/errors.ts';
import type { ErrorDetails } from '../../core/facts/fact.ts';
import type { ErrorRole } from '../../core/errors.ts';
import type { ToolEvent } from '../../core/events.ts';

/**
 * The control protocol between a command and the supervisor of detached forwards: JSON lines over a socket that only its
 * owner can open. The supervisor speaks first (`Greeting`), the command sends one request, the supervisor answers and
 * closes.
 */

/** Raised with every change that an older or newer program would misread. */
export const CONTROL_PROTOCOL = 1;
/** The environment of a process is part of a request; Linux limits one to about 2 MB, and a usual one has 10 kB. */
export const MAX_LINE_BYTES = 4 * 1024 * 1024;
export const MAX_NAME_LENGTH = 200;
const MAX_WORDS = 1_000;
const MAX_LISTENERS = 200;

export interface Greeting {
  readonly type: 'greeting';
  readonly protocol: number;
  /** Version of the program. */
  readonly version: string;
  readonly pid: number;
}

export interface StartRequest {
  readonly type: 'start';
  readonly name: string;
  /** Equal for two starts that would open the same thing. Holds no secret. */
  readonly identity: string;
  /** Of the command `forward`, without `--detach`. */
  readonly argv: readonly string[];
  readonly cwd: string;
  /** Of the process of the forward. It may hold credentials, so that it is never written anywhere. */
  readonly env: Readonly<Record<string, string>>;
  /** How many listeners have to be ready, or have failed, until the start is complete. */
  readonly listeners: number;
}

export type Request =
  | StartRequest
  | { readonly type: 'list' }
  /** Undefined = all. */
  | { readonly type: 'stop'; readonly names: readonly string[] | undefined };

export interface ListenerState {
  readonly local: { readonly host: string; readonly port: number };
  readonly remote: { readonly [key: string]: string | number | readonly string[] };
  readonly via: string;
  readonly target: string;
  /** Open connections. */
  readonly open: number;
  /** Bytes from local programs, and bytes for them. */
  readonly sent: number;
  readonly received: number;
}

export interface ForwardState {
  readonly name: string;
  readonly identity: string;
  readonly state: 'starting' | 'open' | 'interrupted' | 'ended';
  readonly pid: number | undefined;
  /** Milliseconds since the epoch. */
  readonly since: number;
  readonly listeners: readonly ListenerState[];
  /** Why it was interrupted or has ended, or the last warning. */
  readonly reason: string | undefined;
  readonly exitStatus: number | undefined;
  /** Path of the log. */
  readonly log: string;
}

export interface ForwardError {
  readonly code: string;
  readonly role: ErrorRole;
  readonly message: string;
  readonly details: ErrorDetails;
  readonly exitStatus: number;
}

export type Answer =
  /** What the forward reports until it is ready. */
  | { readonly type: 'event'; readonly event: ToolEvent }
  | { readonly type: 'started'; readonly forward: ForwardState; readonly isNew: boolean }
  | { readonly type: 'failed'; readonly error: ForwardError }
  | { readonly type: 'taken'; readonly forward: ForwardState }
  | { readonly type: 'list'; readonly forwards: readonly ForwardState[] }
  | {
      readonly type: 'stopped';
      readonly forwards: readonly ForwardState[];
      readonly unknown: readonly string[];
    }
  | { readonly type: 'refused'; readonly reason: string };

export const encodeLine = (message: Greeting | Request | Answer): string => `${JSON.stringify(message)}\n`;

/** Cuts a stream of bytes into lines. */
export class LineReader {
  #rest: Buffer = Buffer.alloc(0);
  readonly #limit: number;

  constructor(limit = MAX_LINE_BYTES) {
    this.#limit = limit;
  }

  /** The complete lines so far. Throws `control-message` for a line that is too long, before it is complete. */
  push(bytes: Buffer): readonly string[] {
    const all = Buffer.concat([this.#rest, bytes]);
    const end = all.lastIndexOf(0x0a);
    const lines = end < 0 ? [] : all.subarray(0, end).toString('utf8').split('\n');
    this.#rest = all.subarray(end + 1);
    if (this.#rest.length > this.#limit || lines.some((line) => line.length > this.#limit))
      throw failed('control-message', `a line of the control protocol has more than ${this.#limit} bytes`);
    return lines;
  }
}

/** Undefined for everything that is no greeting; the fields that every version has are checked. */
export function parseGreeting(line: string): Greeting | undefined {
  const value = objectOf(line);
  if (value?.['type'] !== 'greeting') return undefined;
  const { protocol, version, pid } = value;
  if (typeof protocol !== 'number' || typeof version !== 'string' || !isPid(pid)) return undefined;
  return { type: 'greeting', protocol, version, pid };
}

/** Throws `control-message` for everything that is no request. */
export function parseRequest(line: string): Request {
  const value = objectOf(line);
  switch (value?.['type']) {
    case 'list':
      return { type: 'list' };
    case 'stop': {
      const { names } = value;
      if (names !== undefined && !isWords(names)) throw wrong('names');
      return { type: 'stop', names };
    }
    case 'start': {
      const { name, identity, argv, cwd, env, listeners } = value;
      if (!isText(name) || name.length > MAX_NAME_LENGTH) throw wrong('name');
      if (!isText(identity) || identity.length > MAX_NAME_LENGTH) throw wrong('identity');
      if (!isWords(argv)) throw wrong('argv');
      if (!isText(cwd)) throw wrong('cwd');
      if (!isEnvironment(env)) throw wrong('env');
      if (!Number.isInteger(listeners) || Number(listeners) < 1 || Number(listeners) > MAX_LISTENERS)
        throw wrong('listeners');
      return { type: 'start', name, identity, argv, cwd, env, listeners: Number(listeners) };
    }
    default:
      throw wrong('type');
  }
}

const ANSWERS: readonly unknown[] = ['event', 'started', 'failed', 'taken', 'list', 'stopped', 'refused'];

/**
 * An answer of a supervisor of this protocol, which runs as the same person: only its type is checked. Throws
 * `control-message`.
 */
export function parseAnswer(line: string): Answer {
  const value = objectOf(line);
  if (value === undefined || !ANSWERS.includes(value['type'])) throw wrong('type');
  return value as unknown as Answer;
}

const wrong = (field: string): Error =>
  failed('control-message', `a message of the control protocol has a wrong ${field}`);

function objectOf(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    return undefined;
  }
}

const isText = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && !value.includes('\0');

const isPid = (value: unknown): value is number => Number.isInteger(value) && Number(value) > 1;

const isWords = (value: unknown): value is readonly string[] =>
  Array.isArray(value) &&
  value.length <= MAX_WORDS &&
  value.every((word) => typeof word === 'string' && !word.includes('\0'));

const isEnvironment = (value: unknown): value is Readonly<Record<string, string>> =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  Object.entries(value).every(
    ([name, text]) => name !== '' && !name.includes('\0') && typeof text === 'string' && !text.includes('\0'),
  );
