import { quoteWord } from '../../core/shell-words.ts';
import { nameOfArn, parseArn } from '../../core/arn.ts';
import type { Change, DefinitionChanges } from '../../diagnose/finding.ts';

/** A change as something to type or to paste: a command of the AWS CLI, an attribute of Terraform, an IAM statement. */

export interface RenderedChange {
  /** Command line that makes the change; undefined if no command of this account does. */
  readonly command?: string | undefined;
  /** Attribute or block of Terraform's AWS provider. */
  readonly terraform?: string | undefined;
  /** IAM statement to add. */
  readonly policyStatement?: unknown;
  /** What to do where no command helps. */
  readonly instruction?: string | undefined;
}

/** `aws` completes a command line of the AWS CLI with region and profile. */
export type AwsCommand = (words: string) => string;

export function renderChange(change: Change, aws: AwsCommand): RenderedChange {
  switch (change.kind) {
    case 'allow-actions':
      return allowActions(change, aws);
    case 'deny-actions':
    case 'withdraw-denial':
      return {
        instruction: `${change.kind === 'deny-actions' ? 'deny' : 'withdraw the Deny of'} ${change.actions.join(', ')} for ${change.principal}`,
      };
    case 'trust-service': {
      const document = trustDocument(change.service, change.actions);
      return {
        command: aws(
          `iam update-assume-role-policy --role-name ${quoteWord(nameOfArn(change.role))} --policy-document ${json(document)}`,
        ),
        terraform: `aws_iam_role.assume_role_policy: principal ${change.service}`,
        policyStatement: document.Statement[0],
      };
    }
    case 'admit':
      return groupRule('ingress', change.group, change.port, change.from, aws);
    case 'allow-out':
      return groupRule('egress', change.group, change.port, change.to, aws);
    case 'acl-entry':
      return {
        command: aws(
          `ec2 create-network-acl-entry --network-acl-id ${change.acl} --rule-number ${change.number} --${change.egress ? 'egress' : 'ingress'} --protocol 6 --port-range From=${change.fromPort},To=${change.toPort} --${change.cidr.includes(':') ? 'ipv6-cidr-block' : 'cidr-block'} ${change.cidr} --rule-action allow`,
        ),
        terraform: `aws_network_acl_rule { rule_number = ${change.number}, egress = ${change.egress}, protocol = "tcp", rule_action = "allow", from_port = ${change.fromPort}, to_port = ${change.toPort}, cidr_block = "${change.cidr}" }`,
      };
    case 'assign-public-ip':
      return {
        instruction: `give ${change.source} a public address at its next start`,
        terraform: 'aws_ecs_service.network_configuration.assign_public_ip = true',
      };
    case 'add-endpoint':
      return {
        command: aws(
          `ec2 create-vpc-endpoint --vpc-id ${change.vpc} --service-name ${change.serviceName} --vpc-endpoint-type ${change.type}` +
            (change.type === 'Interface'
              ? ` --subnet-ids ${change.subnet} --private-dns-enabled${change.dualStack ? ' --ip-address-type dualstack' : ''}`
              : ` --route-table-ids ${change.routeTable ?? ''}`),
        ),
        terraform: `aws_vpc_endpoint { service_name = "${change.serviceName}", vpc_endpoint_type = "${change.type}"${change.type === 'Interface' ? ', private_dns_enabled = true' : ''} }`,
      };
    case 'set-endpoint':
      return setEndpoint(change, aws);
    case 'set-route':
      return setRoute(change, aws);
    case 'peering-route':
      return {
        command: aws(
          `ec2 create-route --route-table-id ${change.routeTable} --destination-cidr-block ${change.destination.includes('/') ? change.destination : `${change.destination}/32`} --vpc-peering-connection-id ${change.peering}`,
        ),
        terraform: `aws_route { route_table_id = "${change.routeTable}", vpc_peering_connection_id = "${change.peering}" }`,
      };
    case 'peering-dns':
      return {
        command: aws(
          `ec2 modify-vpc-peering-connection-options --vpc-peering-connection-id ${change.peering} --accepter-peering-connection-options AllowDnsResolutionFromRemoteVpc=true --requester-peering-connection-options AllowDnsResolutionFromRemoteVpc=true`,
        ),
        terraform: 'aws_vpc_peering_connection_options.accepter.allow_remote_vpc_dns_resolution = true',
      };
    case 'carry-group':
      return { command: `fargate-connect up --client-security-group ${change.group}` };
    case 'associate-group':
      return {
        command: aws(`ec2 associate-security-group-vpc --group-id ${change.group} --vpc-id ${change.vpc}`),
      };
    case 'set-subnet':
      return { command: aws(`ec2 modify-subnet-attribute --subnet-id ${change.subnet} --enable-dns64`) };
    case 'redeploy-service':
      return redeploy(change, aws);
    case 'run-task':
      return {
        command: aws(
          `ecs run-task --cluster ${quoteWord(change.cluster)} --task-definition ${quoteWord(change.taskDefinition)} --enable-execute-command`,
        ),
      };
    case 'register-task-definition':
      return registerDefinition(change, aws);
    case 'create-task-role': {
      const { account, partition, region, role } = change;
      const document = trustDocument('ecs-tasks.amazonaws.com', ['sts:AssumeRole'], {
        ArnLike: { 'aws:SourceArn': `arn:${partition}:ecs:${region}:${account}:*` },
        StringEquals: { 'aws:SourceAccount': account },
      });
      return {
        command: aws(
          `iam create-role --role-name ${quoteWord(role)} --assume-role-policy-document ${json(document)}`,
        ),
        terraform: `aws_iam_role { name = "${role}" }`,
      };
    }
    case 'stop-task':
      return {
        command: aws(`ecs stop-task --cluster ${quoteWord(change.cluster)} --task ${change.task}`),
      };
    case 'set-desired-count':
      return {
        command: aws(
          `ecs update-service --cluster ${quoteWord(change.cluster)} --service ${quoteWord(change.service)} --desired-count ${change.desiredCount}`,
        ),
        terraform: `aws_ecs_service.desired_count = ${change.desiredCount}`,
      };
    case 'start-database':
      return { command: aws(`rds start-db-instance --db-instance-identifier ${quoteWord(change.database)}`) };
    case 'renew-certificate':
      return {
        command: aws(
          `rds modify-db-instance --db-instance-identifier ${quoteWord(change.database)} --ca-certificate-identifier rds-ca-rsa2048-g1 --apply-immediately`,
        ),
        terraform: 'aws_db_instance.ca_cert_identifier = "rds-ca-rsa2048-g1"',
      };
    case 'create-log-group':
      return {
        command: aws(`logs create-log-group --log-group-name ${quoteWord(change.logGroup)}`),
        terraform: `aws_cloudwatch_log_group { name = "${change.logGroup}" }`,
      };
    case 'encrypt-log-group':
      return change.kmsKeyId === undefined
        ? {
            instruction: `give log group ${change.logGroup} a KMS key, or set cloudWatchEncryptionEnabled to false`,
          }
        : {
            command: aws(
              `logs associate-kms-key --log-group-name ${quoteWord(change.logGroup)} --kms-key-id ${change.kmsKeyId}`,
            ),
            terraform: `aws_cloudwatch_log_group.kms_key_id = "${change.kmsKeyId}"`,
          };
    default:
      return change satisfies never;
  }
}

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

