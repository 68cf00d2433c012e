import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { AwsAccount } from '../../aws/account.ts';
import { collect, describeAllServices, findCluster, withNearest } from '../../connect/target/discover.ts';
import { nameOf } from '../../connect/target/select.ts';
import { noMatch, ToolError, usage } from '../../core/errors.ts';
import type { Bastion } from '../../provision/bastion/bastion.ts';
import { boundaryArn, findBastions, type InventoryScope } from '../../provision/bastion/inventory.ts';
import { checkRoleName, sharedBoundary } from '../../provision/roles/iam-names.ts';
import { checkBastionName, resourceTags } from '../../provision/bastion/names.ts';
import { chooseNetwork, hasIpv4, type NetworkChoice } from '../../provision/network/network.ts';
import type { NetworkFacts } from '../../provision/network/network-facts.ts';
import { fillDocument, type PlaceholderValues } from '../../provision/policy/policy-documents.ts';
import { architecturesOf, checkTypes, DEFAULT_TYPES } from '../../provision/capacity/pool.ts';
import type { Ec2Port } from '../../provision/ports/ec2.ts';
import type { Identity } from '../../provision/ports/iam.ts';
import type { Vpc } from '../../provision/ports/network.ts';
import { requireEc2Trust } from '../../provision/roles/ec2-trust.ts';
import type { BastionSpec, BoundarySpec, RoleSpec } from '../../provision/plan/spec.ts';
import {
  renderUserData,
  USER_DATA_FILES,
  type UserDataParameters,
} from '../../provision/bastion/user-data.ts';
import { gatherReach } from './bastion-reach.ts';
import type { UpOptions } from '../../cli/commands/up.ts';
import type { CommandContext } from '../../cli/context.ts';
import { iamNaming } from '../../cli/iam-flags.ts';

/** Turns what was typed into a BastionSpec: asks the account for everything that was left out. Reads only. */

export interface GatheredSpec {
  readonly spec: BastionSpec;
  readonly scope: InventoryScope;
  readonly identity: Identity;
}

const SERVICES_LOOKED_AT = 50;

/** Throws what the ports throw and the usage, no-match and network errors named at each part. */
export async function gatherSpec(options: UpOptions, context: CommandContext): Promise<GatheredSpec> {
  const name = checkBastionName(options.name);
  const iam = await iamNaming(options.iam, context);
  const types = checkTypes(options.types.length > 0 ? options.types : DEFAULT_TYPES);
  const account = await context.account();
  const [identityPort, ec2, images] = await Promise.all([
    account.identity(),
    account.ec2(),
    account.images(),
  ]);
  const running = await unplaced(name, options, context, ec2);
  const [identity, cluster, pictures] = await Promise.all([
    identityPort.caller(),
    options.tunnelOnly
      ? Promise.resolve(undefined)
      : running === undefined
        ? clusterOf(context, account)
        : running.cluster,
    Promise.all(architecturesOf(types).map((architecture) => images.latest(architecture))),
  ]);
  const scope = {
    name,
    region: account.region,
    accountId: identity.accountId,
    partition: identity.partition,
    iam,
  };
  if (options.role === undefined) checkRoleName(name, account.region, iam);
  // A bastion for tunnels has no rights in a cluster, but it may well live beside one.
  const { cluster: beside } = context.settings;
  const home =
    running === undefined
      ? await homeOf(
          options,
          cluster ?? (beside === undefined ? undefined : nameOf(beside)),
          context,
          account,
          ec2,
        )
      : { vpcId: running.vpcId, subnetIds: [] };
  const facts = await readNetwork(ec2, account.region, home.vpcId);
  const network = chooseNetwork(facts, {
    subnetIds: options.subnets,
    wayOut: options.wayOut,
    preferredSubnetIds: home.subnetIds,
    installs: cluster !== undefined,
    clientGroupIds: options.clientSecurityGroups,
  });
  const [role, { databases, clientGroups }] = await Promise.all([
    roleOf(options, cluster, scope, context, account),
    gatherReach(options, network, account),
  ]);
  const expiresAt = context.clock.now() + options.ttlMs;
  const spec: BastionSpec = {
    name,
    region: account.region,
    cluster,
    network,
    role,
    iam,
    types,
    images: pictures,
    market: options.onDemand ? 'on-demand' : 'spot',
    databases,
    egressPorts: options.egressPorts,
    vpcCidrs: rangesOf(facts.vpc, network),
    clientGroups,
    expiresAt,
    extends: options.ttlGiven,
    asked: {
      idle: options.idleGiven,
      types: options.types.length > 0,
      subnets: options.subnets.length > 0,
    },
    idleMinutes: options.idleMinutes,
    userData: renderUserData(await readUserDataFiles(context.assets('userdata')), {
      bastion: name,
      region: account.region,
      cluster,
      expiresAt,
      idleMinutes: options.idleMinutes,
      ipv6: ipv6Of(network, identity),
    }),
    tags: resourceTags({
      name,
      owner: identity.arn,
      expiresAt,
      idleMinutes: options.idleMinutes,
      cluster,
      roleIsGiven: role.kind === 'given',
      iam,
      ports:
        options.clientSecurityGroups.length > 0
          ? undefined
          : [...options.egressPorts, ...databases.map((database) => database.port)],
      version: context.version,
    }),
  };
  return { spec, scope, identity };
}

