import { quoteWord } from '../../core/shell-words.ts';
import type { Change } from '../../diagnose/change.ts';
import type { CommandLines } from '../advice/command-lines.ts';
import { registerDefinition } from './definition-command.ts';
import type { Of, RenderedChange } from './rendered-change.ts';
import { policyStatement, policyOf, trustService, trustDocument, json } from './policy-change.ts';
import { groupRule, isIpv6, addEndpoint, setEndpoint, setRoute, destinationOf } from './network-change.ts';

/**
 * A change as something to type or to paste: a command line, an attribute of Terraform, an IAM statement. One row for
 * each kind of change; `doctor`, `status`, `policy --check` and the advice below errors all print these rows.
 */

export function renderChange(change: Change, lines: CommandLines): RenderedChange {
  const row = ROWS[change.kind] as (change: Change, lines: CommandLines) => RenderedChange;
  return row(change, lines);
}

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
    command: lines.aws(
      `ecs stop-task --cluster ${quoteWord(cluster)} --task ${task}`,
      'the service starts another task: memory and files of this one are lost',
    ),
  }),
  'read-image': readImage,
  'read-connections': ({ database, from, isCluster, parameterGroup, to }, lines) => ({
    command: lines.aws(
      `cloudwatch get-metric-statistics --namespace AWS/RDS --metric-name DatabaseConnections --dimensions Name=${isCluster ? 'DBClusterIdentifier' : 'DBInstanceIdentifier'},Value=${quoteWord(database)} --statistics Maximum --period 60 --start-time ${from} --end-time ${to}`,
    ),
    ...(parameterGroup === undefined
      ? {}
      : {
          instruction: lines.aws(
            `rds describe-db-parameters --db-parameter-group-name ${quoteWord(parameterGroup)} --query "Parameters[?ParameterName=='max_connections'].ParameterValue"`,
            'how many it accepts',
          ),
        }),
  }),
  'read-logs': ({ cluster, service }, lines) => ({
    command: lines.tool(
      `logs ${quoteWord(service)}`,
      { cluster, since: '1h' },
      'what its containers wrote before they ended',
    ),
  }),
  'follow-path': ({ cluster, service, to }, lines) => ({
    command: lines.tool(`doctor --path ${quoteWord(service)} ${to}`, { cluster }, 'shows each network hop'),
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
  'grow-storage': ({ allocatedGiB, database }, lines) => ({
    command: lines.aws(
      `rds modify-db-instance --db-instance-identifier ${quoteWord(database)} --allocated-storage ${allocatedGiB} --apply-immediately`,
    ),
    terraform: `aws_db_instance.allocated_storage = ${allocatedGiB}`,
  }),
  'extend-lease': ({ bastion }, lines) => ({ command: lines.tool('up', { name: bastion, ttl: '2h' }) }),
  'delete-leftovers': ({ bastion }, lines) => ({ command: lines.tool('down', { name: bastion }) }),
  'replace-bastion': ({ bastion }, lines) => ({
    command: `${lines.tool('down', { name: bastion })} && ${lines.tool('up', { name: bastion })}`,
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

/** An image of ECR can be looked up; other registries have their own tools. */
function readImage({ image }: Of<'read-image'>, lines: CommandLines): RenderedChange {
  const ecr =
    /^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?\/([^:@]+)(?::([^@]+))?(?:@(.+))?$/.exec(
      image,
    );
  if (ecr === null)
    return { instruction: `check that ${image} exists, and that the tasks reach its registry` };
  const [, account = '', region = '', repository = '', tag = 'latest', digest] = ecr;
  const id = digest === undefined ? `imageTag=${tag}` : `imageDigest=${digest}`;
  return {
    command: lines.aws(
      `ecr describe-images --registry-id ${account} --repository-name ${quoteWord(repository)} --image-ids ${quoteWord(id)} --region ${region}`,
      'shows whether the image exists; ImageNotFoundException = it does not',
    ),
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
