import type { AwsAccount } from '../../aws/account.ts';
import { nameOfArn, parseArn } from '../../core/arn.ts';
import { type Question, questionsOf, type Requester } from '../../diagnose/iam/grants.ts';
import { printPolicy } from '../../provision/policy/policy-kinds.ts';
import type { ExecConfiguration } from '../../provision/ports/diagnosis.ts';
import { readPolicy } from '../asset-files.ts';
import type { Needs } from '../collaborators.ts';

/** What ECS Exec into a cluster needs: of the task role, and of the caller. */

/** The document `task-role`, for the key and the logs that the cluster is configured with. */
export async function taskRoleQuestions(
  config: ExecConfiguration,
  requester: Requester,
  partition: string,
  deps: Needs<'assets'>,
): Promise<readonly Question[]> {
  const { accountId: account, region } = requester;
  const printed = printPolicy(
    'task-role',
    { 'task-role': await readPolicy(deps, 'task-role') },
    {
      partition,
      region,
      account,
      'session-key': keyArn(config.kmsKeyId, { account, region, partition }),
      ...(config.logging === 'OVERRIDE' ? { 'log-group': config.logGroup, 'log-bucket': config.bucket } : {}),
    },
  );
  return questionsOf(printed.text, requester).questions;
}

/** A key can be configured by its id alone; an alias is not resolved, and every key stands for it. */
function keyArn(
  key: string | undefined,
  {
    account,
    region,
    partition,
  }: { readonly account: string; readonly region: string; readonly partition: string },
): string | undefined {
  if (key === undefined || key.startsWith('arn:')) return key;
  return `arn:${partition}:kms:${region}:${account}:${key.startsWith('alias/') ? 'key/*' : `key/${key}`}`;
}

/** `ecs:ExecuteCommand` is checked for the cluster and for the task; both must be allowed. */
export function callerQuestions(
  taskArn: string,
  clusterArn: string,
  container: string,
  kmsKeyId: string | undefined,
): readonly Question[] {
  const text = (key: string, value: string) => ({ key, values: [value], type: 'string' }) as const;
  const exec = (resource: string): Question => ({
    statement: 'ExecIntoContainers',
    effect: 'Allow',
    action: 'ecs:ExecuteCommand',
    resource,
    when: [text('ecs:cluster', clusterArn), text('ecs:container-name', container), text('ecs:task', taskArn)],
  });
  const place = parseArn(clusterArn);
  const key = keyArn(kmsKeyId, {
    account: place?.account ?? '',
    region: place?.region ?? '',
    partition: place?.partition ?? 'aws',
  });
  return [
    exec(clusterArn),
    exec(taskArn),
    ...(key === undefined
      ? []
      : [
          {
            statement: 'ExecSessionKey',
            effect: 'Allow',
            action: 'kms:GenerateDataKey',
            resource: key,
            when: [],
          } as const,
        ]),
  ];
}

/**
 * The ARN of the caller as IAM's simulator takes it: the role of a role's session. Undefined for a principal that
 * cannot be simulated (the account's root user, a federated user).
 */
export async function principalArn(account: AwsAccount): Promise<string | undefined> {
  const { arn } = await (await account.identity()).caller();
  const session = /^arn:[\w-]+:sts::\d{12}:assumed-role\/([^/]+)\/.+$/.exec(arn)?.[1];
  if (session === undefined) return /:(?:role|user)\//.test(arn) ? arn : undefined;
  const role = await (await account.simulator()).role(nameOfArn(session));
  return role?.arn;
}