function ipv6Of({ stack }: NetworkChoice, { partition }: Identity): UserDataParameters['ipv6'] {
  switch (stack) {
    case 'ipv4':
      return undefined;
    case 'nat64':
      return { dualStackDomain: undefined };
    case 'ipv6':
      return { dualStackDomain: partition === 'aws-cn' ? 'api.amazonwebservices.com.cn' : 'api.aws' };
    default:
      return stack satisfies never;
  }
}

const rangesOf = (vpc: Vpc, network: NetworkChoice): readonly string[] => [
  ...(hasIpv4(network) ? vpc.cidrs : []),
  ...(network.stack === 'ipv4' ? [] : vpc.ipv6Cidrs),
];

/** The bastion that runs already, where nothing was said of the place of one: `up --ttl 2h` is about that one. */
async function unplaced(
  name: string,
  { vpc, subnets }: UpOptions,
  { settings }: CommandContext,
  ec2: Ec2Port,
): Promise<Bastion | undefined> {
  const isPlaced = [vpc, subnets[0], settings.cluster, settings.service].some((place) => place !== undefined);
  return isPlaced ? undefined : (await findBastions(ec2, { name }))[0];
}

async function clusterOf(context: CommandContext, account: AwsAccount): Promise<string> {
  const { cluster, service } = context.settings;
  const ecs = await account.ecs();
  try {
    return await findCluster(ecs, { cluster, service, task: undefined, container: undefined });
  } catch (error) {
    if (!(error instanceof ToolError) || error.code !== 'no-clusters') throw error;
    throw noMatch(error.code, error.message, {
      hints: [...error.hints, 'fargate-connect up --tunnel-only --vpc VPC   # a bastion for tunnels only'],
      cause: error,
    });
  }
}

interface Home {
  readonly vpcId: string;
  /** Subnets of the service; preferred. */
  readonly subnetIds: readonly string[];
}

