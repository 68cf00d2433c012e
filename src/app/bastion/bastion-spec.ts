import { checkKeyRegion } from '../../provision/plan/kms-key.ts';
import { localIds } from '../arn-scope.ts';
import { awsClock } from '../aws-clock.ts';
import type { AwsAccount } from '../../aws/account.ts';
import { collect, describeAllServices, findCluster, withNearest } from '../../connect/target/discover.ts';
import { formatArn, nameOfArn } from '../../core/arn.ts';
import { noMatch, ToolError, usage } from '../../core/errors.ts';
import { errorOf } from '../../diagnose/errors.ts';
import { ec2TrustOf } from '../../diagnose/iam/ec2-trust.ts';
import { classifySubnets } from '../../diagnose/network/ways-out.ts';
import type { Bastion } from '../../provision/bastion/bastion.ts';
import { boundaryArn, findBastions, type InventoryScope } from '../../provision/bastion/inventory.ts';
import { checkRoleName, sharedBoundary } from '../../provision/roles/iam-names.ts';
import { givenTags, legalTagValue } from '../../provision/bastion/given-tags.ts';
import { checkBastionName, resourceTags } from '../../provision/bastion/names.ts';
import { chooseNetwork, hasIpv4, type NetworkChoice } from '../../provision/network/network.ts';
import { fillDocument, type PlaceholderValues } from '../../provision/policy/policy-documents.ts';
import { imagesAndTypes } from '../../provision/capacity/image.ts';
import { checkTypes } from '../../provision/capacity/pool.ts';
import type { Ec2Port } from '../../provision/ports/ec2.ts';
import type { Identity } from '../../provision/ports/iam.ts';
import type { Vpc } from '../../provision/ports/network.ts';
import type { NetworkFacts, NetworkRequest } from '../../provision/ports/ways-out.ts';
import type { BastionSpec, BoundarySpec, RoleSpec } from '../../provision/plan/spec.ts';
import { renderUserData, type UserDataParameters } from '../../provision/bastion/user-data.ts';
import { gatherReach } from './bastion-reach.ts';
import { readPolicy, readUserDataFiles } from '../asset-files.ts';
import type { Needs } from '../collaborators.ts';
import { iamNaming } from './iam-naming.ts';
import type { UpRequest } from './up-request.ts';

/**
 * Turns a request into a BastionSpec: reads from the account everything that the request leaves open. Changes nothing.
 */

export type GatherNeeds = Needs<
  'account' | 'assets' | 'clock' | 'prompter' | 'report' | 'version',
  'cluster' | 'service' | 'iamPath' | 'iamPrefix' | 'tags' | 'input' | 'yes'
>;

export interface GatheredSpec {
  readonly spec: BastionSpec;
  readonly scope: InventoryScope;
  readonly identity: Identity;
}

const MAX_SERVICES_READ = 50;

/**
 * Throws what the ports throw and the usage, no-match and network errors named at each part. If only a bastion for
 * tunnels could reach AWS, the person is asked whether to create one of these.
 */
export async function gatherSpec(asked: UpRequest, deps: GatherNeeds): Promise<GatheredSpec> {
  try {
    return await gather(asked, deps);
  } catch (error) {
    if (!(await prefersTunnels(error, deps))) throw error;
    return gather({ ...asked, tunnelOnly: true }, deps);
  }
}

/** `--yes` is no answer to this question: it agrees to the request, which was for more than tunnels. */
async function prefersTunnels(error: unknown, { prompter, report, settings }: GatherNeeds): Promise<boolean> {
  if (!(error instanceof ToolError) || error.code !== 'no-way-out') return false;
  if (error.details['tunnelsPossible'] !== true || !settings.input || settings.yes) return false;
  report({ type: 'note', level: 'warning', code: 'tunnels-only', message: error.message });
  return prompter.confirm({
    message: 'Make a bastion for tunnels only, which installs nothing?',
    flag: '--tunnel-only',
    defaultAnswer: true,
  });
}

/** The error `no-way-out` also holds the fixes that the diagnosis of the first subnet names. */
function networkOf(facts: NetworkFacts, request: NetworkRequest): NetworkChoice {
  try {
    return chooseNetwork(facts, request, classifySubnets);
  } catch (error) {
    if (!(error instanceof ToolError) || error.code !== 'no-way-out') throw error;
    const findings = classifySubnets(facts, request)
      .filter(({ subnet }) => request.subnetIds.length === 0 || request.subnetIds.includes(subnet.id))
      .flatMap((subnet) => subnet.findings);
    const fixes = findings.find((finding) => finding.fixes.length > 0)?.fixes ?? [];
    throw error.with({ details: { fixes } });
  }
}

