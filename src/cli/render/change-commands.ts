import { quoteWord } from '../../core/shell-words.ts';
import { nameOfArn, parseArn } from '../../core/arn.ts';
import { oneOrAll, statementPolicy } from '../../app/doctor/statement-policy.ts';
import type { Change } from '../../diagnose/finding.ts';
import type { CommandLines } from '../advice/command-lines.ts';
import { registerDefinition } from './definition-command.ts';

/**
 * A change as something to type or to paste: a command line, an attribute of Terraform, an IAM statement. One row for
 * each kind of change; `doctor`, `status`, `policy --check` and the advice below errors all print these rows.
 */

export interface RenderedChange {
  /** Command line that makes the change; undefined if no command of this account does. */
  readonly command?: string | undefined;
  /** Attribute or block of Terraform's AWS provider. */
  readonly terraform?: string | undefined;
  /** IAM statement to add. */
  readonly policyStatement?: unknown;
  /** What to do where no command helps, or besides the command. */
  readonly instruction?: string | undefined;
}

export function renderChange(change: Change, lines: CommandLines): RenderedChange {
  const row = ROWS[change.kind] as (change: Change, lines: CommandLines) => RenderedChange;
  return row(change, lines);
}

/** `allow-actions`, `deny-actions` and `withdraw-denial` are one member of the union, which `Extract` would not find. */
type Of<K extends Change['kind']> = Change & { readonly kind: K };

