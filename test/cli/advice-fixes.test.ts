import { expect, it } from 'vitest';
import { CommandLines } from '../../src/cli/advice/command-lines.ts';
import { allFixes, bestFix, fixLines } from '../../src/cli/advice/fixes.ts';
import type { Change } from '../../src/diagnose/change.ts';

const lines = new CommandLines({
  command: 'up',
  given: { profile: 'staging', region: 'eu-west-1' },
  argv: [],
});
const PLACE = '--region eu-west-1 --profile staging';

const actions = { actions: ['ssmmessages:OpenDataChannel'], resources: ['*'], when: [], statement: 'Exec' };
const ARN = 'arn:aws:iam::123456789012';

it.each<readonly [title: string, change: Change, expected: readonly string[]]>([
  [
    'an inline policy for a role that lacks actions',
    { kind: 'allow-actions', principal: `${ARN}:role/team/task`, policy: 'identity', ...actions },
    [
      `aws iam put-role-policy --role-name task --policy-name fargate-connect-Exec-4f2fc1 --policy-document '{"Version":"2012-10-17","Statement":[{"Sid":"Exec","Effect":"Allow","Action":"ssmmessages:OpenDataChannel","Resource":"*"}]}' --profile staging`,
    ],
  ],
  [
    'the condition keys of the requests',
    {
      kind: 'deny-actions',
      principal: 'dev',
      policy: undefined,
      ...actions,
      when: [{ key: 'aws:RequestTag/team', values: ['web'], type: 'string' }],
    },
    [
      `aws iam put-role-policy --role-name dev --policy-name fargate-connect-Exec-36b423 --policy-document '{"Version":"2012-10-17","Statement":[{"Sid":"Exec","Effect":"Deny","Action":"ssmmessages:OpenDataChannel","Resource":"*","Condition":{"StringEquals":{"aws:RequestTag/team":["web"]}}}]}' --profile staging`,
    ],
  ],
  [
    'an inline policy for a user',
    { kind: 'allow-actions', principal: `${ARN}:user/ann`, policy: 'identity', ...actions },
    [
      `aws iam put-user-policy --user-name ann --policy-name fargate-connect-Exec-4f2fc1 --policy-document '{"Version":"2012-10-17","Statement":[{"Sid":"Exec","Effect":"Allow","Action":"ssmmessages:OpenDataChannel","Resource":"*"}]}' --profile staging`,
    ],
  ],
  [
    'a sentence for the session of a role',
    {
      kind: 'allow-actions',
      principal: 'arn:aws:sts::123456789012:assumed-role/dev/ann',
      policy: 'identity',
      ...actions,
    },
    [
      'the policies of arn:aws:sts::123456789012:assumed-role/dev/ann must allow ssmmessages:OpenDataChannel on *',
    ],
  ],
  [
    'a sentence for a permissions boundary',
    { kind: 'allow-actions', principal: `${ARN}:role/task`, policy: 'permissions-boundary', ...actions },
    [`the permissions boundary of ${ARN}:role/task must allow ssmmessages:OpenDataChannel on *`],
  ],
  [
    'a sentence for a service control policy',
    { kind: 'withdraw-denial', principal: 'task', policy: 'service-control', ...actions },
    ['remove the Deny of ssmmessages:OpenDataChannel from the service control policies of the organization'],
  ],
  [
    'a trust policy, which replaces the one that the role has',
    { kind: 'trust-service', role: 'task', service: 'ecs-tasks.amazonaws.com', actions: ['sts:AssumeRole'] },
    [
      `aws iam update-assume-role-policy --role-name task --policy-document '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}]}' --profile staging`,
      `this replaces the trust policy of task: add the statements that it has for others; fargate-connect policy task-trust ${PLACE} prints one with conditions`,
    ],
  ],
  [
    'one rule for all sources of a connection',
    { kind: 'admit', group: 'sg-1', port: 443, from: ['10.0.0.0/16', 'fd00::/56', 'sg-2'] },
    [
      `aws ec2 authorize-security-group-ingress --group-id sg-1 --ip-permissions 'IpProtocol=tcp,FromPort=443,ToPort=443,IpRanges=[{CidrIp=10.0.0.0/16}],Ipv6Ranges=[{CidrIpv6=fd00::/56}],UserIdGroupPairs=[{GroupId=sg-2}]' ${PLACE}`,
    ],
  ],
  [
    'a rule for outgoing connections to a prefix list',
    { kind: 'allow-out', group: 'sg-1', port: 5432, to: ['pl-1'] },
    [
      `aws ec2 authorize-security-group-egress --group-id sg-1 --ip-permissions 'IpProtocol=tcp,FromPort=5432,ToPort=5432,PrefixListIds=[{PrefixListId=pl-1}]' ${PLACE}`,
    ],
  ],
  [
    'an entry of a network ACL',
    {
      kind: 'acl-entry',
      acl: 'acl-1',
      number: 90,
      egress: false,
      fromPort: 1024,
      toPort: 65_535,
      cidr: '::/0',
    },
    [
      `aws ec2 create-network-acl-entry --network-acl-id acl-1 --rule-number 90 --ingress --protocol 6 --port-range From=1024,To=65535 --ipv6-cidr-block ::/0 --rule-action allow ${PLACE}`,
    ],
  ],
  [
    'a route through a peering',
    { kind: 'peering-route', routeTable: 'rtb-1', destination: '10.1.0.0/16', peering: 'pcx-1' },
    [
      `aws ec2 create-route --route-table-id rtb-1 --destination-cidr-block 10.1.0.0/16 --vpc-peering-connection-id pcx-1 ${PLACE}`,
    ],
  ],
  [
    'a gateway endpoint in the route table of the subnet',
    {
      kind: 'add-endpoint',
      vpc: 'vpc-1',
      serviceName: 'com.amazonaws.us-east-1.s3',
      type: 'Gateway',
      subnet: 'subnet-1',
      routeTable: 'rtb-1',
      dualStack: false,
    },
    [
      `aws ec2 create-vpc-endpoint --vpc-id vpc-1 --service-name com.amazonaws.us-east-1.s3 --vpc-endpoint-type Gateway --route-table-ids rtb-1 ${PLACE}`,
    ],
  ],
  [
    'all settings of an endpoint in one call',
    { kind: 'set-endpoint', endpoint: 'vpce-1', privateDns: true, dualStack: true, addRouteTable: 'rtb-1' },
    [
      `aws ec2 modify-vpc-endpoint --vpc-endpoint-id vpce-1 --private-dns-enabled --ip-address-type dualstack --add-route-table-ids rtb-1 ${PLACE}`,
    ],
  ],
  [
    'the actions that the policy of an endpoint leaves out',
    { kind: 'set-endpoint', endpoint: 'vpce-1', allowActions: ['ssmmessages:*'] },
    ['the policy of vpce-1 must allow ssmmessages:*'],
  ],
  [
    'a route over IPv6',
    { kind: 'set-route', routeTable: 'rtb-1', destination: '64:ff9b::/96', target: 'nat-gateway' },
    [
      `with a NAT gateway in a public subnet of the VPC: aws ec2 create-route --route-table-id rtb-1 --destination-ipv6-cidr-block 64:ff9b::/96 --nat-gateway-id NAT_GATEWAY ${PLACE}`,
    ],
  ],
  [
    'a route to a NAT gateway that works',
    {
      kind: 'set-route',
      routeTable: 'rtb-1',
      destination: '0.0.0.0/0',
      target: 'nat-gateway',
      gateway: 'nat-1',
    },
    [
      `aws ec2 create-route --route-table-id rtb-1 --destination-cidr-block 0.0.0.0/0 --nat-gateway-id nat-1 ${PLACE}`,
    ],
  ],
  [
    'a route to one address of a peered VPC',
    { kind: 'peering-route', routeTable: 'rtb-1', destination: 'fd00::1', peering: 'pcx-1' },
    [
      `aws ec2 create-route --route-table-id rtb-1 --destination-ipv6-cidr-block fd00::1/128 --vpc-peering-connection-id pcx-1 ${PLACE}`,
    ],
  ],
  [
    'DNS64 of a subnet',
    { kind: 'set-subnet', subnet: 'subnet-1', dns64: true },
    [`aws ec2 modify-subnet-attribute --subnet-id subnet-1 --enable-dns64 ${PLACE}`],
  ],
])('a fix gives %s', (_, change, expected) => {
  expect(fixLines([change], lines)).toEqual(expected);
});

it('several fixes are alternatives, and the changes of one fix are all needed', () => {
  const dns64 = { kind: 'set-subnet', subnet: 'subnet-1', dns64: true };
  const group = { kind: 'carry-group', group: 'sg-1' };
  const details = { fixes: [[dns64, group], [group]] };
  const both = [
    `aws ec2 modify-subnet-attribute --subnet-id subnet-1 --enable-dns64 ${PLACE}`,
    'the same command with --client-security-group sg-1',
  ];
  expect(bestFix(details, lines)).toEqual(both);
  expect(allFixes(details, lines)).toEqual([...both, 'or:', both[1]]);
  expect([bestFix({}, lines), allFixes({ fixes: [] }, lines)]).toEqual([[], []]);
});

it('doctor, which starts no bastion, names the command that does', () => {
  const doctor = new CommandLines({ command: 'doctor', given: { region: 'eu-west-1' }, argv: [] });
  expect(fixLines([{ kind: 'carry-group', group: 'sg-1' }], doctor)).toEqual([
    'fargate-connect up --client-security-group sg-1 --region eu-west-1',
  ]);
});