const oneOrAll = (values: readonly string[]): string | readonly string[] =>
  values.length === 1 ? (values[0] ?? '') : values;

type Of<K extends Change['kind']> = Extract<Change, { readonly kind: K }>;
type GrantChange = Extract<Change, { readonly when: unknown }>;

function allowActions(
  { principal, policy, statement: sid, actions, resources }: GrantChange,
  aws: AwsCommand,
): RenderedChange {
  const statement = {
    ...(sid === undefined ? {} : { Sid: sid }),
    Effect: 'Allow',
    Action: oneOrAll(actions),
    Resource: oneOrAll(resources),
  };
  const name = nameOfArn(principal);
  if (policy === 'service-control')
    return {
      policyStatement: statement,
      instruction: 'a service control policy of the organization has to allow it',
    };
  if (policy === 'permissions-boundary')
    return {
      policyStatement: statement,
      instruction: `the permissions boundary of ${name} has to contain the statement`,
    };
  const kind = parseArn(principal)?.resource.startsWith('user/') === true ? 'user' : 'role';
  const document = { Version: '2012-10-17', Statement: [statement] };
  return {
    command: aws(
      `iam put-${kind}-policy --${kind}-name ${quoteWord(name)} --policy-name ${policyName(sid)} --policy-document ${json(document)}`,
    ),
    terraform: `aws_iam_${kind}_policy { ${kind} = "${name}", policy = jsonencode(${JSON.stringify(document)}) }`,
    policyStatement: statement,
  };
}

