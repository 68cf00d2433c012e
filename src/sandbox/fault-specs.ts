import { usage } from '../core/errors.ts';
import type { ApiFault, ApiFaultKind } from './api-faults.ts';
import { GATEWAY_FAULT_NAMES, isGatewayFault, parseGatewayFaults } from './gateway/faults.ts';
import type { BootFault } from './machines/stand-ins/package-tools.ts';
import type { PoolPattern } from './services/ec2/ec2-market.ts';

/** `--fault` specs of every part of the sandbox. */

export interface FaultSpecs {
  /** Specs for the message gateway, unparsed. */
  readonly gateway: readonly string[];
  readonly api: readonly ApiFault[];
  readonly boot: readonly BootFault[];
  readonly capacity: readonly { readonly pool: PoolPattern; readonly code: string }[];
  /** Dollars per hour. */
  readonly prices: readonly { readonly pool: PoolPattern; readonly price: number }[];
  /** Time from the start of an instance to its interruption notice. */
  readonly interruptions: readonly { readonly pool: PoolPattern; readonly afterMs: number }[];
  /** vCPUs that may run at the same time. */
  readonly quota: { readonly spotVcpus?: number; readonly onDemandVcpus?: number };
  /** Whether the account has never used Spot. */
  readonly noSpotRole: boolean;
  /** EC2's describe calls lag this many ms behind. */
  readonly consistencyMs: number;
}

const API_KINDS: readonly ApiFaultKind[] = [
  'throttle',
  'server-error',
  'access-denied',
  'not-found',
  'drop-before',
  'drop-after',
];

const BOOT_FAULTS: readonly BootFault[] = [
  'download-fails',
  'bad-signature',
  'disk-full',
  'dnf-fails',
  'hang',
];

/**
 * Parses `throttle=ec2:CreateFleet@2` (kind, action, which call), `boot=download-fails`,
 * `capacity=t4g.micro/eu-west-1a:InsufficientInstanceCapacity`, `price=t3.micro/eu-west-1b:0.0007`, `quota=spot:0`
 * (vCPUs), `interrupt=t4g.micro/eu-west-1a:30` (seconds after the start), `no-spot-role`, `ec2-lag=500` (ms), and the
 * gateway's own specs. Throws usage `bad-fault`.
 */
export function parseFaultSpecs(specs: readonly string[]): FaultSpecs {
  const gateway: string[] = [];
  const api: ApiFault[] = [];
  const boot: BootFault[] = [];
  const capacity: { pool: PoolPattern; code: string }[] = [];
  const prices: { pool: PoolPattern; price: number }[] = [];
  const interruptions: { pool: PoolPattern; afterMs: number }[] = [];
  let quota: FaultSpecs['quota'] = {};
  let noSpotRole = false;
  let consistencyMs = 0;
  for (const spec of specs) {
    const [name, value] = splitOnce(spec, '=');
    const kind = API_KINDS.find((candidate) => candidate === name);
    if (kind !== undefined) api.push(apiFault(spec, kind, value));
    else if (name === 'boot') boot.push(bootFault(spec, value));
    else if (name === 'capacity') capacity.push(capacityFault(spec, value));
    else if (name === 'price') {
      const { pool, amount } = amountOf(spec, value, PRICE);
      prices.push({ pool, price: amount });
    } else if (name === 'interrupt') {
      const { pool, amount } = amountOf(spec, value, INTERRUPT);
      interruptions.push({ pool, afterMs: amount * 1000 });
    } else if (name === 'quota') quota = { ...quota, ...quotaOf(spec, value) };
    else if (spec === 'no-spot-role') noSpotRole = true;
    else if (name === 'ec2-lag') consistencyMs = milliseconds(spec, value);
    else if (isGatewayFault(spec)) gateway.push(spec);
    else throw badFault(spec);
  }
  // Checked here so that a bad spec is reported before anything starts; the gateway parses the specs again when it
  // starts.
  parseGatewayFaults(gateway);
  return { gateway, api, boot, capacity, prices, interruptions, quota, noSpotRole, consistencyMs };
}

function apiFault(spec: string, kind: ApiFaultKind, value: string): ApiFault {
  const match = /^(?:([a-z0-9]+:(?:\*|[A-Za-z0-9]+)))?(?:@([1-9]\d{0,5}))?$/.exec(value);
  if (match === null) throw badFault(spec, `${kind}=SERVICE:ACTION@N, e.g. ${kind}=ec2:CreateFleet@1`);
  const [, action, at] = match;
  return {
    kind,
    ...(action === undefined ? {} : { action }),
    ...(at === undefined ? {} : { at: Number(at) }),
  };
}

function bootFault(spec: string, value: string): BootFault {
  const fault = BOOT_FAULTS.find((candidate) => candidate === value);
  if (fault === undefined) throw badFault(spec, `boot= and one of ${BOOT_FAULTS.join(', ')}`);
  return fault;
}

function capacityFault(spec: string, value: string): { pool: PoolPattern; code: string } {
  const match = /^([a-z0-9.*]*)(?:\/([a-z0-9-]+))?(?::([A-Za-z.]+))?$/.exec(value);
  if (match === null) throw badFault(spec, 'capacity=TYPE/ZONE:CODE, e.g. capacity=t4g.micro/eu-west-1a');
  const [, type, where, code] = match;
  return { pool: poolOf(type, where), code: code ?? 'InsufficientInstanceCapacity' };
}

const poolOf = (type: string | undefined, where: string | undefined): PoolPattern => ({
  ...(type === undefined || type === '' || type === '*' ? {} : { instanceType: type }),
  ...(where === undefined ? {} : { where }),
});

const PRICE = 'price=TYPE/ZONE:DOLLARS, e.g. price=t3.micro/eu-west-1b:0.0007';
const INTERRUPT = 'interrupt=TYPE/ZONE:SECONDS, e.g. interrupt=t4g.micro/eu-west-1a:30';

function amountOf(
  spec: string,
  value: string,
  expected: string,
): { readonly pool: PoolPattern; readonly amount: number } {
  const match = /^([a-z0-9.*]*)(?:\/([a-z0-9-]+))?:(\d{1,4}(?:\.\d{1,6})?)$/.exec(value);
  if (match === null) throw badFault(spec, expected);
  const [, type, where, amount] = match;
  return { pool: poolOf(type, where), amount: Number(amount) };
}

function quotaOf(spec: string, value: string): FaultSpecs['quota'] {
  const match = /^(spot|on-demand):(\d{1,5})$/.exec(value);
  if (match === null) throw badFault(spec, 'quota=spot:VCPUS or quota=on-demand:VCPUS');
  const vcpus = Number(match[2]);
  return match[1] === 'spot' ? { spotVcpus: vcpus } : { onDemandVcpus: vcpus };
}

function milliseconds(spec: string, value: string): number {
  if (!/^\d{1,6}$/.test(value)) throw badFault(spec, 'ec2-lag=MILLISECONDS');
  return Number(value);
}

function splitOnce(text: string, separator: string): readonly [string, string] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

const FAULT_NAMES = [
  ...GATEWAY_FAULT_NAMES,
  ...API_KINDS,
  'boot',
  'capacity',
  'price',
  'interrupt',
  'quota',
  'no-spot-role',
  'ec2-lag',
];

const badFault = (spec: string, expected?: string): Error =>
  usage('bad-fault', `fault "${spec}" is not understood`, {
    details: { expected, known: expected === undefined ? FAULT_NAMES : undefined },
  });
