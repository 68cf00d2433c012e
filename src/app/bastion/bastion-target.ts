import { awsClock } from '../aws-clock.ts';
import { poll, retry } from '../../core/backoff.ts';
import { candidatesFor } from '../../core/candidates.ts';
import { failed, noMatch, ToolError, usage } from '../../core/errors.ts';
import type { ToolEvent } from '../../core/events.ts';
import type { Bastion } from '../../provision/bastion/bastion.ts';
import { findBastions } from '../../provision/bastion/inventory.ts';
import type { Ec2Port } from '../../provision/ports/ec2.ts';
import type { Needs } from '../collaborators.ts';

type FindNeeds = Needs<'account' | 'clock' | 'report' | 'signal'>;

/**
 * The bastion for a session: the named one, or the newest that runs. While EC2 interrupts a bastion, it is the old
 * instance until the agent of the replacement is online. Throws `no-bastion` (exit 3), `bastion-ambiguous` (2).
 */
export async function findBastion(deps: FindNeeds, name: string | undefined): Promise<Bastion> {
  const account = await deps.account();
  const ec2 = await account.ec2();
  const find = (): Promise<readonly Bastion[]> => findBastions(ec2, name === undefined ? {} : { name });
  const found = await find();
  const running = found.filter(isRunning);
  const [bastion] = running;
  if (bastion === undefined) {
    const starting = found.find((each) => each.state === 'pending');
    if (starting !== undefined) return untilRunning(starting, find, deps);
    throw await noBastion(ec2, name, account.region);
  }
  const names = [...new Set(running.map((each) => each.name))];
  if (names.length > 1) {
    throw usage('bastion-ambiguous', `${names.length} bastions run: which one?`, {
      details: { candidates: names },
    });
  }
  const old = running.find((each) => each.instanceId === bastion.replaces);
  return old === undefined || (await answers(bastion, deps)) ? bastion : old;
}

async function noBastion(ec2: Ec2Port, name: string | undefined, region: string): Promise<ToolError> {
  if (name === undefined) return noMatch('no-bastion', `no bastion runs in ${region}`);
  const others = [...new Set((await findBastions(ec2, {})).map((each) => each.name))];
  return noMatch('no-bastion', `no bastion ${name} runs in ${region}`, {
    details: { name, ...candidatesFor(name, others) },
  });
}

const isRunning = (bastion: Bastion): boolean => bastion.state === 'running';

/**
 * True if the bastion's agent is online. False when IAM denies the call: the old bastion is then used, whose agent is
 * online.
 */
async function answers(bastion: Bastion, deps: Needs<'account'>): Promise<boolean> {
  const nodes = await (await deps.account()).nodes();
  try {
    const [node] = await nodes.nodes([bastion.instanceId]);
    return node?.pingStatus === 'Online';
  } catch (error) {
    if (!(error instanceof ToolError) || error.role !== 'access') throw error;
    return false;
  }
}

const RUNNING_DEADLINE_MS = 60_000;

/**
 * For a bastion that was launched a moment ago, by `up --no-wait` or as a replacement: it reaches the state `running`
 * within seconds.
 */
async function untilRunning(
  starting: Bastion,
  find: () => Promise<readonly Bastion[]>,
  { clock, report, signal }: FindNeeds,
): Promise<Bastion> {
  report(waiting(starting));
  return poll(async () => (await find()).find(isRunning), {
    clock,
    intervalMs: 1_000,
    deadlineMs: RUNNING_DEADLINE_MS,
    signal,
    onTimeout: () =>
      noMatch('no-bastion', `bastion ${starting.name} is still starting`, {
        details: { name: starting.name, starting: true },
      }),
  });
}

const waiting = ({ instanceId, name }: Bastion): ToolEvent => ({
  type: 'note',
  level: 'info',
  code: 'waiting-for-agent',
  message: `bastion ${instanceId} was launched a moment ago; waiting until it can be used`,
  details: { instanceId, name },
});

/** For this long after the launch an agent may still be starting (docs/reference/ec2-spot.md §6). */
const YOUNG_MS = 300_000;
const AGENT_DEADLINE_MS = 90_000;

/** Repeats `start` while it fails with `target-not-connected` and the bastion was launched a moment ago. */
export async function onceOnline<T>(
  bastion: Bastion,
  deps: Needs<'account' | 'clock' | 'random' | 'report' | 'signal'>,
  start: () => Promise<T>,
): Promise<T> {
  const { random, report, signal } = deps;
  const clock = awsClock(await deps.account(), deps.clock);
  let isReported = false;
  return retry(start, {
    clock,
    random: () => random.number(),
    baseMs: 1_000,
    capMs: 5_000,
    deadlineMs: AGENT_DEADLINE_MS,
    signal,
    shouldRetry: (error) =>
      error instanceof ToolError &&
      error.code === 'target-not-connected' &&
      clock.now() - bastion.launchedAt < YOUNG_MS,
    onRetry: () => {
      if (!isReported) report(waiting(bastion));
      isReported = true;
    },
  });
}

/**
 * Throws `port-not-open` if the bastion's security group does not allow that port, since the connection would only time
 * out. A bastion with more security groups may reach more than its tag names, so its ports are not checked.
 */
export function checkPort(
  bastion: Bastion,
  remote: { readonly host: string | undefined; readonly port: number },
): void {
  const { host, port } = remote;
  if (host === undefined || bastion.ports === undefined || bastion.ports.includes(port)) return;
  const database = /^([a-z][a-z0-9-]*)\.(?:cluster-(?:ro-)?)?[a-z0-9]+\.[a-z0-9-]+\.rds\.amazonaws\.com/.exec(
    host,
  )?.[1];
  throw failed('port-not-open', `bastion ${bastion.name} may not connect to port ${port}`, {
    details: { name: bastion.name, host, port, database, open: bastion.ports.map(String) },
  });
}