/** The VPC: as given, that of the subnets given, that of the service, that of most services of the cluster, or the only one. */
async function homeOf(
  options: UpOptions,
  cluster: string | undefined,
  context: CommandContext,
  account: AwsAccount,
  ec2: Ec2Port,
): Promise<Home> {
  if (options.vpc !== undefined) return { vpcId: options.vpc, subnetIds: [] };
  if (options.subnets.length > 0) return { vpcId: await vpcOfSubnets(ec2, options.subnets), subnetIds: [] };
  const subnetIds =
    cluster === undefined
      ? []
      : await serviceSubnets(cluster, context, account).catch(withNearest(await account.ecs(), cluster));
  if (subnetIds.length > 0) {
    const subnets = await ec2.subnets({ ids: [...new Set(subnetIds)] });
    const count = new Map<string, number>();
    for (const id of subnetIds) {
      const vpcId = subnets.find((subnet) => subnet.id === id)?.vpcId;
      if (vpcId !== undefined) count.set(vpcId, (count.get(vpcId) ?? 0) + 1);
    }
    const ranked = [...count].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([vpcId]) => vpcId);
    const [vpcId, ...others] = ranked;
    if (vpcId !== undefined) {
      if (others.length > 0) {
        context.report({
          type: 'note',
          level: 'warning',
          code: 'vpc-chosen',
          message: `services of cluster ${cluster ?? ''} live in several VPCs; ${vpcId} has most of them (others with --vpc: ${others.join(', ')})`,
          details: { vpc: vpcId, others },
        });
      }
      const own = subnets.filter((subnet) => subnet.vpcId === vpcId).map((subnet) => subnet.id);
      return { vpcId, subnetIds: own };
    }
  }
  return { vpcId: await onlyVpc(context, ec2), subnetIds: [] };
}

async function vpcOfSubnets(ec2: Ec2Port, ids: readonly string[]): Promise<string> {
  const subnets = await ec2.subnets({ ids });
  const missing = ids.filter((id) => !subnets.some((subnet) => subnet.id === id));
  if (missing.length > 0) {
    throw noMatch('subnet-not-found', `no subnet ${missing.join(', ')} in this region`, {
      details: { subnets: missing },
    });
  }
  const vpcs = [...new Set(subnets.map((subnet) => subnet.vpcId))];
  const [only, ...others] = vpcs;
  if (only !== undefined && others.length === 0) return only;
  throw usage('subnets-differ', `the subnets belong to several VPCs: ${vpcs.join(', ')}`, {
    details: { vpcs },
  });
}

/** Each subnet as often as a service names it. Throws `service-not-found`. */
async function serviceSubnets(
  cluster: string,
  context: CommandContext,
  account: AwsAccount,
): Promise<readonly string[]> {
  const ecs = await account.ecs();
  const wanted = context.settings.service;
  if (wanted !== undefined) {
    const [service] = await ecs.describeServices(cluster, [nameOf(wanted)]);
    if (service !== undefined) return service.subnets;
    throw noMatch('service-not-found', `no service ${nameOf(wanted)} in cluster ${cluster}`, {
      hints: [`fargate-connect ls services --cluster ${cluster}`],
      details: { service: nameOf(wanted), cluster },
    });
  }
  const names = (await collect(ecs.serviceNames(cluster))).slice(0, SERVICES_LOOKED_AT);
  const services = await describeAllServices(ecs, cluster, names);
  return services.flatMap((service) => service.subnets);
}

async function onlyVpc(context: CommandContext, ec2: Ec2Port): Promise<string> {
  const vpcs = await ec2.vpcs({});
  const [only, ...others] = vpcs;
  if (only === undefined) {
    throw noMatch('vpc-not-found', 'this region has no VPC', { hints: ['another region? --region'] });
  }
  if (others.length === 0) return only.id;
  const chosen = await context.prompter.select({
    message: 'In which VPC?',
    flag: '--vpc',
    choices: vpcs.map((vpc) => ({ value: vpc.id, name: vpc.id, description: describeVpc(vpc) })),
  });
  return typeof chosen === 'string' ? chosen : only.id;
}

const describeVpc = (vpc: Vpc): string =>
  [vpc.tags['Name'], vpc.cidrs.join(' '), vpc.isDefault ? 'default' : undefined]
    .filter((part) => part !== undefined && part !== '')
    .join(', ');

