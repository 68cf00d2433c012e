import { usage } from '../core/errors.ts';
import type { ApiFault, ApiFaultKind } from './api-faults.ts';
import { GATEWAY_FAULT_NAMES, isGatewayFault, parseGatewayFaults } from './gateway/faults.ts';
import type { BootFault } from './machines/stand-ins/package-tools.ts';
import type { PoolPattern } from './services/ec2-market.ts';

/** `--fault` specs of every part of the sandbox. */

export interface FaultSpecs {
  /** For the message gateway, as they came. */
  readonly gateway: readonly string[];
  readonly api: readonly ApiFault[];
  readonly boot: readonly BootFault[];
  readonly capacity: readonly { readonly pool: PoolPattern; readonly code: string }[];
  /** EC2's describes lag this far behind. */
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
 * Understands `throttle=ec2:CreateFleet@2` (kind, action, which call), `boot=download-fails`,
 * `capacity=t4g.micro/eu-west-1a:InsufficientInstanceCapacity`, `ec2-lag=500` (ms), and the gateway's own specs.
 * Throws usage `bad-fault`.
 */
export function parseFaultSpecs(specs: readonly string[]): FaultSpecs {
  const gateway: string[] = [];
  const api: ApiFault[] = [];
  const boot: BootFault[] = [];
  const capacity: { pool: PoolPattern; code: string }[] = [];
  let consistencyMs = 0;
  for (const spec of specs) {
    const [name, value] = splitOnce(spec, '=');
    const kind = API_KINDS.find((candidate) => candidate === name);
    if (kind !== undefined) api.push(apiFault(spec, kind, value));
    else if (name === 'boot') boot.push(bootFault(spec, value));
    else if (name === 'capacity') capacity.push(capacityFault(spec, value));
    else if (name === 'ec2-lag') consistencyMs = milliseconds(spec, value);
    else if (isGatewayFault(spec)) gateway.push(spec);
    else throw badFault(spec);
  }
  // Said before anything starts; the gateway reads them again when it does.
  parseGatewayFaults(gateway);
  return { gateway, api, boot, capacity, consistencyMs };
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
  return {
    pool: {
      ...(type === undefined || type === '' || type === '*' ? {} : { instanceType: type }),
      ...(where === undefined ? {} : { where }),
    },
    code: code ?? 'InsufficientInstanceCapacity',
  };
}

function milliseconds(spec: string, value: string): number {
  if (!/^\d{1,6}$/.test(value)) throw badFault(spec, 'ec2-lag=MILLISECONDS');
  return Number(value);
}

function splitOnce(text: string, separator: string): readonly [string, string] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

const badFault = (spec: string, expected?: string): Error =>
  usage('bad-fault', `fault "${spec}" is not understood`, {
    hints: [
      expected === undefined
        ? `known: ${[...GATEWAY_FAULT_NAMES, ...API_KINDS, 'boot', 'capacity', 'ec2-lag'].join(', ')}`
        : `expected: ${expected}`,
    ],
  });
