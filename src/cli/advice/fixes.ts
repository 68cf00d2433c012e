import { createHash } from 'node:crypto';
import type { ErrorDetails } from '../../core/error-facts.ts';
import { quoteWord, quoteWords, singleQuoted } from '../../core/shell-words.ts';
import type { Change, Fix } from '../../diagnose/finding.ts';
import { renderChange } from '../render/change-commands.ts';
import type { CommandLines } from './command-lines.ts';

/** Turns the changes that a diagnosis names into the commands to type, one row for each kind of change. */

/** The fixes of the finding that an error or a note was made of; diagnose/errors.ts puts them into the details. */
export const fixesIn = (details: ErrorDetails): readonly Fix[] =>
  (details['fixes'] as readonly Fix[] | undefined) ?? [];

/** The commands of all changes of the best fix, in the order in which they have to be made; empty if there is no fix. */
export const bestFix = (details: ErrorDetails, lines: CommandLines): readonly string[] =>
  fixLines(fixesIn(details)[0] ?? [], lines);

/** The commands of every fix, the best one first. */
export const allFixes = (details: ErrorDetails, lines: CommandLines): readonly string[] =>
  fixesIn(details).flatMap((fix, index) => [...(index === 0 ? [] : ['or:']), ...fixLines(fix, lines)]);

export const fixLines = (fix: Fix, lines: CommandLines): readonly string[] =>
  fix.flatMap((change) => {
    const row = CHANGE_LINES[change.kind] as (change: Change, lines: CommandLines) => readonly string[];
    return row(change, lines);
  });

type Row<K extends Change['kind']> = (
  change: Change & { readonly kind: K },
  lines: CommandLines,
) => readonly string[];

const CHANGE_LINES: { readonly [K in Change['kind']]: Row<K> } = {
  'allow-actions': (change, lines) => policyLines('Allow', change, lines),
  'deny-actions': (change, lines) => policyLines('Deny', change, lines),
  'withdraw-denial': ({ actions, policy, principal }) => [
    `remove the Deny of ${actions.join(', ')} from ${policyOf(policy, principal)}`,
  ],
  'trust-service': ({ role, service, actions }, lines) =>
    TRUST_DOCUMENTS.flatMap(({ document, of }) =>
      service.startsWith(of) ? [lines.tool(`policy ${document}`, {}, `what ${role} has to trust`)] : [],
    ).concat(`the trust policy of ${role} must allow ${service} to call ${actions.join(', ')}`),
  admit: ({ group, port, from }, lines) =>
    from === 'own-group'
      ? [`a rule in ${group} that admits port ${port} from the group of the bastion`]
      : from.map((source) =>
          lines.aws(`ec2 authorize-security-group-ingress ${ruleArguments(group, port, source)}`),
        ),
  'allow-out': ({ group, port, to }, lines) =>
    to.map((peer) => lines.aws(`ec2 authorize-security-group-egress ${ruleArguments(group, port, peer)}`)),
  'acl-entry': ({ acl, number, egress, fromPort, toPort, cidr }, lines) => [
    lines.aws(
      `ec2 create-network-acl-entry --network-acl-id ${acl} --rule-number ${number} ${egress ? '--egress' : '--ingress'} ` +
        `--protocol tcp --port-range From=${fromPort},To=${toPort} ${isIpv6(cidr) ? '--ipv6-cidr-block' : '--cidr-block'} ${cidr} ` +
        '--rule-action allow',
    ),
  ],
  'assign-public-ip': ({ source }) => [
    `${source} needs a public address, which it can get when it is started anew`,
  ],
  'peering-route': ({ routeTable, destination, peering }, lines) => [
    lines.aws(
      `ec2 create-route --route-table-id ${routeTable} ${destinationOf(destination)} --vpc-peering-connection-id ${peering}`,
    ),
  ],
  'peering-dns': ({ peering, vpc }) => [
    `${peering}: allow DNS resolution from ${vpc} to the private addresses`,
  ],
  'carry-group': ({ group }) => [`the same command with --client-security-group ${group}`],
  'associate-group': ({ group, vpc }, lines) => [
    lines.aws(`ec2 associate-security-group-vpc --group-id ${group} --vpc-id ${vpc}`),
  ],
  'add-endpoint': (change, lines) => [addEndpoint(change, lines)],
  'set-endpoint': ({ endpoint, privateDns, dualStack, allowActions, addRouteTable }, lines) => {
    const changes = [
      ...(privateDns === true ? ['--private-dns-enabled'] : []),
      ...(dualStack === true ? ['--ip-address-type dualstack'] : []),
      ...(addRouteTable === undefined ? [] : [`--add-route-table-ids ${addRouteTable}`]),
    ];
    return [
      ...(changes.length === 0
        ? []
        : [lines.aws(`ec2 modify-vpc-endpoint --vpc-endpoint-id ${endpoint} ${changes.join(' ')}`)]),
      ...(allowActions === undefined
        ? []
        : [`the policy of ${endpoint} must allow ${allowActions.join(', ')}`]),
    ];
  },
  'set-route': ({ routeTable, destination }, lines) => [
    lines.aws(
      `ec2 create-route --route-table-id ${routeTable ?? 'ROUTE_TABLE'} ${destinationOf(destination)} --nat-gateway-id NAT_GATEWAY`,
      'a NAT gateway of the VPC',
    ),
  ],
  'redeploy-service': ({ cluster, service, enableExecuteCommand }, lines) => [
    lines.tool(
      `enable-exec ${quoteWord(service)}`,
      { cluster },
      enableExecuteCommand === true
        ? 'checks the task role; a new deployment replaces the tasks'
        : 'a new deployment replaces its tasks',
    ),
  ],
  'run-task': ({ cluster, taskDefinition }, lines) => [
    lines.aws(
      `${quoteWords(['ecs', 'run-task', '--cluster', cluster, '--task-definition', taskDefinition])} --enable-execute-command …`,
    ),
  ],
  'set-subnet': ({ subnet }, lines) => [
    lines.aws(`ec2 modify-subnet-attribute --subnet-id ${subnet} --enable-dns64`),
  ],
  'register-task-definition': rendered,
  'create-task-role': rendered,
  'start-database': rendered,
  'renew-certificate': rendered,
  'stop-task': rendered,
  'set-desired-count': rendered,
  'create-log-group': rendered,
  'encrypt-log-group': rendered,
};

