import type { AwsAccount } from '../aws/account.ts';
import type { Settings } from '../config/settings.ts';
import { type Arn, idOfArn, parseArn, resourceSegments } from '../core/arn.ts';
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
      checked ??= refuseForeignEcsArns(settings, placeInUse(account));
      await checked;
      return account.ecs(throttling);
    },
  };
}

/** `--task` takes several values, separated by commas. */
const valuesOf = (settings: Named, kind: (typeof KINDS)[number]): readonly string[] =>
  settings[kind]?.split(',') ?? [];

/**
 * Checks the ARNs among cluster, service and task. Throws usage `arn-elsewhere`, `arn-kind`, or `conflicting-option`
 * where two ARNs name two clusters.
 */
export async function refuseForeignEcsArns(settings: Named, place: PlaceInUse): Promise<void> {
  const arns = KINDS.flatMap((kind) => {
    const values = valuesOf(settings, kind).filter((value) => value.startsWith('arn:'));
    return values.map((value) => ({ kind, value, arn: ecsArn(kind, value) }));
  });
  if (arns.length === 0) return;
  refuseTwoClusters(settings);
  await refuseElsewhere(arns, place);
}

/** The place in which the resources of ARNs must be. A part that is not known is not compared. */
export interface PlaceInUse {
  readonly region: string | undefined;
  caller(): Promise<{ readonly accountId: string | undefined; readonly partition: string | undefined }>;
  /** What the place belongs to: the credentials, or the policy document that is printed. */
  readonly usedBy: 'credentials' | 'document';
  /** True if subnets and VPCs that another account shares (AWS RAM) are accepted. */
  readonly acceptsShared: boolean;
}

/** The account and region of the credentials. STS is asked once, and only if an ARN is of this region. */
export function placeInUse(account: Pick<AwsAccount, 'region' | 'identity'>): PlaceInUse {
  let caller: ReturnType<PlaceInUse['caller']> | undefined;
  return {
    region: account.region,
    caller: () => (caller ??= account.identity().then((identity) => identity.caller())),
    usedBy: 'credentials',
    acceptsShared: true,
  };
}

const GLOBAL_SERVICES = ['iam', 'sts'];

interface NamedArn {
  /** The kind of resource, for the error: `cluster`. */
  readonly kind: string;
  readonly value: string;
  readonly arn: Arn;
  /** True for resources that another account may share: subnets and VPCs (AWS RAM). */
  readonly mayBeShared?: boolean;
}

/**
 * Compares all regions before the first account, because that needs no call. The ARNs of IAM and STS have no region of
 * their resource. Throws usage `arn-elsewhere`.
 */
export async function refuseElsewhere(arns: readonly NamedArn[], place: PlaceInUse): Promise<void> {
  const { region, usedBy } = place;
  const differs = (part: string, here: string | undefined): boolean => here !== undefined && part !== here;
  for (const { kind, value, arn } of arns)
    if (!GLOBAL_SERVICES.includes(arn.service) && differs(arn.region, region))
      throw elsewhere(kind, value, arn, { region, usedBy });
  const { accountId, partition } = await place.caller();
  for (const { kind, value, arn, mayBeShared = false } of arns) {
    const isOther = differs(arn.account, accountId) && !(mayBeShared && place.acceptsShared);
    if (isOther || differs(arn.partition, partition))
      throw elsewhere(kind, value, arn, { region, usedBy, account: accountId, partition });
  }
}

/** The kind of ARN that each flag accepts, and whether another account may share the resource. */
const RESOURCES = {
  vpc: { service: 'ec2', types: ['vpc'], mayBeShared: true },
  subnet: { service: 'ec2', types: ['subnet'], mayBeShared: true },
  'client-security-group': { service: 'ec2', types: ['security-group'], mayBeShared: false },
  'db-security-group': { service: 'ec2', types: ['security-group'], mayBeShared: false },
  db: { service: 'rds', types: ['db', 'cluster'], mayBeShared: false },
  role: { service: 'iam', types: ['instance-profile'], mayBeShared: false },
} as const;

/**
 * Replaces ARNs of VPCs, subnets, security groups, databases or instance profiles by ids; they are checked like those of
 * ECS. Throws usage `arn-elsewhere`, `arn-kind`.
 */
export async function localIds(
  kind: keyof typeof RESOURCES,
  values: readonly string[],
  place: PlaceInUse,
): Promise<readonly string[]> {
  const { service, types, mayBeShared } = RESOURCES[kind];
  const arns = values.flatMap((value) => {
    if (!value.startsWith('arn:')) return [];
    const arn = parseArn(value);
    const [type = ''] = arn?.resource.split(/[:/]/) ?? [];
    if (arn?.service === service && types.some((known) => known === type))
      return [{ kind, value, arn, mayBeShared }];
    throw arnKind(`--${kind}`, value, `an ARN of ${service}: ${types.join(' or ')}`);
  });
  if (arns.length === 0) return values;
  await refuseElsewhere(arns, place);
  return values.map(idOfArn);
}

/** The services whose ARNs name a database, proxy, cache or search domain. */
const DATABASE_SERVICES = ['rds', 'elasticache', 'memorydb', 'redshift', 'redshift-serverless', 'es'];

/** Checks the ARN of a database of any service; other text is accepted. Throws usage `arn-elsewhere`, `arn-kind`. */
export async function refuseForeignDatabaseArn(value: string, place: PlaceInUse): Promise<void> {
  if (!value.startsWith('arn:')) return;
  const arn = parseArn(value);
  if (arn === undefined || !DATABASE_SERVICES.includes(arn.service))
    throw arnKind('db', value, `an ARN of ${DATABASE_SERVICES.join(', ')}`);
  await refuseElsewhere([{ kind: 'database', value, arn }], place);
}

/** The error for an ARN of another kind than `flag` takes. */
const arnKind = (flag: string, value: string, expected: string): Error =>
  usage('arn-kind', `${flag} does not take ${value}`, { details: { flag, value, expected } });

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
  readonly region: string | undefined;
  readonly account?: string | undefined;
  readonly partition?: string | undefined;
}

const placeOf = ({ region, account, partition }: Place): string =>
  [
    ...(region === undefined ? [] : [region === '' ? 'IAM' : region]),
    ...(account === undefined ? [] : [region === undefined ? `account ${account}` : `of account ${account}`]),
    ...(partition === undefined || partition === 'aws' ? [] : [`(${partition})`]),
  ].join(' ');

const USED_BY = {
  credentials: 'the credentials are used in',
  document: 'the document is made for',
};

const elsewhere = (kind: string, value: string, arn: Arn, here: Place & Pick<PlaceInUse, 'usedBy'>): Error =>
  usage('arn-elsewhere', `${kind} ${value} is in ${placeOf(arn)}; ${USED_BY[here.usedBy]} ${placeOf(here)}`, {
    details: {
      arn: value,
      kind,
      usedBy: here.usedBy,
      arnRegion: arn.region,
      arnAccount: arn.account,
      region: here.region,
      account: here.account,
    },
  });