async function readNetwork(ec2: Ec2Port, region: string, vpcId: string): Promise<NetworkFacts> {
  const [vpcs, subnets, routeTables, endpoints] = await Promise.all([
    ec2.vpcs({ ids: [vpcId] }),
    ec2.subnets({ vpcId }),
    ec2.routeTables(vpcId),
    ec2.vpcEndpoints(vpcId),
  ]);
  const [vpc] = vpcs;
  if (vpc === undefined) {
    throw noMatch('vpc-not-found', `no VPC ${vpcId} in this region`, { details: { vpc: vpcId } });
  }
  const groupIds = [...new Set(endpoints.flatMap((endpoint) => endpoint.securityGroupIds))];
  const groups = groupIds.length === 0 ? [] : await ec2.securityGroups({ ids: groupIds });
  return { region, vpc, subnets, routeTables, endpoints, groups };
}

async function roleOf(
  options: UpOptions,
  cluster: string | undefined,
  scope: InventoryScope,
  context: CommandContext,
  account: AwsAccount,
): Promise<RoleSpec> {
  if (options.role !== undefined) {
    const iam = await account.iam();
    const profile = await iam.instanceProfile(options.role);
    if (profile === undefined) {
      throw noMatch('role-not-found', `no instance profile ${options.role} in this account`, {
        hints: [
          'an administrator makes role and profile of the same name: fargate-connect policy bastion',
          'or leave out --role: up makes its own',
        ],
        details: { role: options.role },
      });
    }
    requireEc2Trust(profile.roleNames[0] ?? profile.name, profile.trust, [
      'fargate-connect policy bastion-trust   # what an administrator must let the role trust',
    ]);
    return { kind: 'given', profileArn: profile.arn, profileName: profile.name };
  }
  const values = documentValues(scope, cluster, options);
  const folder = context.assets('policies');
  const omit = options.kmsKey === undefined ? ['ExecSessionKey'] : [];
  const suffix = cluster === undefined ? '-tunnel-only' : '';
  const document = async (name: string): Promise<string> =>
    fillDocument(name, await readPolicy(folder, name), values, { omit });
  const [trust, policy, boundary] = await Promise.all([
    document('bastion-trust.json'),
    document(`bastion${suffix}.json`),
    document(`bastion-boundary${suffix}.json`),
  ]);
  return { kind: 'own', trust, policy, boundary: await boundaryOf(options, scope, boundary, account) };
}

async function boundaryOf(
  options: UpOptions,
  scope: InventoryScope,
  document: string,
  account: AwsAccount,
): Promise<BoundarySpec> {
  const asked = options.permissionsBoundary;
  if (asked === 'none') return { kind: 'none' };
  if (asked !== undefined) return { kind: 'existing', arn: asked, why: 'as asked (--permissions-boundary)' };
  const arn = `arn:${scope.partition}:iam::${scope.accountId}:policy${scope.iam.path}${sharedBoundary(scope.iam)}`;
  const shared = await (await account.iam()).policy(arn);
  if (shared !== undefined)
    return { kind: 'existing', arn: shared.arn, why: 'made by an administrator for all bastions' };
  return { kind: 'own', arn: boundaryArn(scope), document };
}

/** Values of the placeholders in policies/. */
const documentValues = (
  scope: Pick<InventoryScope, 'partition' | 'accountId' | 'region' | 'name'>,
  cluster: string | undefined,
  options: { readonly kmsKey?: string | undefined },
): PlaceholderValues => ({
  partition: scope.partition,
  account: scope.accountId,
  region: scope.region,
  bastion: scope.name,
  cluster,
  'kms-key': options.kmsKey,
});

export const readPolicy = (folder: string, name: string): Promise<string> =>
  readFile(join(folder, name), 'utf8');

/** All files that user data is rendered from. */
export async function readUserDataFiles(folder: string): Promise<Readonly<Record<string, string>>> {
  const files = await Promise.all(
    USER_DATA_FILES.map(async (name) => [name, await readFile(join(folder, name), 'utf8')] as const),
  );
  return Object.fromEntries(files);
}
