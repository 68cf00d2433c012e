import type { AwsAccount } from '../aws/account.ts';
import type { Settings } from '../config/settings.ts';
import { type Arn, parseArn, resourceSegments } from '../core/arn.ts';
import { usage } from '../core/errors.ts';

/** An ARN contains the account and the region of the resource, and these must be the account and region in use. */

type Named = Pick<Settings, 'cluster' | 'service' | 'task'>;

const KINDS = ['cluster', 'service', 'task'] as const;

/**
 * Wraps the account: its ECS client is available only if the ARNs among cluster, service and task are of this account
 * and region. `ecs()` throws usage `arn-elsewhere` (both places named), `arn-kind`, or `conflicting-option` where two
 * ARNs name two clusters. The region is compared without a call, the account with one.
 */
export function withArnsChecked(account: AwsAccount, settings: Named): AwsAccount {
  let checked: Promise<void> | undefined;
  return {
    ...account,
    async ecs(throttling) {
      checked ??= refuseForeignArns(account, settings);
      await checked;
      return account.ecs(throttling);
    },
  };
}

/** `--task` takes several values, separated by commas. */
const valuesOf = (settings: Named, kind: (typeof KINDS)[number]): readonly string[] =>
  settings[kind]?.split(',') ?? [];

async function refuseForeignArns(account: AwsAccount, settings: Named): Promise<void> {
  const arns = KINDS.flatMap((kind) => {
    const values = valuesOf(settings, kind).filter((value) => value.startsWith('arn:'));
    return values.map((value) => ({ kind, value, arn: ecsArn(kind, value) }));
  });
  if (arns.length === 0) return;
  refuseTwoClusters(settings);
  await refuseElsewhere(arns, account);
}

interface NamedArn {
  /** The kind of resource, for the error: `cluster`. */
  readonly kind: string;
  readonly value: string;
  readonly arn: Arn;
  /** True for resources that another account may share: subnets and VPCs (AWS RAM). */
  readonly mayBeShared?: boolean;
}

/** All regions are compared before the first account, because that needs no call. */
async function refuseElsewhere(arns: readonly NamedArn[], account: AwsAccount): Promise<void> {
  const here = { region: account.region };
  for (const { kind, value, arn } of arns)
    if (arn.service !== 'iam' && arn.region !== account.region) throw elsewhere(kind, value, arn, here);
  const { accountId, partition } = await (await account.identity()).caller();
  for (const { kind, value, arn, mayBeShared = false } of arns) {
    const isOther = arn.account !== accountId && !mayBeShared;
    if (isOther || arn.partition !== partition)
      throw elsewhere(kind, value, arn, { ...here, account: accountId, partition });
  }
}

/** The kind of ARN that each flag of `up` accepts, and whether another account may share the resource. */
const RESOURCES = {
  vpc: { service: 'ec2', types: ['vpc'], mayBeShared: true },
  subnet: { service: 'ec2', types: ['subnet'], mayBeShared: true },
  'client-security-group': { service: 'ec2', types: ['security-group'], mayBeShared: false },
  db: { service: 'rds', types: ['db', 'cluster'], mayBeShared: false },
  role: { service: 'iam', types: ['instance-profile'], mayBeShared: false },
} as const;

/**
 * Replaces ARNs of VPCs, subnets, security groups, databases or instance profiles by ids; they are checked like those of ECS. Throws usage
 * `arn-elsewhere`, `arn-kind`.
 */
export async function localIds(
  kind: keyof typeof RESOURCES,
  values: readonly string[],
  account: AwsAccount,
): Promise<readonly string[]> {
  const { service, types, mayBeShared } = RESOURCES[kind];
  const arns = values.flatMap((value) => {
    if (!value.startsWith('arn:')) return [];
    const arn = parseArn(value);
    const [type = ''] = arn?.resource.split(/[:/]/) ?? [];
    if (arn?.service === service && types.some((known) => known === type))
      return [{ kind, value, arn, mayBeShared }];
    throw usage('arn-kind', `--${kind} does not take ${value}`, {
      details: { flag: `--${kind}`, value, expected: `an ARN of ${service}: ${types.join(' or ')}` },
    });
  });
  if (arns.length === 0) return values;
  await refuseElsewhere(arns, account);
  return values.map((value) => parseArn(value)?.resource.split(/[:/]/).at(-1) ?? value);
}

function ecsArn(kind: (typeof KINDS)[number], value: string): Arn {
  const arn = parseArn(value);
  if (arn?.service === 'ecs' && resourceSegments(value)[0] === kind) return arn;
  const is =
    arn === undefined ? 'no complete ARN' : `the ARN of a ${arn.service} ${arn.resource.split(/[:/]/)[0]}`;
  throw usage('arn-kind', `--${kind} takes an ECS ${kind}, and ${value} is ${is}`, {
    details: { flag: `--${kind}`, value, expected: `arn:aws:ecs:REGION:ACCOUNT:${kind}/…` },
  });
}

/** `service/CLUSTER/NAME` and `task/CLUSTER/ID` name their cluster; ARNs in the short format of old accounts do not. */
function refuseTwoClusters(settings: Named): void {
  const named = KINDS.flatMap((kind) =>
    valuesOf(settings, kind).flatMap((value) => {
      const segments = resourceSegments(value);
      const cluster =
        kind === 'cluster' ? (segments[1] ?? value) : segments.length === 3 ? segments[1] : undefined;
      return cluster === undefined ? [] : [{ kind, cluster }];
    }),
  );
  const [first, ...others] = named;
  const other = others.find(({ cluster }) => cluster !== first?.cluster);
  if (first === undefined || other === undefined) return;
  throw usage(
    'conflicting-option',
    `the ${first.kind} is in cluster ${first.cluster}, and the ${other.kind} in cluster ${other.cluster}`,
    { details: { expected: 'name one cluster' } },
  );
}

interface Place {
  readonly region: string;
  readonly account?: string;
  readonly partition?: string;
}

const placeOf = ({ region, account, partition }: Place): string =>
  [
    ...(region === '' ? ['IAM'] : [region]),
    ...(account === undefined ? [] : [`of account ${account}`]),
    ...(partition === undefined || partition === 'aws' ? [] : [`(${partition})`]),
  ].join(' ');

const elsewhere = (kind: string, value: string, arn: Arn, here: Place): Error =>
  usage(
    'arn-elsewhere',
    `${kind} ${value} is in ${placeOf(arn)}; the credentials are used in ${placeOf(here)}`,
    {
      details: {
        arn: value,
        arnRegion: arn.region,
        arnAccount: arn.account,
        region: here.region,
        account: here.account,
      },
    },
  );
