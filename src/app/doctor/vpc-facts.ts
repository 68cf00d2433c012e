import type { AwsAccount } from '../../aws/account.ts';
import type { VpcFacts } from '../../provision/ports/path-facts.ts';
import type { Readable } from './readable.ts';

/** Reads what a network path through a VPC is judged from. */

/**
 * Undefined if the VPC does not exist or may not be described. `groupIds` are security groups besides those of the
 * endpoints.
 */
export async function vpcFacts(
  account: AwsAccount,
  vpcId: string,
  groupIds: readonly string[],
  readable: Readable,
): Promise<VpcFacts | undefined> {
  const [ec2, diagnosis] = await Promise.all([account.ec2(), account.diagnosis()]);
  const what = 'the network path';
  const [vpcs, subnets, routeTables, endpoints, networkAcls, natGateways] = await Promise.all([
    readable.or(what, ec2.vpcs({ ids: [vpcId] })),
    readable.or(what, ec2.subnets({ vpcId })),
    readable.or(what, ec2.routeTables(vpcId)),
    readable.or(what, ec2.vpcEndpoints(vpcId)),
    readable.or('the network ACLs', diagnosis.networkAcls(vpcId)),
    readable.or('the NAT gateways', diagnosis.natGateways(vpcId)),
  ]);
  const vpc = vpcs?.[0];
  if (vpc === undefined || subnets === undefined || routeTables === undefined || endpoints === undefined)
    return undefined;
  const ids = [...new Set([...groupIds, ...endpoints.flatMap((endpoint) => endpoint.securityGroupIds)])];
  const groups =
    ids.length === 0 ? [] : ((await readable.or('the security groups', ec2.securityGroups({ ids }))) ?? []);
  return { region: account.region, vpc, subnets, routeTables, endpoints, groups, networkAcls, natGateways };
}
