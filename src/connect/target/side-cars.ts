import type { Container, ContainerDefinition, Task, TaskDefinition } from '../ports.ts';

/**
 * Tells the application's containers of a task from the side-cars beside them. Pure. A side-car is known by the name
 * that AWS gives it, by its image, or, if the image was copied under another name, by its role in the task definition.
 */

/** What a side-car does, as text for a person: `FireLens log router`. */
export type SideCarRole =
  | 'Service Connect proxy'
  | 'GuardDuty agent'
  | 'FireLens log router'
  | 'X-Ray daemon'
  | 'OpenTelemetry collector'
  | 'Envoy proxy'
  | 'Datadog agent'
  | 'CloudWatch agent';

/** AWS adds these containers by itself (docs/reference/ecs-exec.md §1). */
const NAME_PREFIXES: readonly (readonly [string, SideCarRole])[] = [
  ['ecs-service-connect-', 'Service Connect proxy'],
  ['aws-guardduty-agent', 'GuardDuty agent'],
];

/**
 * Ends of repository names, in whole path segments: `amazon/cloudwatch-agent` of Docker Hub,
 * `public.ecr.aws/cloudwatch-agent/cloudwatch-agent`, and a copy in a private registry under its last segment.
 */
const REPOSITORIES: readonly (readonly [string, SideCarRole])[] = [
  ['aws-for-fluent-bit', 'FireLens log router'],
  ['fluent-bit', 'FireLens log router'],
  ['fluentd', 'FireLens log router'],
  ['aws-xray-daemon', 'X-Ray daemon'],
  ['aws-otel-collector', 'OpenTelemetry collector'],
  ['opentelemetry-collector', 'OpenTelemetry collector'],
  ['opentelemetry-collector-contrib', 'OpenTelemetry collector'],
  ['aws-appmesh-envoy', 'Envoy proxy'],
  ['envoyproxy/envoy', 'Envoy proxy'],
  ['ecs-service-connect-agent', 'Service Connect proxy'],
  ['datadog/agent', 'Datadog agent'],
  ['datadog-agent', 'Datadog agent'],
  ['cloudwatch-agent', 'CloudWatch agent'],
  ['aws-guardduty-agent-fargate', 'GuardDuty agent'],
];

/** Environment variables that only the side-car's own program reads. */
const VARIABLES: readonly (readonly [string, SideCarRole])[] = [
  ['AOT_CONFIG_CONTENT', 'OpenTelemetry collector'],
  ['CW_CONFIG_CONTENT', 'CloudWatch agent'],
  ['APPMESH_RESOURCE_ARN', 'Envoy proxy'],
  ['APPMESH_VIRTUAL_NODE_NAME', 'Envoy proxy'],
];

/** Applications send their segments to this UDP port of the X-Ray daemon. */
const XRAY_PORT = 2000;

/** The role of a side-car, from its name and image; undefined = nothing shows that it is one. */
export function sideCarRole({
  name,
  image,
}: {
  readonly name: string;
  readonly image: string;
}): SideCarRole | undefined {
  const repository = `/${imageName(image)}`;
  return (
    NAME_PREFIXES.find(([prefix]) => name.startsWith(prefix))?.[1] ??
    REPOSITORIES.find(([end]) => repository.endsWith(`/${end}`))?.[1]
  );
}

/** The role that the task definition gives to a container; undefined = none of a side-car. */
export function definedRole(definition: ContainerDefinition): SideCarRole | undefined {
  if (definition.firelens !== undefined) return 'FireLens log router';
  if (definition.isProxy) return 'Envoy proxy';
  if (definition.udpPorts.includes(XRAY_PORT)) return 'X-Ray daemon';
  // The Datadog library in an application reads DD_API_KEY too; only the agent is told that it runs on Fargate.
  if (['ECS_FARGATE', 'DD_API_KEY'].every((variable) => definition.variables.includes(variable)))
    return 'Datadog agent';
  return VARIABLES.find(([variable]) => definition.variables.includes(variable))?.[1];
}

export interface TaskContainers {
  /** At least one if the task has any container: where all containers look like side-cars, all are the application's. */
  readonly application: readonly Container[];
  readonly sideCars: readonly { readonly container: Container; readonly role: SideCarRole }[];
}

/** `definition` is undefined if it was not read; then only names and images count. */
export function containersOf(task: Task, definition?: TaskDefinition): TaskContainers {
  const roleOf = (container: Container): SideCarRole | undefined => {
    const known = sideCarRole(container);
    if (known !== undefined) return known;
    const defined = definition?.containers.find(({ name }) => name === container.name);
    return defined === undefined ? undefined : definedRole(defined);
  };
  const sideCars = task.containers.flatMap((container) => {
    const role = roleOf(container);
    return role === undefined ? [] : [{ container, role }];
  });
  const own = task.containers.filter((container) =>
    sideCars.every((sideCar) => sideCar.container !== container),
  );
  if (own.length === 0) return { application: task.containers, sideCars: [] };
  // A container that has ended while its task runs has done its work, such as a migration before the start.
  const running = own.filter(({ lastStatus }) => lastStatus !== 'STOPPED');
  return { application: running.length === 0 ? own : running, sideCars };
}

/**
 * The repository of an image reference, without tag and digest: `public.ecr.aws/datadog/agent:7` →
 * `public.ecr.aws/datadog/agent`.
 */
function imageName(image: string): string {
  const [withoutDigest = ''] = image.split('@', 1);
  const colon = withoutDigest.lastIndexOf(':');
  // A colon before the last slash belongs to the port of the registry.
  return colon > withoutDigest.lastIndexOf('/') ? withoutDigest.slice(0, colon) : withoutDigest;
}