const ROWS: { readonly [K in Change['kind']]: (change: Of<K>, lines: CommandLines) => RenderedChange } = {
  'allow-actions': (change, lines) => policyStatement('Allow', change, lines),
  'deny-actions': (change, lines) => policyStatement('Deny', change, lines),
  'withdraw-denial': ({ actions, policy, principal }) => ({
    instruction: `remove the Deny of ${actions.join(', ')} from ${policyOf(policy, principal)}`,
  }),
  'trust-service': trustService,
  admit: ({ group, port, from }, lines) =>
    from === 'own-group'
      ? { instruction: `a rule in ${group} that admits port ${port} from the group of the bastion` }
      : groupRule('ingress', group, port, from, lines),
  'allow-out': ({ group, port, to }, lines) => groupRule('egress', group, port, to, lines),
  'acl-entry': ({ acl, number, egress, fromPort, toPort, cidr }, lines) => ({
    command: lines.aws(
      `ec2 create-network-acl-entry --network-acl-id ${acl} --rule-number ${number} --${egress ? 'egress' : 'ingress'} --protocol 6 --port-range From=${fromPort},To=${toPort} --${isIpv6(cidr) ? 'ipv6-cidr-block' : 'cidr-block'} ${cidr} --rule-action allow`,
    ),
    terraform: `aws_network_acl_rule { rule_number = ${number}, egress = ${egress}, protocol = "tcp", rule_action = "allow", from_port = ${fromPort}, to_port = ${toPort}, ${isIpv6(cidr) ? 'ipv6_cidr_block' : 'cidr_block'} = "${cidr}" }`,
  }),
  'assign-public-ip': ({ source }) => ({
    instruction: `give ${source} a public address at its next start`,
    terraform: 'aws_ecs_service.network_configuration.assign_public_ip = true',
  }),
  'add-endpoint': addEndpoint,
  'set-endpoint': setEndpoint,
  'set-route': setRoute,
  'peering-route': ({ routeTable, destination, peering }, lines) => ({
    command: lines.aws(
      `ec2 create-route --route-table-id ${routeTable} ${destinationOf(destination)} --vpc-peering-connection-id ${peering}`,
    ),
    terraform: `aws_route { route_table_id = "${routeTable}", vpc_peering_connection_id = "${peering}" }`,
  }),
  'peering-dns': ({ peering }, lines) => ({
    command: lines.aws(
      `ec2 modify-vpc-peering-connection-options --vpc-peering-connection-id ${peering} --accepter-peering-connection-options AllowDnsResolutionFromRemoteVpc=true --requester-peering-connection-options AllowDnsResolutionFromRemoteVpc=true`,
    ),
    terraform: 'aws_vpc_peering_connection_options.accepter.allow_remote_vpc_dns_resolution = true',
  }),
  // `doctor` itself starts no bastion; a command that failed is repeated with its other flags.
  'carry-group': ({ group }, lines) =>
    lines.context.command === 'doctor'
      ? { command: lines.tool('up', { 'client-security-group': group }) }
      : { instruction: `the same command with --client-security-group ${group}` },
  'associate-group': ({ group, vpc }, lines) => ({
    command: lines.aws(`ec2 associate-security-group-vpc --group-id ${group} --vpc-id ${vpc}`),
  }),
  'set-subnet': ({ subnet }, lines) => ({
    command: lines.aws(`ec2 modify-subnet-attribute --subnet-id ${subnet} --enable-dns64`),
  }),
  'redeploy-service': redeploy,
  // The ellipsis stands for the network configuration, which the task definition does not contain.
  'run-task': ({ cluster, taskDefinition }, lines) => ({
    command: lines.aws(
      `ecs run-task --cluster ${quoteWord(cluster)} --task-definition ${quoteWord(taskDefinition)} --enable-execute-command …`,
    ),
  }),
  'register-task-definition': registerDefinition,
  'create-task-role': ({ account, partition, region, role }, lines) => {
    const document = trustDocument('ecs-tasks.amazonaws.com', ['sts:AssumeRole'], {
      ArnLike: { 'aws:SourceArn': `arn:${partition}:ecs:${region}:${account}:*` },
      StringEquals: { 'aws:SourceAccount': account },
    });
    return {
      command: lines.aws(
        `iam create-role --role-name ${quoteWord(role)} --assume-role-policy-document ${json(document)}`,
      ),
      terraform: `aws_iam_role { name = "${role}" }`,
    };
  },
  'stop-task': ({ cluster, task }, lines) => ({
    command: lines.aws(`ecs stop-task --cluster ${quoteWord(cluster)} --task ${task}`),
  }),
  'set-desired-count': ({ cluster, service, desiredCount }, lines) => ({
    command: lines.aws(
      `ecs update-service --cluster ${quoteWord(cluster)} --service ${quoteWord(service)} --desired-count ${desiredCount}`,
    ),
    terraform: `aws_ecs_service.desired_count = ${desiredCount}`,
  }),
  'start-database': ({ database }, lines) => ({
    command: lines.aws(`rds start-db-instance --db-instance-identifier ${quoteWord(database)}`),
  }),
  'renew-certificate': ({ database }, lines) => ({
    command: lines.aws(
      `rds modify-db-instance --db-instance-identifier ${quoteWord(database)} --ca-certificate-identifier rds-ca-rsa2048-g1 --apply-immediately`,
    ),
    terraform: 'aws_db_instance.ca_cert_identifier = "rds-ca-rsa2048-g1"',
  }),
  'create-log-group': ({ logGroup }, lines) => ({
    command: lines.aws(`logs create-log-group --log-group-name ${quoteWord(logGroup)}`),
    terraform: `aws_cloudwatch_log_group { name = "${logGroup}" }`,
  }),
  'encrypt-log-group': ({ logGroup, kmsKeyId }, lines) =>
    kmsKeyId === undefined
      ? {
          instruction: `give log group ${logGroup} a KMS key, or set cloudWatchEncryptionEnabled to false`,
        }
      : {
          command: lines.aws(
            `logs associate-kms-key --log-group-name ${quoteWord(logGroup)} --kms-key-id ${kmsKeyId}`,
          ),
          terraform: `aws_cloudwatch_log_group.kms_key_id = "${kmsKeyId}"`,
        },
};

const json = (value: unknown): string => quoteWord(JSON.stringify(value));

const trustDocument = (service: string, actions: readonly string[], condition?: unknown) => ({
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Principal: { Service: service },
      Action: oneOrAll(actions),
      ...(condition === undefined ? {} : { Condition: condition }),
    },
  ],
});

type PolicyChange = Extract<Change, { readonly policy: unknown }>;

function policyOf(policy: PolicyChange['policy'], principal: string): string {
  switch (policy) {
    case 'permissions-boundary':
      return `the permissions boundary of ${principal}`;
    case 'service-control':
      return 'the service control policies of the organization';
    case 'identity':
    case undefined:
      return `the policies of ${principal}`;
    default:
      return policy satisfies never;
  }
}

