import type { AccessControl, AuthorizationCheck } from '../../contracts.ts';
import type { LogsService } from '../logs/logs.ts';
import type { SecretsManagerService } from '../secretsmanager/secretsmanager.ts';
import type { ContainerState, TaskState } from './ecs-model.ts';
import type { EcsAccount } from './ecs-names.ts';

/**
 * What a task needs before its containers run (images, secrets, log streams), and ECS's messages for what is missing.
 */

export interface PreparationDeps extends EcsAccount {
  readonly access: AccessControl;
  readonly logs: LogsService | undefined;
  readonly secrets: SecretsManagerService | undefined;
  readonly now: () => number;
}

export interface PreparationFailure {
  /** `stoppedReason` of the task. */
  readonly reason: string;
  /** `reason` of the containers that get one. */
  readonly containers: ReadonlyMap<ContainerState, string>;
}

/** Images that no registry has: their repository or tag has this name. */
const MISSING_IMAGE = /(?:^|[/:])does-not-exist(?:$|[:@])/;

export class TaskPreparation {
  readonly #deps: PreparationDeps;

  constructor(deps: PreparationDeps) {
    this.#deps = deps;
  }

  failureOf(task: TaskState): PreparationFailure | undefined {
    const secret = first(task.containers, (container) => this.#missingSecret(task, container));
    if (secret !== undefined)
      return {
        reason: `ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): ${secret}`,
        containers: new Map(),
      };
    const image = task.containers.find(({ definition }) => MISSING_IMAGE.test(definition.image));
    if (image !== undefined) {
      const reason = `CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref ${image.definition.image}: ${image.definition.image}: not found`;
      return { reason, containers: new Map([[image, reason]]) };
    }
    const log = first(task.containers, (container) => this.#missingLog(task, container));
    return log === undefined
      ? undefined
      : {
          reason: `ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: ${log} : exit status 1`,
          containers: new Map(),
        };
  }

  /** Values of the container's secrets; a secret without a source gets a placeholder that names it. */
  secretsOf(container: ContainerState): Readonly<Record<string, string>> {
    const sources = Object.entries(container.definition.secretSources ?? {});
    return Object.fromEntries(
      sources.flatMap(([name, source]) => {
        const { id, member } = partsOf(source);
        const text = this.#deps.secrets?.textOf(id);
        return text === undefined ? [] : [[name, member === undefined ? text : memberOf(text, member)]];
      }),
    );
  }

  /**
   * Writes one line to the container's stream; undefined without the awslogs driver, or where its group does not
   * exist.
   */
  logOf(task: TaskState, container: ContainerState): ((line: string) => void) | undefined {
    const { logGroup } = container.definition;
    const groups = this.#deps.logs?.groups;
    const group = logGroup === undefined ? undefined : groups?.group(logGroup);
    if (group === undefined || groups === undefined) return undefined;
    return (line) => groups.append(groups.createStream(group, streamOf(task, container)), line);
  }

  /** Writes the earlier output of a container of the seed, whose program the sandbox does not run. */
  writeHistory(task: TaskState): void {
    const groups = this.#deps.logs?.groups;
    for (const container of task.containers) {
      const { logGroup, ports } = container.definition;
      const group = logGroup === undefined ? undefined : groups?.group(logGroup);
      if (group === undefined || groups === undefined) continue;
      const startedAt = task.startedAt ?? this.#deps.now();
      const { family, revision } = task.definition;
      const lines = [
        `INFO  ${family}:${revision} container ${container.name} starting`,
        ...ports.map((port) => `INFO  listening on 0.0.0.0:${port}`),
      ].map((message, index) => ({ timestamp: startedAt + index, message }));
      const recent = Math.max(startedAt + 1000, this.#deps.now() - 3_600_000);
      groups.put(groups.createStream(group, streamOf(task, container)), [
        ...lines,
        { timestamp: recent, message: 'WARN  connection pool: 9 of 10 busy' },
        {
          timestamp: recent + 60_000,
          message: 'ERROR order 7 stuck: payment provider timed out after 30000 ms',
        },
      ]);
    }
  }

  #missingSecret(task: TaskState, container: ContainerState): string | undefined {
    for (const source of Object.values(container.definition.secretSources ?? {})) {
      const { id } = partsOf(source);
      // SSM parameters are not checked: the sandbox has none except AWS's public ones.
      if (/^arn:[^:]*:ssm:/.test(id) || !id.startsWith('arn:')) continue;
      const refusal = this.#refusal(task, { action: 'secretsmanager:GetSecretValue', resource: id });
      if (refusal !== undefined)
        return `failed to fetch secret ${id} from secrets manager: AccessDeniedException: ${refusal}`;
      if (this.#deps.secrets?.textOf(id) === undefined)
        return `failed to fetch secret ${id} from secrets manager: ResourceNotFoundException: Secrets Manager can't find the specified secret.`;
    }
    return undefined;
  }

  #missingLog(task: TaskState, container: ContainerState): string | undefined {
    const { logGroup, createsLogGroup } = container.definition;
    const groups = this.#deps.logs?.groups;
    if (logGroup === undefined || groups === undefined) return undefined;
    const { region, accountId } = this.#deps;
    const stream = `arn:aws:logs:${region}:${accountId}:log-group:${logGroup}:log-stream:`;
    if (groups.group(logGroup) === undefined && createsLogGroup === true) {
      const refusal = this.#refusal(task, { action: 'logs:CreateLogGroup', resource: stream });
      if (refusal !== undefined) return `AccessDeniedException: ${refusal}`;
      groups.createGroup(logGroup);
    }
    const resource = `${stream}${streamOf(task, container)}`;
    for (const action of ['logs:CreateLogStream', 'logs:PutLogEvents']) {
      const refusal = this.#refusal(task, { action, resource });
      if (refusal !== undefined) return `AccessDeniedException: ${refusal}`;
    }
    const group = groups.group(logGroup);
    if (group === undefined) return 'ResourceNotFoundException: The specified log group does not exist.';
    groups.createStream(group, streamOf(task, container));
    return undefined;
  }

  /** Fargate makes these calls with the execution role. */
  #refusal(task: TaskState, check: AuthorizationCheck): string | undefined {
    const role = task.definition.executionRoleArn;
    if (role === undefined) return undefined;
    return this.#deps.access.refusalOf(role.slice(role.lastIndexOf('/') + 1), task.id, check);
  }
}

const streamOf = (task: TaskState, { name, definition }: ContainerState): string =>
  `${definition.logPrefix ?? 'ecs'}/${name}/${task.id}`;

function first<T>(items: readonly T[], look: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const found = look(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** `arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME[:json-key[:stage[:version]]]` */
function partsOf(source: string): { readonly id: string; readonly member: string | undefined } {
  const parts = source.split(':');
  const member = parts[7];
  return { id: parts.slice(0, 7).join(':'), member: member === '' ? undefined : member };
}

function memberOf(text: string, member: string): string {
  try {
    const value: unknown = (JSON.parse(text) as Record<string, unknown>)[member];
    return typeof value === 'string' ? value : JSON.stringify(value ?? '');
  } catch {
    return '';
  }
}
