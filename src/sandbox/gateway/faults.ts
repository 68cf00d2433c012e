import { usage } from '../../core/errors.ts';

/**
 * When a cut happens: after relayed bytes or after a time, once or repeatedly. Times count from the opening of the
 * session's first data channel.
 */
export interface CutRule {
  readonly repeat: boolean;
  readonly unit: 'bytes' | 'ms';
  readonly amount: number;
}

/** Faults between a client and its agent. Probabilities are per relayed message, in each direction. */
export interface GatewayFaultPlan {
  readonly drop: number;
  readonly duplicate: number;
  readonly reorder: number;
  readonly delayMs: number;
  readonly cutClient: CutRule | undefined;
  readonly cutAgent: CutRule | undefined;
  /** The client's WebSocket is closed with code 1000, as the service does about hourly. */
  readonly close1000: CutRule | undefined;
  readonly refuseResume: 'forbidden' | 'expired' | 'no-token' | undefined;
  /** Sockets stay open; nothing is relayed and no ping is answered. */
  readonly silent: boolean;
  /** The agent takes one message per this many ms; 0 = at once. */
  readonly slowAgentMs: number;
  /**
   * What the client of a session sees when the machine stops: channel_closed unless given; `paused` = the agent is
   * disconnected, and the session stays open; `silent` = nothing.
   */
  readonly targetStops: 'paused' | 'silent' | undefined;
}

const NO_FAULTS: GatewayFaultPlan = {
  drop: 0,
  duplicate: 0,
  reorder: 0,
  delayMs: 0,
  cutClient: undefined,
  cutAgent: undefined,
  close1000: undefined,
  refuseResume: undefined,
  silent: false,
  slowAgentMs: 0,
  targetStops: undefined,
};

const NAMES = [
  'drop',
  'duplicate',
  'reorder',
  'delay',
  'cut-client',
  'cut-agent',
  'close-1000',
  'refuse-resume',
  'silent',
  'slow-agent',
  'target-stops',
] as const;

type FaultName = (typeof NAMES)[number];

const isFaultName = (name: string): name is FaultName => (NAMES as readonly string[]).includes(name);

/** True if the spec is one for the gateway, well-formed or not. */
export const isGatewayFault = (spec: string): boolean => isFaultName(spec.split('=')[0] ?? '');

/** The names that `parseGatewayFaults` accepts, for help texts. */
export const GATEWAY_FAULT_NAMES: readonly string[] = NAMES;

/**
 * Specs like `drop=0.05` or `cut-client=every:65536`, several in one text separated by commas. Throws usage
 * `bad-fault`.
 */
export function parseGatewayFaults(specs: readonly string[]): GatewayFaultPlan {
  return specs
    .flatMap((spec) => spec.split(','))
    .map((spec) => spec.trim())
    .filter((spec) => spec !== '')
    .reduce<GatewayFaultPlan>((plan, spec) => ({ ...plan, ...parseOne(spec) }), NO_FAULTS);
}

function parseOne(spec: string): Partial<GatewayFaultPlan> {
  const [name, value] = splitOnce(spec, '=');
  if (!isFaultName(name)) throw badFault(spec, `one of ${NAMES.join(', ')}`);
  switch (name) {
    case 'drop':
    case 'duplicate':
    case 'reorder':
      return { [name]: probability(spec, value) };
    case 'delay':
      return { delayMs: duration(spec, value) };
    case 'slow-agent':
      return { slowAgentMs: value === undefined ? 20 : duration(spec, value) };
    case 'cut-client':
      return { cutClient: cutRule(spec, value) };
    case 'cut-agent':
      return { cutAgent: cutRule(spec, value) };
    case 'close-1000':
      return { close1000: cutRule(spec, value) };
    case 'silent':
      if (value !== undefined) throw badFault(spec, 'silent');
      return { silent: true };
    case 'target-stops':
      if (value !== 'paused' && value !== 'silent')
        throw badFault(spec, 'target-stops=paused or target-stops=silent');
      return { targetStops: value };
    case 'refuse-resume':
      return { refuseResume: refusal(spec, value) };
    default:
      return name satisfies never;
  }
}

function splitOnce(text: string, separator: string): readonly [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

const badFault = (spec: string, expected: string): Error =>
  usage('bad-fault', `fault "${spec}" is not understood`, { details: { expected } });

function probability(spec: string, value: string | undefined): number {
  const number = value === undefined || value === '' ? Number.NaN : Number(value);
  if (!(number >= 0 && number <= 1)) throw badFault(spec, 'a probability from 0 to 1, e.g. drop=0.05');
  return number;
}

const DURATION = /^(\d+(?:\.\d+)?)(ms|s|m)$/;
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 };

function durationMs(value: string): number | undefined {
  const match = DURATION.exec(value);
  if (match === null) return undefined;
  return Number(match[1]) * (UNIT_MS[match[2] ?? ''] ?? Number.NaN);
}

function duration(spec: string, value: string | undefined): number {
  const ms = durationMs(value ?? '');
  if (ms === undefined) throw badFault(spec, 'a duration, e.g. delay=20ms');
  return ms;
}

function cutRule(spec: string, value: string | undefined): CutRule {
  const [when, amount = ''] = splitOnce(value ?? '', ':');
  const expected = 'every:65536, after:65536, every:2s or after:1.5s';
  if (when !== 'every' && when !== 'after') throw badFault(spec, expected);
  const ms = durationMs(amount);
  if (ms !== undefined && ms > 0) return { repeat: when === 'every', unit: 'ms', amount: ms };
  if (!/^[1-9]\d*$/.test(amount)) throw badFault(spec, expected);
  return { repeat: when === 'every', unit: 'bytes', amount: Number(amount) };
}

function refusal(spec: string, value: string | undefined): GatewayFaultPlan['refuseResume'] {
  switch (value) {
    case undefined:
    case '403':
      return 'forbidden';
    case 'expired':
    case 'no-token':
      return value;
    default:
      throw badFault(
        spec,
        'refuse-resume, refuse-resume=403, refuse-resume=expired or refuse-resume=no-token',
      );
  }
}

/** The current faults; a change applies to running sessions too. */
export class GatewayFaults {
  #plan: GatewayFaultPlan;
  readonly #listeners = new Set<() => void>();

  constructor(specs: readonly string[] = []) {
    this.#plan = parseGatewayFaults(specs);
  }

  get plan(): GatewayFaultPlan {
    return this.#plan;
  }

  /** Replaces all faults; no argument clears them. Throws usage `bad-fault`. */
  set(...specs: readonly string[]): void {
    this.#plan = parseGatewayFaults(specs);
    for (const listener of this.#listeners) listener();
  }

  /** Calls back after each change; the returned function stops it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
