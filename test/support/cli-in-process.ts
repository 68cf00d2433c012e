import { randomBytes, randomUUID } from 'node:crypto';

import type { AwsAccount } from '../../src/aws/account.ts';
import { type ClientConfig, clientConfig } from '../../src/aws/client-config.ts';
import { createEc2Port } from '../../src/aws/ec2.ts';
import { createEcsPort } from '../../src/aws/ecs.ts';
import { createIamPort } from '../../src/aws/iam.ts';
import { createIdentityPort } from '../../src/aws/identity.ts';
import { createImagesPort } from '../../src/aws/images.ts';
import { createKmsPort } from '../../src/aws/kms.ts';
import { createLogsPort } from '../../src/aws/logs.ts';
import { createNodesPort } from '../../src/aws/nodes.ts';
import { openAwsAccount } from '../../src/aws/open-account.ts';
import { createSimulatorPort } from '../../src/aws/policy-simulator.ts';
import { createDatabasesPort } from '../../src/aws/rds.ts';
import { createUpgradeSigner } from '../../src/aws/signer.ts';
import { createSsmPort } from '../../src/aws/ssm.ts';
import type { CliDeps } from '../../src/cli/context.ts';
import { runCli } from '../../src/cli/run-cli.ts';
import type { Settings } from '../../src/config/settings.ts';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import { FakeSignals } from './fake-deps.ts';
import { fakeTerminal } from './fake-terminal.ts';

export interface CliOutcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A wait that long is a deadline, not a poll: it gets this much real time per second, however hurried the clock is. */
const DEADLINE_MS = 30_000;
const DEADLINE_FACTOR = 20;

/**
 * Time that moves on by waiting alone: the sandbox answers in milliseconds what takes AWS seconds, so a wait lasts a
 * `factor`th. Work takes no time at all, so that a busy machine does not run into deadlines meant for AWS.
 */
export function hurried(factor: number): Clock {
  interface Timer {
    readonly due: number;
    readonly fn: () => void;
  }
  let now = systemClock.now();
  let pending: readonly Timer[] = [];
  let cancelNext = (): void => undefined;

  const schedule = (): void => {
    cancelNext();
    const next = pending.reduce<Timer | undefined>(
      (a, b) => (a === undefined || b.due < a.due ? b : a),
      undefined,
    );
    if (next === undefined) return;
    const wait = Math.max(0, next.due - now);
    const pace = wait < DEADLINE_MS ? factor : Math.min(factor, DEADLINE_FACTOR);
    cancelNext = systemClock.timer(wait / pace, () => {
      now = Math.max(now, next.due);
      pending = pending.filter((timer) => timer !== next);
      schedule();
      next.fn();
    });
  };
  return {
    now: () => now,
    timer: (ms, fn) => {
      const timer = { due: now + ms, fn };
      pending = [...pending, timer];
      schedule();
      return () => {
        pending = pending.filter((other) => other !== timer);
        schedule();
      };
    },
  };
}

export interface CliWorld {
  readonly env: Readonly<Record<string, string>>;
  /** Where the command is typed; the root of the file system unless given. */
  readonly cwd?: string;
  readonly clock?: Clock;
  readonly signals?: FakeSignals;
  /** False = no retries by the SDK. */
  readonly retries?: boolean;
  /** Stands between the command and its account. */
  readonly account?: (account: AwsAccount) => AwsAccount;
  /** What the streams are connected to; absent = no terminal. */
  readonly tty?: Parameters<typeof fakeTerminal>[0];
  /** All of stdout so far, whenever there is more of it. */
  readonly onStdout?: (text: string) => void;
  /** The same of stderr. */
  readonly onStderr?: (text: string) => void;
}

/** The whole command line with its real adapters, in this process. */
export async function cli(args: readonly string[], world: CliWorld): Promise<CliOutcome> {
  const terminal = fakeTerminal(world.tty);
  const { onStdout, onStderr } = world;
  if (onStdout !== undefined) terminal.stdout.onText = onStdout;
  if (onStderr !== undefined) terminal.stderr.onText = onStderr;
  const clock = world.clock ?? hurried(20);
  const deps: CliDeps = {
    env: { ...world.env, HOME: '/nonexistent' },
    cwd: world.cwd ?? '/',
    terminal,
    clock,
    random: {
      number: Math.random,
      bytes: (length) => randomBytes(length),
      uuid: () => randomUUID(),
    },
    signals: world.signals ?? new FakeSignals(),
    openAccount: async (settings, talk) => {
      const account = await (world.retries === false
        ? accountWithoutRetries(world.env, settings)
        : openAwsAccount(settings, world.env, talk));
      return world.account?.(account) ?? account;
    },
    version: '0.1.0-test',
  };
  const status = await runCli(args, deps);
  return { status, stdout: terminal.stdout.text, stderr: terminal.stderr.text };
}

/** The same account without any retry of the SDK, so that one fault is one failure. */
export async function accountWithoutRetries(env: CliWorld['env'], settings: Settings): Promise<AwsAccount> {
  const config: ClientConfig = { ...(await clientConfig(settings, env)), maxAttempts: 1 };
  const port = <T>(made: T) => {
    const answer = Promise.resolve(made);
    return () => answer;
  };
  return {
    region: config.region,
    agents: config.requestHandler.agents,
    clockOffsetMs: () => config.requestHandler.time.offsetMs,
    ssmEndpoint: port(config.endpoint ?? ''),
    credentialEnv: port({}),
    ecs: port(createEcsPort(config)),
    ssm: port(createSsmPort(config)),
    databases: port(createDatabasesPort(config)),
    kms: port(createKmsPort(config)),
    logs: port(createLogsPort(config)),
    signer: port(createUpgradeSigner(config, systemClock)),
    ec2: port(createEc2Port(config)),
    iam: port(createIamPort(config)),
    identity: port(createIdentityPort(config)),
    images: port(createImagesPort(config)),
    nodes: port(createNodesPort(config)),
    simulator: port(createSimulatorPort(config)),
  };
}