/** One inline policy for each statement, so that one does not overwrite another. */
const policyName = (sid: string | undefined): string => `fargate-connect-${sid ?? 'grant'}`;

function groupRule(
  direction: 'ingress' | 'egress',
  group: string,
  port: number,
  peers: readonly string[] | 'own-group',
  aws: AwsCommand,
): RenderedChange {
  const terraform = (attribute: string): string =>
    `aws_vpc_security_group_${direction}_rule { security_group_id = "${group}", ip_protocol = "tcp", from_port = ${port}, to_port = ${port}, ${attribute} }`;
  if (peers === 'own-group') return { command: `fargate-connect up --allow-db` };
  const [peer = ''] = peers;
  if (peer.startsWith('sg-')) {
    const permission = `IpProtocol=tcp,FromPort=${port},ToPort=${port},UserIdGroupPairs=[{GroupId=${peer}}]`;
    return {
      command: aws(
        `ec2 authorize-security-group-${direction} --group-id ${group} --ip-permissions ${quoteWord(permission)}`,
      ),
      terraform: terraform(`referenced_security_group_id = "${peer}"`),
    };
  }
  const ranges = peers.map((range) => {
    if (range.includes(':')) return { CidrIpv6: range.includes('/') ? range : `${range}/128` };
    return { CidrIp: range.includes('/') ? range : `${range}/32` };
  });
  const of = (name: 'CidrIp' | 'CidrIpv6'): readonly string[] =>
    ranges.flatMap((range) => (name in range ? [`{${name}=${Object.values(range)[0]}}`] : []));
  const permission = [
    `IpProtocol=tcp,FromPort=${port},ToPort=${port}`,
    ...(of('CidrIp').length === 0 ? [] : [`IpRanges=[${of('CidrIp').join(',')}]`]),
    ...(of('CidrIpv6').length === 0 ? [] : [`Ipv6Ranges=[${of('CidrIpv6').join(',')}]`]),
  ].join(',');
  return {
    command: aws(
      `ec2 authorize-security-group-${direction} --group-id ${group} --ip-permissions ${quoteWord(permission)}`,
    ),
    terraform: terraform(`cidr_ipv4 = "${peer}"`),
  };
}

function setRoute({ destination, gateway, routeTable }: Of<'set-route'>, aws: AwsCommand): RenderedChange {
  const table = routeTable ?? 'the route table of the subnet';
  if (gateway === undefined || routeTable === undefined)
    return {
      instruction: `create a NAT gateway in a public subnet of the VPC, and a route for ${destination} to it in ${table}`,
    };
  const flag = destination.includes(':') ? 'destination-ipv6-cidr-block' : 'destination-cidr-block';
  return {
    command: aws(
      `ec2 create-route --route-table-id ${routeTable} --${flag} ${destination} --nat-gateway-id ${gateway}`,
    ),
    terraform: `aws_route { route_table_id = "${routeTable}", destination_cidr_block = "${destination}", nat_gateway_id = "${gateway}" }`,
  };
}

function setEndpoint(
  { endpoint, privateDns, dualStack, addRouteTable, allowActions: actions }: Of<'set-endpoint'>,
  aws: AwsCommand,
): RenderedChange {
  const modify = `ec2 modify-vpc-endpoint --vpc-endpoint-id ${endpoint}`;
  if (privateDns === true)
    return {
      command: aws(`${modify} --private-dns-enabled`),
      terraform: 'aws_vpc_endpoint.private_dns_enabled = true',
    };
  if (dualStack === true)
    return {
      command: aws(`${modify} --ip-address-type dualstack`),
      terraform: 'aws_vpc_endpoint.ip_address_type = "dualstack"',
    };
  if (actions !== undefined) {
    const statement = { Effect: 'Allow', Principal: '*', Action: oneOrAll(actions), Resource: '*' };
    return {
      policyStatement: statement,
      instruction: `add the statement to the policy of ${endpoint}`,
      terraform: 'aws_vpc_endpoint.policy',
    };
  }
  return {
    command: aws(`${modify} --add-route-table-ids ${addRouteTable ?? ''}`),
    terraform: 'aws_vpc_endpoint.route_table_ids',
  };
}

