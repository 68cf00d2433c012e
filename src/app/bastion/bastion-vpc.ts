import type { AwsAccount } from '../../aws/account.ts';
import { withNearest, collect, describeAllServices } from '../../connect/target/discover.ts';
import { nameOfArn } from '../../core/arn.ts';
import { noMatch, usage } from '../../core/errors.ts';
import type { Ec2Port } from '../../provision/ports/ec2.ts';
import type { Vpc } from '../../provision/ports/network.ts';
import type { Needs } from '../collaborators.ts';
import type { UpRequest } from './up-request.ts';

/** Services of a cluster that are read to find the VPC of most of them. */
const MAX_SERVICES_READ = 50;

interface Home {
  readonly vpcId: string;
  /** Subnets of the service, which are preferred. */
  readonly subnetIds: readonly string[];
}

/**
 * The VPC: the given one, that of the given subnets, that of the service, that of most services of the cluster, or the
 * only one. Throws `subnet-not-found`, `subnets-differ`, `service-not-found`, `vpc-not-found`.
 */
export async function homeOf(
  request: UpRequest,
  cluster: string | undefined,
  deps: Needs<'prompter' | 'report', 'service'>,
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
