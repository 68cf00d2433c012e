import { quoteWord } from '../../core/shell-words.ts';
import type { CommandLines } from '../advice/command-lines.ts';
import { oneOrAll } from '../../app/doctor/statement-policy.ts';
import type { RenderedChange, Of } from './rendered-change.ts';

/** Changes of security groups, routes and VPC endpoints. */

export const isIpv6 = (range: string): boolean => range.includes(':');

/** `address` may be a range already. */
const rangeOf = (address: string): string => {
  if (address.includes('/')) return address;
  return `${address}/${isIpv6(address) ? 128 : 32}`;
};

/** The flag of `ec2 create-route` for a destination. */
export const destinationOf = (destination: string): string =>
  `${isIpv6(destination) ? '--destination-ipv6-cidr-block' : '--destination-cidr-block'} ${rangeOf(destination)}`;

/** The members of an IpPermission that name peers, with the attribute of Terraform for each. */
const PEERS = [
  { list: 'IpRanges', member: 'CidrIp', attribute: 'cidr_ipv4' },
  { list: 'Ipv6Ranges', member: 'CidrIpv6', attribute: 'cidr_ipv6' },
  { list: 'UserIdGroupPairs', member: 'GroupId', attribute: 'referenced_security_group_id' },
  { list: 'PrefixListIds', member: 'PrefixListId', attribute: 'prefix_list_id' },
] as const;

function listOf(peer: string): (typeof PEERS)[number]['list'] {
  if (peer.startsWith('sg-')) return 'UserIdGroupPairs';
  if (peer.startsWith('pl-')) return 'PrefixListIds';
  return isIpv6(peer) ? 'Ipv6Ranges' : 'IpRanges';
}

/** `peers` are addresses, address ranges, and ids of groups and prefix lists. */
export function groupRule(
  direction: 'ingress' | 'egress',
  group: string,
  port: number,
  peers: readonly string[],
  lines: CommandLines,
): RenderedChange {
  const byList = PEERS.map(({ list, ...row }) => ({
    ...row,
    list,
    values: peers
      .filter((peer) => listOf(peer) === list)
      .map((peer) => (list === 'IpRanges' || list === 'Ipv6Ranges' ? rangeOf(peer) : peer)),
  })).filter(({ values }) => values.length > 0);
  const permission = [
    `IpProtocol=tcp,FromPort=${port},ToPort=${port}`,
    ...byList.map(
      ({ list, member, values }) => `${list}=[${values.map((value) => `{${member}=${value}}`).join(',')}]`,
    ),
  ].join(',');
  return {
    command: lines.aws(
      `ec2 authorize-security-group-${direction} --group-id ${group} --ip-permissions ${quoteWord(permission)}`,
    ),
    terraform: byList
      .flatMap(({ attribute, values }) => values.map((value) => `${attribute} = "${value}"`))
      .map(
        (peer) =>
          `aws_vpc_security_group_${direction}_rule { security_group_id = "${group}", ip_protocol = "tcp", from_port = ${port}, to_port = ${port}, ${peer} }`,
      )
      .join('; '),
  };
}

export function addEndpoint(
  { vpc, serviceName, type, subnet, routeTable, dualStack }: Of<'add-endpoint'>,
  lines: CommandLines,
): RenderedChange {
  const base = `ec2 create-vpc-endpoint --vpc-id ${vpc} --service-name ${serviceName} --vpc-endpoint-type ${type}`;
  if (type === 'Gateway')
    return {
      command: lines.aws(`${base} --route-table-ids ${routeTable ?? 'ROUTE_TABLE'}`),
      terraform: `aws_vpc_endpoint { service_name = "${serviceName}", vpc_endpoint_type = "Gateway" }`,
    };
  return {
    command: lines.aws(
      `${base} --subnet-ids ${subnet} --private-dns-enabled` +
        `${dualStack ? ' --ip-address-type dualstack' : ''} --security-group-ids GROUP`,
      'a group that admits port 443 from the subnet',
    ),
    terraform: `aws_vpc_endpoint { service_name = "${serviceName}", vpc_endpoint_type = "Interface", private_dns_enabled = true }`,
  };
}

export function setRoute(
  { destination, gateway, routeTable }: Of<'set-route'>,
  lines: CommandLines,
): RenderedChange {
  const command = lines.aws(
    `ec2 create-route --route-table-id ${routeTable ?? 'ROUTE_TABLE'} ${destinationOf(destination)} --nat-gateway-id ${gateway ?? 'NAT_GATEWAY'}`,
  );
  if (gateway === undefined || routeTable === undefined)
    return { instruction: `with a NAT gateway in a public subnet of the VPC: ${command}` };
  const attribute = isIpv6(destination) ? 'destination_ipv6_cidr_block' : 'destination_cidr_block';
  return {
    command,
    terraform: `aws_route { route_table_id = "${routeTable}", ${attribute} = "${destination}", nat_gateway_id = "${gateway}" }`,
  };
}

export function setEndpoint(
  { endpoint, privateDns, dualStack, addRouteTable, allowActions }: Of<'set-endpoint'>,
  lines: CommandLines,
): RenderedChange {
  const settings = [
    ...(privateDns === true
      ? [{ flag: '--private-dns-enabled', attribute: 'private_dns_enabled = true' }]
      : []),
    ...(dualStack === true
      ? [{ flag: '--ip-address-type dualstack', attribute: 'ip_address_type = "dualstack"' }]
      : []),
    ...(addRouteTable === undefined
      ? []
      : [{ flag: `--add-route-table-ids ${addRouteTable}`, attribute: 'route_table_ids' }]),
  ];
  const flags = settings.map(({ flag }) => flag).join(' ');
  return {
    ...(settings.length === 0
      ? {}
      : { command: lines.aws(`ec2 modify-vpc-endpoint --vpc-endpoint-id ${endpoint} ${flags}`) }),
    ...(allowActions === undefined
      ? {}
      : {
          policyStatement: { Effect: 'Allow', Principal: '*', Action: oneOrAll(allowActions), Resource: '*' },
          instruction: `the policy of ${endpoint} must allow ${allowActions.join(', ')}`,
        }),
    terraform: [
      ...settings.map(({ attribute }) => `aws_vpc_endpoint.${attribute}`),
      ...(allowActions === undefined ? [] : ['aws_vpc_endpoint.policy']),
    ].join('; '),
  };
}
