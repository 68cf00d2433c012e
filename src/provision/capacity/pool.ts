import { access, failed, usage } from '../../core/errors.ts';
import type { FleetError, FleetOverride, Market } from '../ports/ec2.ts';
import type { Architecture, Image, SpotPrice } from '../ports/images.ts';

/**
 * Small types, arm64 first. There is no nano type, because AL2023 runs out of memory with 512 MiB
 * (docs/reference/ec2-spot.md §3).
 */
export const DEFAULT_TYPES: readonly string[] = ['t4g.micro', 't4g.small', 't3a.micro', 't3.micro'];

/** Read from the type's name, where `g` after the generation means Graviton (`t4g`, `c7gn`); `a1` is the exception. Throws `instance-type`. */
export function architectureOf(instanceType: string): Architecture {
  const match = /^([a-z]+(?:-[a-z0-9]+)?)(\d+)([a-z0-9-]*)\.([a-z0-9-]+)$/.exec(instanceType);
  const family = match?.[1];
  const attributes = match?.[3] ?? '';
  if (family === undefined || family === 'mac') {
    throw usage('instance-type', `${JSON.stringify(instanceType)} is no instance type for a bastion`, {
      details: { instanceType, examples: DEFAULT_TYPES },
    });
  }
  if (family === 'a') return 'arm64';
  return attributes.includes('g') ? 'arm64' : 'x86_64';
}

/** Throws `instance-type` for nano types, which cannot install anything, not even security updates. */
export function checkTypes(types: readonly string[]): readonly string[] {
  for (const type of types) {
    architectureOf(type);
    if (type.endsWith('.nano')) {
      throw usage('instance-type', `${type} has too little memory to install anything`, {
        details: { instanceType: type, examples: ['t4g.micro'] },
      });
    }
  }
  return [...new Set(types)];
}

export const architecturesOf = (types: readonly string[]): readonly Architecture[] => [
  ...new Set(types.map(architectureOf)),
];

/** Every type in every subnet, in the order of preference. Throws `image-missing` when an architecture has no image. */
export function overrides(
  types: readonly string[],
  subnetIds: readonly string[],
  images: readonly Image[],
): readonly FleetOverride[] {
  return types.flatMap((instanceType, priority) => {
    const architecture = architectureOf(instanceType);
    const image = images.find((candidate) => candidate.architecture === architecture);
    if (image === undefined) {
      throw failed('image-missing', `no ${architecture} image for ${instanceType}`, {
        details: { instanceType, architecture },
      });
    }
    return subnetIds.map((subnetId) => ({ instanceType, subnetId, imageId: image.id, priority }));
  });
}

/** Kinds of launch errors, grouped by what can be done about them. */
export type LaunchProblem = 'denied' | 'capacity' | 'quota' | 'service-linked-role' | 'not-settled' | 'other';

const CAPACITY = new Set([
  'InsufficientInstanceCapacity',
  'UnfulfillableCapacity',
  'InsufficientFreeAddressesInSubnet',
  'Unsupported',
  'SpotMaxPriceTooLow',
  'InsufficientCapacity',
]);
/** Names, in Service Quotas, of the quotas that apply to the instance types of a bastion. */
const QUOTA_NAME: Readonly<Record<Market, string>> = {
  spot: 'All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests',
  'on-demand': 'Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances',
};
const QUOTA = new Set(['MaxSpotInstanceCountExceeded', 'VcpuLimitExceeded', 'MaxFleetCountExceeded']);
const NOT_SETTLED = new Set([
  'InvalidLaunchTemplateId.NotFound',
  'InvalidLaunchTemplateName.NotFoundException',
  'InvalidLaunchTemplateId.NotFoundException',
  'InvalidGroup.NotFound',
  'InvalidIamInstanceProfileArn.NotFound',
  'InvalidIAMInstanceProfile.NotFound',
]);

/**
 * EC2 reports a profile that it does not see yet as plain InvalidParameterValue; only the parameter named in the text
 * tells it apart (docs/reference/ec2-spot.md §2).
 */
export function launchProblem(error: Pick<FleetError, 'code' | 'message'>): LaunchProblem {
  if (error.code === 'UnauthorizedOperation' || error.code === 'AccessDenied') return 'denied';
  if (CAPACITY.has(error.code)) return 'capacity';
  if (QUOTA.has(error.code)) return 'quota';
  if (error.code === 'AuthFailure.ServiceLinkedRoleCreationNotPermitted') return 'service-linked-role';
  if (NOT_SETTLED.has(error.code)) return 'not-settled';
  if (error.code.startsWith('Invalid') && /iam ?instance ?profile|associated IAM Roles/i.test(error.message))
    return 'not-settled';
  return 'other';
}

