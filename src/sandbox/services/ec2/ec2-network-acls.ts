import { containsCidr } from '../../../core/cidr.ts';
import { AwsError, type Operations } from '../../contracts.ts';
import { count, type Fields, optionalText, requiredText } from '../../wire/fields.ts';
import { describeOperation, tagSet } from './ec2-describe.ts';
import type { Ec2State, NetworkAcl, NetworkAclEntry } from './ec2-state.ts';

/** Network ACLs: their description, a new entry, and which packets they let through. */
export function networkAclOperations(state: Ec2State): Operations {
  return {
    DescribeNetworkAcls: describeOperation<NetworkAcl>({
      action: 'DescribeNetworkAcls',
      answer: 'networkAclSet',
      items: () => state.visible(state.networkAcls),
      tags: (acl) => acl.tags,
      ids: {
        parameter: 'NetworkAclId',
        of: (acl) => acl.id,
        notFound: 'InvalidNetworkAclID.NotFound',
      },
      filters: {
        'network-acl-id': (acl) => acl.id,
        'vpc-id': (acl) => acl.vpcId,
        default: (acl) => acl.isDefault,
        'association.subnet-id': (acl) => acl.subnetIds,
        'owner-id': (acl) => state.ownerOf(acl.vpcId),
      },
      shape: (acl) => membersOf(state, acl),
    }),
    CreateNetworkAclEntry: {
      authorize: (input) => [
        {
          action: 'ec2:CreateNetworkAclEntry',
          resource: state.arn('network-acl', requiredText(input, 'NetworkAclId')),
        },
      ],
      run(input) {
        const id = requiredText(input, 'NetworkAclId');
        const acl = state.find(state.networkAcls, id, 'InvalidNetworkAclID.NotFound', 'networkAcl ID');
        const entry = entryOf(input);
        if (acl.entries.some(({ number, egress }) => number === entry.number && egress === entry.egress))
          throw new AwsError(
            'NetworkAclEntryAlreadyExists',
            `The network acl entry identified by ${entry.number} already exists.`,
          );
        acl.entries = [...acl.entries, entry];
        return { return: true };
      },
    },
  };
}

function entryOf(input: Fields): NetworkAclEntry {
  const range = input['PortRange'];
  const ports = typeof range === 'object' && range !== null ? (range as Fields) : {};
  return {
    number: count(input, 'RuleNumber') ?? 0,
    egress: optionalText(input, 'Egress') === 'true',
    allow: requiredText(input, 'RuleAction') === 'allow',
    protocol: requiredText(input, 'Protocol'),
    fromPort: count(ports, 'From') ?? 0,
    toPort: count(ports, 'To') ?? 65_535,
    cidr: optionalText(input, 'CidrBlock') ?? requiredText(input, 'Ipv6CidrBlock'),
  };
}

const membersOf = (state: Ec2State, acl: NetworkAcl): Fields => ({
  networkAclId: acl.id,
  vpcId: acl.vpcId,
  default: acl.isDefault,
  ownerId: state.ownerOf(acl.vpcId),
  associationSet: acl.subnetIds.map((subnetId) => ({
    networkAclAssociationId: `aclassoc-${subnetId.slice(7)}`,
    networkAclId: acl.id,
    subnetId,
  })),
  entrySet: acl.entries.map((entry) => ({
    ruleNumber: entry.number,
    egress: entry.egress,
    ruleAction: entry.allow ? 'allow' : 'deny',
    protocol: entry.protocol,
    ...(entry.cidr.includes(':') ? { ipv6CidrBlock: entry.cidr } : { cidrBlock: entry.cidr }),
    ...(entry.protocol === '-1' ? {} : { portRange: { from: entry.fromPort, to: entry.toPort } }),
  })),
  tagSet: tagSet(acl.tags),
});

/** Ports from which Linux connects; a reply goes to one of them. */
const FIRST_CLIENT_PORT = 32_768;

/**
 * Whether the ACLs of both subnets let a TCP connection through in both directions. A place that is in no subnet of the
 * account has no ACL.
 */
export function aclsAllow(state: Ec2State, from: string, to: string, port: number): boolean {
  const [there, here] = [aclOf(state, to), aclOf(state, from)];
  if (there !== undefined && there === here && subnetOf(state, from) === subnetOf(state, to)) return true;
  return (
    passes(here, true, to, port) &&
    passes(there, false, from, port) &&
    passes(there, true, from, FIRST_CLIENT_PORT) &&
    passes(here, false, to, FIRST_CLIENT_PORT)
  );
}

const subnetOf = (state: Ec2State, address: string): string | undefined =>
  [...state.subnets.values()].find(
    ({ cidr, ipv6 }) => containsCidr(cidr, address) || containsCidr(ipv6?.cidr ?? '', address),
  )?.id;

function aclOf(state: Ec2State, address: string): NetworkAcl | undefined {
  const subnet = subnetOf(state, address);
  return subnet === undefined
    ? undefined
    : [...state.networkAcls.values()].find(({ subnetIds }) => subnetIds.includes(subnet));
}

function passes(acl: NetworkAcl | undefined, egress: boolean, peer: string, port: number): boolean {
  if (acl === undefined) return true;
  const entry = acl.entries
    .filter((each) => each.egress === egress && (each.protocol === '-1' || each.protocol === '6'))
    .toSorted((a, b) => a.number - b.number)
    .find((each) => each.fromPort <= port && port <= each.toPort && containsCidr(each.cidr, peer));
  return entry?.allow === true;
}