/** As `doctor` shows the change. */
function rendered(change: Change, lines: CommandLines): readonly string[] {
  const { command, instruction } = renderChange(change, (words) => lines.aws(words));
  return [command, instruction].flatMap((line) => line ?? []);
}

/** The documents of `policy` that show how a role trusts a service. */
const TRUST_DOCUMENTS = [
  { of: 'ec2.', document: 'bastion-trust' },
  { of: 'ecs-tasks.', document: 'task-trust' },
] as const;

type PolicyChange = Extract<Change, { readonly policy: unknown }>;

function policyOf(policy: PolicyChange['policy'], principal: string): string {
  switch (policy) {
    case 'permissions-boundary':
      return `the permissions boundary of ${principal}`;
    case 'service-control':
      return 'the service control policies of the organisation';
    case 'identity':
    case undefined:
      return `the policies of ${principal}`;
    default:
      return policy satisfies never;
  }
}

/** A role gets an inline policy; for other principals and policies the statement is described. */
function policyLines(
  Effect: 'Allow' | 'Deny',
  { policy, principal, actions, resources, when }: PolicyChange,
  lines: CommandLines,
): readonly string[] {
  const role = /^(?:arn:[^:]*:iam::\d*:role\/)?(?:[^:]*\/)?([\w+=,.@-]+)$/.exec(principal)?.[1];
  const isUser = /:user\/|^user\//.test(principal);
  if (role === undefined || isUser || policy === 'permissions-boundary' || policy === 'service-control') {
    const verb = Effect === 'Allow' ? 'must allow' : 'must deny';
    return [`${policyOf(policy, principal)} ${verb} ${actions.join(', ')} on ${resources.join(', ')}`];
  }
  const condition = Object.fromEntries(when.map(({ key, values }) => [key, values]));
  const document = {
    Version: '2012-10-17',
    Statement: [
      {
        Effect,
        Action: actions,
        Resource: resources,
        ...(when.length === 0 ? {} : { Condition: { StringEquals: condition } }),
      },
    ],
  };
  const text = JSON.stringify(document);
  // A name of its own for each document, because a second policy of the same name would replace the first one.
  const digest = createHash('sha256').update(text).digest('hex').slice(0, 6);
  return [
    lines.aws(
      `iam put-role-policy --role-name ${quoteWord(role)} --policy-name fargate-connect-${digest} ` +
        `--policy-document ${singleQuoted(text)}`,
    ),
  ];
}

const isIpv6 = (cidr: string): boolean => cidr.includes(':');

/** `peer` is an address range, or the id of a group. */
function ruleArguments(group: string, port: number, peer: string): string {
  const rule = `--group-id ${group}`;
  if (peer.startsWith('sg-') || peer.startsWith('pl-') || isIpv6(peer)) {
    const of = peer.startsWith('sg-')
      ? `UserIdGroupPairs=[{GroupId=${peer}}]`
      : peer.startsWith('pl-')
        ? `PrefixListIds=[{PrefixListId=${peer}}]`
        : `Ipv6Ranges=[{CidrIpv6=${peer}}]`;
    return `${rule} --ip-permissions 'IpProtocol=tcp,FromPort=${port},ToPort=${port},${of}'`;
  }
  return `${rule} --protocol tcp --port ${port} --cidr ${peer}`;
}

const destinationOf = (destination: string): string =>
  `${isIpv6(destination) ? '--destination-ipv6-cidr-block' : '--destination-cidr-block'} ${destination}`;

function addEndpoint(
  {
    vpc,
    serviceName,
    type,
    subnet,
    routeTable,
    dualStack,
  }: Extract<Change, { readonly kind: 'add-endpoint' }>,
  lines: CommandLines,
): string {
  const base = `ec2 create-vpc-endpoint --vpc-id ${vpc} --service-name ${serviceName}`;
  if (type === 'Gateway')
    return lines.aws(`${base} --vpc-endpoint-type Gateway --route-table-ids ${routeTable ?? 'ROUTE_TABLE'}`);
  return lines.aws(
    `${base} --vpc-endpoint-type Interface --subnet-ids ${subnet} --private-dns-enabled` +
      `${dualStack ? ' --ip-address-type dualstack' : ''} --security-group-ids GROUP`,
    'a group that admits port 443 from the subnet',
  );
}