async function gather(asked: UpRequest, deps: GatherNeeds): Promise<GatheredSpec> {
  const name = checkBastionName(asked.name);
  const iam = iamNaming(asked.iam, deps.settings);
  const tags = givenTags(asked.tags, deps.settings.tags);
  checkTypes(asked.types);
  const account = await deps.account();
  checkKeyRegion('--kms-key', asked.volumeKey, account.region);
  checkKeyRegion('--session-key', asked.sessionKey, account.region);
  const request = await withLocalIds(asked, account);
  const [identityPort, ec2, imagesPort] = await Promise.all([
    account.identity(),
    account.ec2(),
    account.images(),
  ]);
  const running = await existingBastion(name, request, deps, ec2);
  const [identity, cluster, { images, types }] = await Promise.all([
    identityPort.caller(),
    request.tunnelOnly
      ? Promise.resolve(undefined)
      : running === undefined
        ? clusterOf(deps, account)
        : running.cluster,
    imagesAndTypes(request.images, request.types, imagesPort),
  ]);
  const scope = {
    name,
    region: account.region,
    accountId: identity.accountId,
    partition: identity.partition,
    iam,
  };
  if (request.role === undefined) checkRoleName(name, account.region, iam);
  // A bastion for tunnels has no permissions in a cluster, but the cluster still determines the VPC.
  const { cluster: named } = deps.settings;
  const home =
    running === undefined
      ? await homeOf(
          request,
          cluster ?? (named === undefined ? undefined : nameOfArn(named)),
          deps,
          account,
          ec2,
        )
      : { vpcId: running.vpcId, subnetIds: [] };
  const facts = await readNetwork(ec2, account.region, home.vpcId);
  const network = networkOf(facts, {
    subnetIds: request.subnets,
    wayOut: request.wayOut,
    preferredSubnetIds: home.subnetIds,
    installs: cluster !== undefined,
    clientGroupIds: request.clientSecurityGroups,
  });
  const [role, { databases, clientGroups }] = await Promise.all([
    roleOf(request, cluster, scope, deps, account),
    gatherReach(request, network, account),
  ]);
  const expiresAt = awsClock(account, deps.clock).now() + request.ttlMs;
  const spec: BastionSpec = {
    name,
    region: account.region,
    cluster,
    network,
    role,
    iam,
    types,
    images,
    market: request.onDemand ? 'on-demand' : 'spot',
    databases,
    egressPorts: request.egressPorts,
    vpcCidrs: rangesOf(facts.vpc, network),
    clientGroups,
    expiresAt,
    extends: request.ttlGiven,
    asked: {
      idle: request.idleGiven,
      types: request.types.length > 0,
      subnets: request.subnets.length > 0,
    },
    idleMinutes: request.idleMinutes,
    userData: renderUserData(await readUserDataFiles(deps), {
      bastion: name,
      region: account.region,
      cluster,
      expiresAt,
      idleMinutes: request.idleMinutes,
      ipv6: ipv6Of(network, identity),
    }),
    volumeKey: request.volumeKey,
    givenTags: tags,
    tags: resourceTags({
      name,
      owner: legalTagValue(identity.arn),
      given: tags,
      expiresAt,
      idleMinutes: request.idleMinutes,
      cluster,
      roleIsGiven: role.kind === 'given',
      iam,
      ports:
        request.clientSecurityGroups.length > 0
          ? undefined
          : [...request.egressPorts, ...databases.map((database) => database.port)],
      version: deps.version,
    }),
  };
  return { spec, scope, identity };
}

/** Replaces the ARNs in the request by ids. Throws `arn-elsewhere` before any other call. */
async function withLocalIds(request: UpRequest, account: AwsAccount): Promise<UpRequest> {
  const [vpc] = await localIds('vpc', request.vpc === undefined ? [] : [request.vpc], account);
  return {
    ...request,
    vpc,
    subnets: await localIds('subnet', request.subnets, account),
    clientSecurityGroups: await localIds('client-security-group', request.clientSecurityGroups, account),
    databases: await localIds('db', request.databases, account),
    allowDatabases: await localIds('db', request.allowDatabases, account),
  };
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

/**
 * The bastion that already runs, if the request names no place (VPC, subnet, cluster or service): `up --ttl 2h` is then
 * about that bastion.
 */
async function existingBastion(
  name: string,
  { vpc, subnets }: UpRequest,
  { settings }: Needs<never, 'cluster' | 'service'>,
  ec2: Ec2Port,
): Promise<Bastion | undefined> {
  const isLocationGiven = [vpc, subnets[0], settings.cluster, settings.service].some(
    (place) => place !== undefined,
  );
  return isLocationGiven ? undefined : (await findBastions(ec2, { name }))[0];
}

async function clusterOf(deps: Needs<never, 'cluster' | 'service'>, account: AwsAccount): Promise<string> {
  const { cluster, service } = deps.settings;
  return findCluster(await account.ecs(), { cluster, service, task: undefined, container: undefined });
}

interface Home {
  readonly vpcId: string;
  /** Subnets of the service, which are preferred. */
  readonly subnetIds: readonly string[];
}

/**
 * The VPC: the given one, that of the given subnets, that of the service, that of most services of the cluster, or the
 * only one.
 */
async function homeOf(
  request: UpRequest,
  cluster: string | undefined,
  deps: GatherNeeds,
  account: AwsAccount,
  ec2: Ec2Port,
): Promise<Home> {
  if (request.vpc !== undefined) return { vpcId: request.vpc, subnetIds: [] };
  if (request.subnets.length > 0) return { vpcId: await vpcOfSubnets(ec2, request.subnets), subnetIds: [] };
  const subnetIds =
    cluster === undefined
      ? []
      : await serviceSubnets(cluster, deps, account).catch(withNearest(await account.ecs(), cluster));
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
        deps.report({
          type: 'note',
          level: 'warning',
          code: 'vpc-chosen',
          message: `services of cluster ${cluster ?? ''} run in several VPCs; ${vpcId} has most of them, the others run in ${others.join(', ')}`,
          details: { vpc: vpcId, others },
        });
      }
      const own = subnets.filter((subnet) => subnet.vpcId === vpcId).map((subnet) => subnet.id);
      return { vpcId, subnetIds: own };
    }
  }
  return { vpcId: await onlyVpc(deps, ec2), subnetIds: [] };
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

