import { formatArn, nameOfArn } from '../../../core/arn.ts';
import { channelResource } from '../../agent/agent-role.ts';
import type { AccessControl, NetworkPolicy } from '../../contracts.ts';
import type { Seed } from '../../seed-shapes.ts';
import type { ContainerState, TaskState } from './ecs-model.ts';
import type { EcsState } from './ecs-state.ts';

/**
 * The actions that an agent needs to be reachable; it needs the two for data channels only when a session begins
 * (docs/reference/iam.md §8).
 */
const CONTROL_ACTIONS = ['ssmmessages:CreateControlChannel', 'ssmmessages:OpenControlChannel'];
/**
 * In a container's environment these take precedence over the task role, and the agent signs with them
 * (docs/reference/ecs-exec.md §8).
 */
const OVERRIDING_VARIABLES = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'];
const HTTPS = 443;
/** A public address that AWS's service endpoints could have. */
const SERVICE_ADDRESS = '52.94.5.1';

export interface ConnectivityDeps {
  readonly seed: Seed;
  readonly access: AccessControl;
  readonly network: NetworkPolicy;
}

/**
 * Whether the running agent of a container has reached the message gateway; if not, sessions fail with
 * TargetNotConnected.
 */
export function isAgentConnected(
  deps: ConnectivityDeps,
  state: EcsState,
  task: TaskState,
  container: ContainerState,
): boolean {
  if (task.lastStatus !== 'RUNNING' || container.agent !== 'RUNNING') return false;
  const { environment, secretNames } = container.definition;
  if (OVERRIDING_VARIABLES.some((name) => name in environment || secretNames.includes(name))) return false;
  const role = taskRoleName(task);
  const resource = channelResource(deps.seed.region, deps.seed.accountId);
  if (role === undefined || !trustsTasks(deps, role)) return false;
  if (!CONTROL_ACTIONS.every((action) => deps.access.authorizeRole(role, action, resource))) return false;
  return reachesGateway(deps, state, task);
}

const trustsTasks = ({ access, seed }: ConnectivityDeps, role: string): boolean =>
  access.trustsService(role, 'ecs-tasks.amazonaws.com', {
    'aws:SourceAccount': seed.accountId,
    'aws:SourceArn': formatArn({
      service: 'ecs',
      region: seed.region,
      account: seed.accountId,
      resource: '*',
    }),
  });

export function taskRoleName(task: TaskState): string | undefined {
  const arn = task.definition.taskRoleArn;
  return arn === undefined || arn === '' ? undefined : nameOfArn(arn);
}

/** The base address of the subnet; it is used in place of the address of an interface in the subnet. */
const baseAddress = ({ subnets }: Seed, subnetId: string | undefined): string =>
  subnets.find(({ id }) => id === subnetId)?.cidr.replace(/\/\d+$/, '') ?? '';

const endpointAllows = ({ allowedActions }: Seed['endpoints'][number]): boolean =>
  allowedActions === undefined ||
  CONTROL_ACTIONS.every((action) =>
    allowedActions.some((allowed) => allowed === '*' || allowed === action || allowed === 'ssmmessages:*'),
  );

/**
 * A private endpoint takes precedence over the default route, because the name then resolves to it
 * (docs/reference/ecs-exec.md §6).
 */
function reachesGateway(deps: ConnectivityDeps, state: EcsState, task: TaskState): boolean {
  const subnet = state.subnet(task.subnetId);
  if (subnet === undefined) return false;
  const endpoint = deps.seed.endpoints.find(
    (item) =>
      item.vpcId === subnet.vpcId &&
      item.service === 'ssmmessages' &&
      item.type === 'Interface' &&
      item.privateDns,
  );
  const here = { securityGroupIds: task.securityGroups, privateIp: task.privateIp };
  if (endpoint !== undefined)
    return (
      endpointAllows(endpoint) &&
      deps.network.allows(
        here,
        {
          securityGroupIds: endpoint.securityGroupIds,
          privateIp: baseAddress(deps.seed, endpoint.subnetIds[0]),
        },
        HTTPS,
      )
    );
  if (!deps.network.allows(here, { securityGroupIds: [], privateIp: SERVICE_ADDRESS }, HTTPS)) return false;
  switch (subnet.route) {
    case 'nat-gateway':
      return true;
    case 'internet-gateway':
      return task.publicIp;
    case 'none':
      return false;
    default:
      return subnet.route satisfies never;
  }
}
