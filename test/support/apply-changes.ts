import { CloudWatchLogsClient, CreateLogGroupCommand } from '@aws-sdk/client-cloudwatch-logs';
import {
  AuthorizeSecurityGroupEgressCommand,
  AuthorizeSecurityGroupIngressCommand,
  CreateNetworkAclEntryCommand,
  EC2Client,
  type IpPermission,
} from '@aws-sdk/client-ec2';
import {
  type ContainerDefinition,
  DescribeTaskDefinitionCommand,
  ECSClient,
  RegisterTaskDefinitionCommand,
  type RegisterTaskDefinitionCommandInput,
  StopTaskCommand,
  UpdateServiceCommand,
} from '@aws-sdk/client-ecs';
import {
  CreateRoleCommand,
  IAMClient,
  PutRolePolicyCommand,
  UpdateAssumeRolePolicyCommand,
} from '@aws-sdk/client-iam';
import { ModifyDBInstanceCommand, RDSClient, StartDBInstanceCommand } from '@aws-sdk/client-rds';
import { nameOfArn } from '../../src/core/arn.ts';
import type { Change, DefinitionChanges } from '../../src/diagnose/change.ts';
import { sandboxClients } from './sandbox-clients.ts';

/**
 * Makes the changes that `doctor --json` prints, as somebody would who types them. Throws for a change that the sandbox
 * has no operation for.
 */
export async function applyChanges(
  changes: readonly Change[],
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const { config } = sandboxClients(env);
  for (const change of changes) await apply(change, config);
}

const trust = (service: string): string =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: { Service: service }, Action: 'sts:AssumeRole' }],
  });

async function apply(change: Change, config: ReturnType<typeof sandboxClients>['config']): Promise<void> {
  const [ecs, ec2, iam] = [new ECSClient(config), new EC2Client(config), new IAMClient(config)];
  // oxlint-disable-next-line typescript/switch-exhaustiveness-check -- the sandbox makes these changes only
  switch (change.kind) {
    case 'allow-actions': {
      const Statement = [{ Effect: 'Allow', Action: change.actions, Resource: change.resources }];
      await iam.send(
        new PutRolePolicyCommand({
          RoleName: nameOfArn(change.principal),
          PolicyName: `grant-${change.statement ?? ''}`,
          PolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement }),
        }),
      );
      return;
    }
    case 'create-task-role':
      await iam.send(
        new CreateRoleCommand({
          RoleName: change.role,
          AssumeRolePolicyDocument: trust('ecs-tasks.amazonaws.com'),
        }),
      );
      return;
    case 'trust-service':
      await iam.send(
        new UpdateAssumeRolePolicyCommand({
          RoleName: nameOfArn(change.role),
          PolicyDocument: trust(change.service),
        }),
      );
      return;
    case 'register-task-definition': {
      const { taskDefinition } = await ecs.send(
        new DescribeTaskDefinitionCommand({ taskDefinition: change.taskDefinition }),
      );
      await ecs.send(new RegisterTaskDefinitionCommand(changed(taskDefinition ?? {}, change.changes)));
      return;
    }
    case 'redeploy-service':
      await ecs.send(
        new UpdateServiceCommand({
          cluster: change.cluster,
          service: change.service,
          taskDefinition: change.family,
          platformVersion: change.platformVersion,
          enableExecuteCommand: change.enableExecuteCommand,
          forceNewDeployment: true,
        }),
      );
      return;
    case 'set-desired-count':
      await ecs.send(
        new UpdateServiceCommand({
          cluster: change.cluster,
          service: change.service,
          desiredCount: change.desiredCount,
        }),
      );
      return;
    case 'start-database':
      await new RDSClient(config).send(new StartDBInstanceCommand({ DBInstanceIdentifier: change.database }));
      return;
    case 'grow-storage':
      await new RDSClient(config).send(
        new ModifyDBInstanceCommand({
          DBInstanceIdentifier: change.database,
          AllocatedStorage: change.allocatedGiB,
          ApplyImmediately: true,
        }),
      );
      return;
    case 'renew-certificate':
      await new RDSClient(config).send(
        new ModifyDBInstanceCommand({
          DBInstanceIdentifier: change.database,
          CACertificateIdentifier: 'rds-ca-rsa2048-g1',
          ApplyImmediately: true,
        }),
      );
      return;
    case 'stop-task':
      await ecs.send(new StopTaskCommand({ cluster: change.cluster, task: change.task }));
      return;
    case 'create-log-group':
      await new CloudWatchLogsClient(config).send(
        new CreateLogGroupCommand({ logGroupName: change.logGroup }),
      );
      return;
    case 'admit':
      if (change.from === 'own-group') throw new Error('there is no bastion');
      await ec2.send(
        new AuthorizeSecurityGroupIngressCommand({
          GroupId: change.group,
          IpPermissions: [permission(change.port, change.from)],
        }),
      );
      return;
    case 'allow-out':
      await ec2.send(
        new AuthorizeSecurityGroupEgressCommand({
          GroupId: change.group,
          IpPermissions: [permission(change.port, change.to)],
        }),
      );
      return;
    case 'acl-entry':
      await ec2.send(
        new CreateNetworkAclEntryCommand({
          NetworkAclId: change.acl,
          RuleNumber: change.number,
          Egress: change.egress,
          RuleAction: 'allow',
          Protocol: '6',
          CidrBlock: change.cidr,
          PortRange: { From: change.fromPort, To: change.toPort },
        }),
      );
      return;
    default:
      throw new Error(`the sandbox makes no change ${change.kind}`);
  }
}

const permission = (port: number, peers: readonly string[]): IpPermission => ({
  IpProtocol: 'tcp',
  FromPort: port,
  ToPort: port,
  UserIdGroupPairs: peers.filter((peer) => peer.startsWith('sg-')).map((GroupId) => ({ GroupId })),
  IpRanges: peers
    .filter((peer) => !peer.startsWith('sg-'))
    .map((peer) => ({ CidrIp: peer.includes('/') ? peer : `${peer}/32` })),
});

function changed(
  definition: Partial<RegisterTaskDefinitionCommandInput>,
  changes: DefinitionChanges,
): RegisterTaskDefinitionCommandInput {
  const containers = (definition.containerDefinitions ?? []).map((container): ContainerDefinition => {
    const own = changes.containers?.find(({ name }) => name === container.name);
    if (own === undefined) return container;
    const isKept = ({ name = '' }: { readonly name?: string | undefined }): boolean =>
      own.removeVariables?.includes(name) !== true;
    return {
      ...container,
      environment: [
        ...(container.environment ?? []).filter(isKept),
        ...(own.addVariable === undefined ? [] : [own.addVariable]),
      ],
      secrets: (container.secrets ?? []).filter(isKept),
      ...(own.readonlyRoot === false ? { readonlyRootFilesystem: false } : {}),
      ...(own.initProcess === true ? { linuxParameters: { initProcessEnabled: true } } : {}),
    };
  });
  const {
    family,
    cpu,
    memory,
    networkMode,
    requiresCompatibilities,
    taskRoleArn,
    executionRoleArn,
    pidMode,
  } = definition;
  return {
    family,
    cpu,
    memory,
    networkMode,
    requiresCompatibilities,
    executionRoleArn,
    taskRoleArn: changes.taskRole ?? taskRoleArn,
    ...(changes.removePidMode === true ? {} : { pidMode }),
    containerDefinitions: containers,
  };
}