/** A role or user gets an inline policy; for other principals and policies the statement is described. */
function policyStatement(
  Effect: 'Allow' | 'Deny',
  change: PolicyChange,
  lines: CommandLines,
): RenderedChange {
  const { principal, policy, actions, resources } = change;
  const { name: policyName, document, statement } = statementPolicy(Effect, change);
  const kind = kindOf(principal);
  if (kind === undefined || policy === 'permissions-boundary' || policy === 'service-control') {
    const verb = Effect === 'Allow' ? 'must allow' : 'must deny';
    return {
      policyStatement: statement,
      instruction: `${policyOf(policy, principal)} ${verb} ${actions.join(', ')} on ${resources.join(', ')}`,
    };
  }
  const name = nameOfArn(principal);
  return {
    command: lines.aws(
      `iam put-${kind}-policy --${kind}-name ${quoteWord(name)} --policy-name ${policyName} --policy-document ${quoteWord(document)}`,
    ),
    terraform: `aws_iam_${kind}_policy { ${kind} = "${name}", policy = jsonencode(${document}) }`,
    policyStatement: statement,
  };
}

/** The name of a role may stand for its ARN. Undefined = neither a role nor a user, e.g. the session of a role. */
function kindOf(principal: string): 'role' | 'user' | undefined {
  const resource = parseArn(principal)?.resource ?? (principal.includes(':') ? '' : `role/${principal}`);
  if (resource.startsWith('user/')) return 'user';
  return resource.startsWith('role/') ? 'role' : undefined;
}

/** The documents of `policy` that show how a role trusts a service. */
const TRUST_DOCUMENTS = [
  { of: 'ec2.', document: 'bastion-trust' },
  { of: 'ecs-tasks.', document: 'task-trust' },
] as const;

function trustService({ role, service, actions }: Of<'trust-service'>, lines: CommandLines): RenderedChange {
  const document = trustDocument(service, actions);
  const printed = TRUST_DOCUMENTS.find(({ of }) => service.startsWith(of));
  return {
    command: lines.aws(
      `iam update-assume-role-policy --role-name ${quoteWord(nameOfArn(role))} --policy-document ${json(document)}`,
    ),
    instruction: [
      `this replaces the trust policy of ${role}: add the statements that it has for others`,
      ...(printed === undefined
        ? []
        : [`${lines.tool(`policy ${printed.document}`)} prints one with conditions`]),
    ].join('; '),
    terraform: `aws_iam_role.assume_role_policy: principal ${service}`,
    policyStatement: document.Statement[0],
  };
}

const isIpv6 = (range: string): boolean => range.includes(':');

/** `address` may be a range already. */
const rangeOf = (address: string): string => {
  if (address.includes('/')) return address;
  return `${address}/${isIpv6(address) ? 128 : 32}`;
};

const destinationOf = (destination: string): string =>
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
function groupRule(
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

function addEndpoint(
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

function setRoute(
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

function setEndpoint(
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

function redeploy(
  { cluster, service, enableExecuteCommand, family, platformVersion, controller }: Of<'redeploy-service'>,
  lines: CommandLines,
): RenderedChange {
  const terraform =
    enableExecuteCommand === true
      ? 'aws_ecs_service.enable_execute_command = true'
      : platformVersion === undefined
        ? 'aws_ecs_service.force_new_deployment = true'
        : `aws_ecs_service.platform_version = "${platformVersion}"`;
  if (controller !== undefined)
    return {
      instruction: `start a deployment with ${controller === 'CODE_DEPLOY' ? 'CodeDeploy' : 'the controller of the service'}: it, and not ECS, replaces the tasks of ${service}`,
      terraform,
    };
  // `enable-exec` checks the task role first, and asks; it changes nothing where ECS Exec is enabled for all tasks.
  if (enableExecuteCommand === true && family === undefined && platformVersion === undefined)
    return {
      command: lines.tool(
        `enable-exec ${quoteWord(service)}`,
        { cluster },
        'checks the task role; a new deployment replaces the tasks',
      ),
      terraform,
    };
  const flags = [
    `--cluster ${quoteWord(cluster)} --service ${quoteWord(service)}`,
    ...(family === undefined ? [] : [`--task-definition ${quoteWord(family)}`]),
    ...(platformVersion === undefined ? [] : [`--platform-version ${platformVersion}`]),
    ...(enableExecuteCommand === true ? ['--enable-execute-command'] : []),
    '--force-new-deployment',
  ];
  return {
    command: lines.aws(`ecs update-service ${flags.join(' ')}`, 'a new deployment replaces the tasks'),
    terraform,
  };
}
