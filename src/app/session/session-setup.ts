import { awsClock } from '../aws-clock.ts';
import { judgeContainer } from '../../diagnose/ecs/container.ts';
import { type Choice, CONTAINER_ONLY } from '../../config/choice-history.ts';
import { nameOfArn, parseArn } from '../../core/arn.ts';
import type { ChannelDeps } from '../../connect/channel/channel-deps.ts';
import type { Wanted } from '../../connect/target/discover.ts';
import type { PluginCall } from '../../connect/plugin/plugin-transport.ts';
import type { Container, SessionStart, Task } from '../../connect/ports.ts';
import type { ResolveOptions } from '../../connect/target/resolve.ts';
import type { TaskWatch } from '../../connect/target/task-watch.ts';
import { type ErrorRole, interrupted, ToolError } from '../../core/errors.ts';
import { BACK } from '../../ui/prompter.ts';
import type { Settings } from '../../config/settings.ts';
import type { Needs } from '../collaborators.ts';

/** Shared by the workflows with a session: converts the collaborators of a run to what connect/ takes. */

/** What a native data channel needs. */
export type ChannelNeeds = Needs<
  'account' | 'clock' | 'env' | 'random' | 'report',
  'debug' | 'payloadSize' | 'ssmmessages'
>;
/** What finding a container, and asking for one, needs. */
export type ResolveNeeds = Needs<
  'account' | 'clock' | 'history' | 'prompter' | 'random' | 'report' | 'signal',
  'input' | 'profile'
>;

/** The target of a session from the settings; a service that was typed as an argument takes precedence. */
export const wantedOf = (
  { cluster, service, task, container }: Pick<Settings, keyof Wanted>,
  argument?: string,
): Wanted => ({ cluster, service: argument ?? service, task, container });

export async function resolveOptions(
  deps: ResolveNeeds,
  purpose: ResolveOptions['purpose'],
): Promise<ResolveOptions> {
  const { clock, random, report, settings, signal } = deps;
  const account = await deps.account();
  return {
    ecs: await account.ecs(),
    judge: judgeContainer,
    clock: awsClock(account, clock),
    random,
    report,
    signal,
    purpose,
    ...(settings.input ? { chooseContainer: (task: Task) => chooseContainer(deps, task) } : {}),
  };
}

async function chooseContainer(deps: ResolveNeeds, task: Task): Promise<Container> {
  const [{ containerEntries }, history, own] = await Promise.all([
    import('../../connect/target/picker.ts'),
    deps.history(),
    deps.account(),
  ]);
  const clock = awsClock(own, deps.clock);
  const { region = '', account = '' } = parseArn(task.arn) ?? {};
  const place = {
    account,
    region,
    profile: deps.settings.profile,
    cluster: nameOfArn(task.clusterArn),
    service: task.serviceName,
  };
  const last = lastContainer(history.choices(), place);
  const entries = containerEntries(task, judgeContainer, clock.now());
  const chosen = await deps.prompter.select<Container>({
    message: `container of task ${task.id.slice(0, 8)}`,
    flag: '--container',
    choices: entries.toSorted((a, b) => Number(b.name === last) - Number(a.name === last)),
  });
  if (chosen === BACK) throw interrupted();
  history.add({ ...place, at: deps.clock.now(), container: chosen.name, action: CONTAINER_ONLY });
  return chosen;
}

/** The container that was chosen last in this service, or in tasks of no service. */
const lastContainer = (
  choices: readonly Choice[],
  { account, region, cluster, service }: Pick<Choice, 'account' | 'region' | 'cluster' | 'service'>,
): string | undefined =>
  choices.find(
    (choice) =>
      choice.account === account &&
      choice.region === region &&
      choice.cluster === cluster &&
      choice.service === service &&
      choice.container !== undefined,
  )?.container;

/** Watches the tasks of all sessions of this run, until the run ends. */
export async function watchTasks(
  deps: Needs<'account' | 'clock' | 'random' | 'scope'>,
  onStopping: (error: ToolError) => void = () => undefined,
): Promise<TaskWatch> {
  const [account, { TaskWatch }] = await Promise.all([
    deps.account(),
    import('../../connect/target/task-watch.ts'),
  ]);
  const { clock, random, scope } = deps;
  const watch = new TaskWatch({ ecs: await account.ecs(), clock, random: () => random.number(), onStopping });
  scope.add(() => watch.close());
  return watch;
}

export async function channelDeps(deps: ChannelNeeds): Promise<ChannelDeps> {
  const [account, { createOpenSocket }] = await Promise.all([
    deps.account(),
    import('../../connect/channel/message-socket.ts'),
  ]);
  const { clock, random, report, settings } = deps;
  return {
    ssm: await account.ssm(),
    kms: () => account.kms(),
    signer: await account.signer(),
    openSocket: createOpenSocket(account.agents, clock),
    clock,
    random,
    report,
    gateway: settings.ssmmessages,
    payloadSize: settings.payloadSize,
    ...(settings.debug
      ? {
          debug: (message: string) => report({ type: 'note', level: 'info', code: 'data-channel', message }),
        }
      : {}),
  };
}

export async function pluginCall(
  deps: Needs<'account' | 'env'>,
  session: SessionStart,
  target: string,
): Promise<PluginCall> {
  const account = await deps.account();
  return {
    session,
    target,
    region: account.region,
    // The credentials are passed in the environment; if the profile were named too, the plugin would load them again.
    profile: undefined,
    ssmEndpoint: await account.ssmEndpoint(),
    env: { ...deps.env, ...(await account.credentialEnv()) },
  };
}

/** The same status as ssh: the connection failed, and the status is not that of the command. */
const TRANSPORT_STATUS = 255;

/**
 * For commands that exit with the status of another program: an error of the connection, whose role is among `roles`,
 * gets a separate status.
 */
export function asTransportStatus(error: unknown, roles: readonly ErrorRole[] = ['transport']): unknown {
  if (!(error instanceof ToolError) || !roles.includes(error.role)) return error;
  return error.with({ exitStatus: TRANSPORT_STATUS, cause: error.cause });
}