function redeploy(
  { cluster, service, enableExecuteCommand, family, platformVersion, controller }: Of<'redeploy-service'>,
  aws: AwsCommand,
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
  const flags = [
    `--cluster ${quoteWord(cluster)} --service ${quoteWord(service)}`,
    ...(family === undefined ? [] : [`--task-definition ${quoteWord(family)}`]),
    ...(platformVersion === undefined ? [] : [`--platform-version ${platformVersion}`]),
    ...(enableExecuteCommand === true ? ['--enable-execute-command'] : []),
    '--force-new-deployment',
  ];
  return { command: aws(`ecs update-service ${flags.join(' ')}`), terraform };
}

/** Members that DescribeTaskDefinition returns and RegisterTaskDefinition refuses. */
const READ_ONLY = [
  'taskDefinitionArn',
  'revision',
  'status',
  'requiresAttributes',
  'compatibilities',
  'registeredAt',
  'registeredBy',
  'deregisteredAt',
];

function registerDefinition(
  { taskDefinition, changes }: Of<'register-task-definition'>,
  aws: AwsCommand,
): RenderedChange {
  const filter = [
    `del(${READ_ONLY.map((name) => `.${name}`).join(',')})`,
    ...(changes.taskRole === undefined ? [] : [`.taskRoleArn=${JSON.stringify(changes.taskRole)}`]),
    ...(changes.removePidMode === true ? ['del(.pidMode)'] : []),
    ...(changes.containers ?? []).map(containerFilter),
  ].join('|');
  const described = aws(
    `ecs describe-task-definition --task-definition ${quoteWord(taskDefinition)} --query taskDefinition --output json`,
  );
  return {
    command: aws(
      `ecs register-task-definition --cli-input-json "$(${described} | jq -c ${quoteWord(filter)})"`,
    ),
    terraform: terraformOf(changes),
  };
}

function containerFilter(container: NonNullable<DefinitionChanges['containers']>[number]): string {
  const { name, readonlyRoot, initProcess, removeVariables, addVariable } = container;
  const kept = `map(select(.name as $n|${JSON.stringify(removeVariables ?? [])}|index($n)|not))`;
  const steps = [
    ...(readonlyRoot === false ? ['.readonlyRootFilesystem=false'] : []),
    ...(initProcess === true ? ['.linuxParameters.initProcessEnabled=true'] : []),
    ...(removeVariables === undefined
      ? []
      : [`.environment|=((.//[])|${kept})`, `.secrets|=((.//[])|${kept})`]),
    ...(addVariable === undefined ? [] : [`.environment+=[${JSON.stringify(addVariable)}]`]),
  ];
  return `.containerDefinitions|=map(if .name==${JSON.stringify(name)} then ${steps.join('|')} else . end)`;
}

function terraformOf({ taskRole, removePidMode, containers = [] }: DefinitionChanges): string {
  return [
    ...(taskRole === undefined ? [] : [`aws_ecs_task_definition.task_role_arn = "${taskRole}"`]),
    ...(removePidMode === true ? ['aws_ecs_task_definition.pid_mode removed'] : []),
    ...containers.flatMap(({ name, readonlyRoot, initProcess, removeVariables, addVariable }) => [
      ...(readonlyRoot === false ? [`${name}: readonlyRootFilesystem = false`] : []),
      ...(initProcess === true ? [`${name}: linuxParameters = { initProcessEnabled = true }`] : []),
      ...(removeVariables === undefined
        ? []
        : [`${name}: environment and secrets without ${removeVariables.join(', ')}`]),
      ...(addVariable === undefined
        ? []
        : [`${name}: environment with { name = "${addVariable.name}", value = "${addVariable.value}" }`]),
    ]),
  ].join('; ');
}