/**
 * The most severe problem decides: trying another pool helps neither with a missing role nor with a denied permission.
 */
export function worstProblem(errors: readonly FleetError[]): LaunchProblem {
  const found = new Set(errors.map(launchProblem));
  const order: readonly LaunchProblem[] = [
    'denied',
    'service-linked-role',
    'not-settled',
    'other',
    'quota',
    'capacity',
  ];
  return order.find((problem) => found.has(problem)) ?? 'other';
}

/** One line for each pool that refused: `t4g.micro in subnet-1 (eu-west-1a): InsufficientInstanceCapacity`. */
export function describeErrors(errors: readonly FleetError[], zones: ReadonlyMap<string, string>): string[] {
  const lines = errors.map((error) => {
    const zone = zones.get(error.subnetId ?? '');
    const where =
      error.subnetId === undefined
        ? ''
        : ` in ${error.subnetId}${zone === undefined || zone === '' ? '' : ` (${zone})`}`;
    const detail = launchProblem(error) === 'capacity' ? '' : `: ${error.message}`;
    return `${error.instanceType ?? 'any type'}${where}: ${error.code}${detail}`;
  });
  return [...new Set(lines)];
}

/** The action in "… is not authorized to perform: iam:PassRole on resource …"; the fleet's own launch call otherwise. */
function deniedAction(errors: readonly FleetError[]): string {
  for (const error of errors) {
    const action = /not authorized to perform:? ([a-z0-9-]+:[A-Za-z]+)/.exec(error.message)?.[1];
    if (action !== undefined) return action;
  }
  return 'ec2:RunInstances';
}

/**
 * The error for a fleet without an instance: `access-denied`, `no-capacity`, `quota-exceeded`, `spot-role-missing`,
 * `not-settled`, `launch-refused`. The refusal of each pool was reported before (`describeErrors`); the error holds
 * them as details.
 */
export function launchFailure(
  errors: readonly FleetError[],
  market: Market,
  zones: ReadonlyMap<string, string>,
): Error {
  const lines = describeErrors(errors, zones);
  const problem = worstProblem(errors);
  const details = { market, pools: lines };
  switch (problem) {
    case 'denied': {
      const action = deniedAction(errors);
      return access('access-denied', `not allowed to call ${action}: ${lines[0] ?? 'EC2 names no reason'}`, {
        details: {
          ...details,
          ...errors.find((error) => error.denial !== undefined)?.denial,
          action,
          awsError: 'UnauthorizedOperation',
          types: [...new Set(errors.flatMap((error) => error.instanceType ?? []))],
        },
      });
    }
    case 'capacity':
      return failed('no-capacity', `no ${market} capacity in any of ${lines.length} pools`, {
        details,
      });
    case 'quota':
      return failed('quota-exceeded', `the account's ${market} quota is used up`, {
        details: { ...details, quota: QUOTA_NAME[market] },
      });
    case 'service-linked-role':
      return failed(
        'spot-role-missing',
        'the account has never used spot: AWSServiceRoleForEC2Spot is missing',
        {
          details,
        },
      );
    case 'not-settled':
      return failed('not-settled', 'EC2 still does not find resources that were just created', {
        details,
      });
    case 'other':
      return failed('launch-refused', `EC2 refused the launch: ${lines[0] ?? 'no reason given'}`, {
        details,
      });
    default:
      return problem satisfies never;
  }
}

/** Lowest current price among the pools of these types and zones; undefined if EC2 returned no price. */
export function cheapestPool(
  prices: readonly SpotPrice[],
  types: readonly string[],
  zones: readonly string[],
): SpotPrice | undefined {
  const newest = new Map<string, SpotPrice>();
  for (const price of prices) {
    if (!types.includes(price.instanceType) || !zones.includes(price.zone)) continue;
    if (!Number.isFinite(price.dollarsPerHour)) continue;
    const key = `${price.instanceType} ${price.zone}`;
    const known = newest.get(key);
    if (known === undefined || known.at < price.at) newest.set(key, price);
  }
  return [...newest.values()].sort((a, b) => a.dollarsPerHour - b.dollarsPerHour)[0];
}