/** The subnets of the services; a subnet appears once for each service that names it. Throws `service-not-found`. */
async function serviceSubnets(
  cluster: string,
  deps: Needs<never, 'service'>,
  account: AwsAccount,
): Promise<readonly string[]> {
  const ecs = await account.ecs();
  const wanted = deps.settings.service;
  if (wanted !== undefined) {
    const [service] = await ecs.describeServices(cluster, [nameOfArn(wanted)]);
    if (service !== undefined) return service.subnets;
    throw noMatch('service-not-found', `no service ${nameOfArn(wanted)} in cluster ${cluster}`, {
      details: { service: nameOfArn(wanted), cluster },
    });
  }
  const names = (await collect(ecs.serviceNames(cluster))).slice(0, MAX_SERVICES_READ);
  const services = await describeAllServices(ecs, cluster, names);
  return services.flatMap((service) => service.subnets);
}

async function onlyVpc(deps: Needs<'prompter'>, ec2: Ec2Port): Promise<string> {
  const vpcs = await ec2.vpcs({});
  const [only, ...others] = vpcs;
  if (only === undefined) {
    throw noMatch('vpc-not-found', 'this region has no VPC');
  }
  if (others.length === 0) return only.id;
  const chosen = await deps.prompter.select({
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
  request: UpRequest,
  cluster: string | undefined,
  scope: InventoryScope,
  deps: Needs<'assets'>,
  account: AwsAccount,
): Promise<RoleSpec> {
  if (request.role !== undefined) {
    const iam = await account.iam();
    const profile = await iam.instanceProfile(request.role);
    if (profile === undefined) {
      throw noMatch('role-not-found', `no instance profile ${request.role} in this account`, {
        details: { role: request.role },
      });
    }
    const about = { of: 'given', name: scope.name } as const;
    const untrusted = ec2TrustOf(profile.roleNames[0] ?? profile.name, profile.trust, about);
    if (untrusted !== undefined) throw errorOf(untrusted);
    return { kind: 'given', profileArn: profile.arn, profileName: profile.name };
  }
  const values = documentValues(scope, cluster, request);
  const omit = request.sessionKey === undefined ? ['ExecSessionKey'] : [];
  const suffix = cluster === undefined ? '-tunnel-only' : '';
  const document = async (name: string): Promise<string> =>
    fillDocument(`${name}.json`, await readPolicy(deps, name), values, { omit });
  const [trust, policy, boundary] = await Promise.all([
    document('bastion-trust'),
    document(`bastion${suffix}`),
    document(`bastion-boundary${suffix}`),
  ]);
  return { kind: 'own', trust, policy, boundary: await boundaryOf(request, scope, boundary, account) };
}

async function boundaryOf(
  request: UpRequest,
  scope: InventoryScope,
  document: string,
  account: AwsAccount,
): Promise<BoundarySpec> {
  const asked = request.permissionsBoundary;
  if (asked === 'none') return { kind: 'none' };
  if (asked !== undefined) return { kind: 'existing', arn: asked, why: 'as asked' };
  const arn = formatArn({
    partition: scope.partition,
    service: 'iam',
    account: scope.accountId,
    resource: `policy${scope.iam.path}${sharedBoundary(scope.iam)}`,
  });
  const shared = await (await account.iam()).policy(arn);
  if (shared !== undefined)
    return { kind: 'existing', arn: shared.arn, why: 'made by an administrator for all bastions' };
  return { kind: 'own', arn: boundaryArn(scope), document };
}

/** Values of the placeholders in policies/. */
const documentValues = (
  scope: Pick<InventoryScope, 'partition' | 'accountId' | 'region' | 'name'>,
  cluster: string | undefined,
  request: { readonly sessionKey?: string | undefined },
): PlaceholderValues => ({
  partition: scope.partition,
  account: scope.accountId,
  region: scope.region,
  bastion: scope.name,
  cluster,
  'session-key': request.sessionKey,
});
