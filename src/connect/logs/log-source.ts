import type { Container, ContainerDefinition } from '../ports.ts';

/** Where the output of a container goes according to its task definition. Pure. */
export type LogSource = CloudWatchSource | OtherDestination;

export interface CloudWatchSource {
  readonly kind: 'cloudwatch';
  readonly container: string;
  /** Undefined = the region of the task. */
  readonly region: string | undefined;
  readonly group: string;
  readonly stream: string;
  /** Mode `non-blocking`: the driver drops lines that do not fit into its buffer. */
  readonly canDrop: boolean;
  /** The container has run, so its stream exists unless it was deleted. */
  readonly hasRun: boolean;
}

export interface OtherDestination {
  readonly kind: 'elsewhere';
  readonly container: string;
  /** Description of the destination that receives the lines instead. */
  readonly destination: string;
}

/**
 * The source of a container's lines. `container` is undefined for a task that ECS no longer knows. For the names of
 * streams see docs/reference/api-limits.md §5.
 */
export function logSourceOf(
  taskId: string,
  definition: ContainerDefinition,
  container: Container | undefined,
  containers: readonly ContainerDefinition[],
): LogSource {
  const { name, log } = definition;
  const elsewhere = (destination: string): OtherDestination => ({
    kind: 'elsewhere',
    container: name,
    destination,
  });
  if (log === undefined) return elsewhere('has no log configuration, so its output is kept nowhere');
  if (log.driver === 'awsfirelens') return elsewhere(firelensText(log.options, containers));
  const group = log.options['awslogs-group'];
  if (log.driver !== 'awslogs' || group === undefined)
    return elsewhere(`uses the log driver ${log.driver}, whose lines are not in CloudWatch Logs`);
  const prefix = log.options['awslogs-stream-prefix'];
  const stream = prefix === undefined ? container?.runtimeId : `${prefix}/${name}/${taskId}`;
  if (stream === undefined)
    return elsewhere(
      'has no awslogs-stream-prefix, and the runtime id that its stream is named after is not known',
    );
  return {
    kind: 'cloudwatch',
    container: name,
    region: log.options['awslogs-region'],
    group,
    stream,
    canDrop: log.options['mode'] === 'non-blocking',
    hasRun: container?.runtimeId !== undefined && container.lastStatus !== 'PENDING',
  };
}

/** FireLens hands the lines to a router container, whose own configuration says where it sends them. */
function firelensText(
  options: Readonly<Record<string, string>>,
  containers: readonly ContainerDefinition[],
): string {
  const router = containers.find(({ firelens }) => firelens !== undefined);
  const through =
    router === undefined
      ? 'FireLens, whose router container is not in the task definition'
      : `FireLens (${router.firelens} in container ${router.name})`;
  const output = options['Name'] ?? options['@type'];
  const group = options['log_group_name'];
  const target = [
    ...(output === undefined ? [] : [`output ${output}`]),
    ...(group === undefined ? [] : [`log group ${group}`]),
    ...(options['region'] === undefined ? [] : [options['region']]),
  ].join(', ');
  return target === ''
    ? `goes through ${through}; the configuration of the router says where to`
    : `goes through ${through} to ${target}`;
}
