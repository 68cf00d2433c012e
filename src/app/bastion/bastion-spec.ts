import { checkKeyRegion } from '../../provision/plan/kms-key.ts';
import { localIds, placeInUse } from '../arn-scope.ts';
import { awsClock } from '../aws-clock.ts';
import type { AwsAccount } from '../../aws/account.ts';
import { findCluster } from '../../connect/target/discover.ts';
import { nameOfArn } from '../../core/arn.ts';
import { noMatch, ToolError } from '../../core/errors.ts';
import { classifySubnets } from '../../diagnose/network/ways-out.ts';
import type { Bastion } from '../../provision/bastion/bastion.ts';
import { findBastions, type InventoryScope } from '../../provision/bastion/inventory.ts';
import { checkRoleName } from '../../provision/roles/iam-names.ts';
import { givenTags, legalTagValue } from '../../provision/bastion/given-tags.ts';
import { checkBastionName, resourceTags } from '../../provision/bastion/names.ts';
import { chooseNetwork, hasIpv4, type NetworkChoice } from '../../provision/network/network.ts';
import { imagesAndTypes } from '../../provision/capacity/image.ts';
import { checkTypes } from '../../provision/capacity/pool.ts';
import type { Ec2Port } from '../../provision/ports/ec2.ts';
import type { Identity } from '../../provision/ports/iam.ts';
import type { Vpc } from '../../provision/ports/network.ts';
import type { NetworkFacts, NetworkRequest } from '../../provision/ports/ways-out.ts';
import type { BastionSpec } from '../../provision/plan/spec.ts';
import { renderUserData, type UserDataParameters } from '../../provision/bastion/user-data.ts';
import { gatherReach } from './bastion-reach.ts';
import { readUserDataFiles } from '../asset-files.ts';
import type { Needs } from '../collaborators.ts';
import { iamNaming } from './iam-naming.ts';
import type { UpRequest } from './up-request.ts';
import { roleOf } from './bastion-role.ts';
import { homeOf } from './bastion-vpc.ts';

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
    // Refuses foreign ARNs of a cluster or service before the first call below.
    account.ecs(),
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
  const place = placeInUse(account);
  const one = async (kind: 'vpc' | 'role', value: string | undefined): Promise<string | undefined> =>
    value === undefined ? undefined : (await localIds(kind, [value], place))[0];
  return {
    ...request,
    vpc: await one('vpc', request.vpc),
    subnets: await localIds('subnet', request.subnets, place),
    clientSecurityGroups: await localIds('client-security-group', request.clientSecurityGroups, place),
    databases: await localIds('db', request.databases, place),
    allowDatabases: await localIds('db', request.allowDatabases, place),
    role: await one('role', request.role),
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
