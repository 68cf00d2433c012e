import { randomBytes, randomUUID } from 'node:crypto';
import type { Writable } from 'node:stream';

import type { AwsAccount } from '../../src/aws/account.ts';
import { accountAlias } from '../../src/aws/account-alias.ts';
import { type ClientConfig, clientConfig } from '../../src/aws/client-config.ts';
import { createDiagnosisPort } from '../../src/aws/diagnosis.ts';
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
import { createDatabasesPort } from '../../src/aws/databases.ts';
import { createDatabaseTokensPort } from '../../src/aws/database-tokens.ts';
import { createSecretsPort } from '../../src/aws/secrets.ts';
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

/**
 * A wait of that length is a deadline and not a poll: it passes at this much real time per second, however fast the
 * clock is.
 */
const DEADLINE_MS = 30_000;
const DEADLINE_FACTOR = 20;

/** A timer waits this many turns of the event loop for what has arrived in the meantime. */
const TURNS_BEFORE_TIMER = 20;
/** A timer of the platform that comes this much too late shows that this process did not get the processor. */
const STARVED_MS = 25;
/** A wait of that length, in the time of the tool, may be for an answer, and then begins again, at most so often. */
const WAIT_FOR_ANSWER_MS = 5_000;
const MOST_REPEATS = 20;

/**
 * A clock that advances only during waits: the sandbox answers in milliseconds where AWS needs seconds, so a wait takes
 * a `factor`th of its time, and a deadline a `deadlineFactor`th. Work takes no time on this clock, but what the sandbox
 * and its programs do meanwhile takes real time. Therefore a longer wait begins again if the platform's timer was late, which
 * shows a busy machine, and what has arrived when it ends is handled before its timer is. Tests of sessions take a small
 * `deadlineFactor`, because the 1.5 seconds that are left of 30 are too short for programs that start a session.
 */
export function hurried(factor: number, deadlineFactor = DEADLINE_FACTOR): Clock {
  interface Timer {
    readonly due: number;
    readonly fn: () => void;
    repeats: number;
  }
  let now = systemClock.now();
  let pending: readonly Timer[] = [];
  let cancelNext = (): void => undefined;

  const fire = (timer: Timer): void => {
    now = Math.max(now, timer.due);
    pending = pending.filter((other) => other !== timer);
    schedule();
    timer.fn();
  };
  const fireAfterTurns = (timer: Timer, turns: number): void => {
    const turn = setImmediate(() => (turns > 1 ? fireAfterTurns(timer, turns - 1) : fire(timer)));
    cancelNext = () => clearImmediate(turn);
  };
  const schedule = (): void => {
    cancelNext();
    cancelNext = () => undefined;
    const next = pending.reduce<Timer | undefined>(
      (a, b) => (a === undefined || b.due < a.due ? b : a),
      undefined,
    );
    if (next === undefined) return;
    const wait = Math.max(0, next.due - now);
    const realWait = wait / (wait < DEADLINE_MS ? factor : Math.min(factor, deadlineFactor));
    const start = performance.now();
    cancelNext = systemClock.timer(realWait, () => {
      const isLate = performance.now() - start - realWait > STARVED_MS;
      if (isLate && wait >= WAIT_FOR_ANSWER_MS && next.repeats++ < MOST_REPEATS) schedule();
      else fireAfterTurns(next, TURNS_BEFORE_TIMER);
    });
  };
  return {
    now: () => now,
    timer: (ms, fn) => {
      const timer = { due: now + ms, fn, repeats: 0 };
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
  /** The working directory of the command; the root of the file system by default. */
  readonly cwd?: string;
  readonly clock?: Clock;
  readonly signals?: FakeSignals;
  /** False = the SDK does not retry. */
  readonly retries?: boolean;
  /** Wraps the account of the command. */
  readonly account?: (account: AwsAccount) => AwsAccount;
  /** Which streams are connected to a terminal; absent = none. */
  readonly tty?: Parameters<typeof fakeTerminal>[0];
  /** All of stdin; absent = it stays open and empty. */
  readonly stdin?: Uint8Array;
  /** What waits on stdin for the first question; stdin stays open. */
  readonly typed?: string;
  /** Instead of the stream that collects stdout. */
  readonly stdout?: Writable;
  /** Called with all of stdout so far, whenever it grows. */
  readonly onStdout?: (text: string) => void;
  /** The same for stderr. */
  readonly onStderr?: (text: string) => void;
}

/** Runs the whole command line with its real adapters in this process. */
export async function cli(args: readonly string[], world: CliWorld): Promise<CliOutcome> {
  const terminal = fakeTerminal(world.tty);
  const { onStdout, onStderr, stdin } = world;
  if (stdin !== undefined) terminal.stdin.end(stdin);
  if (onStdout !== undefined) terminal.stdout.onText = onStdout;
  if (onStderr !== undefined) terminal.stderr.onText = onStderr;
  if (world.typed !== undefined) terminal.stdin.write(world.typed);
  const clock = world.clock ?? hurried(20);
  const deps: CliDeps = {
    env: { ...world.env, HOME: '/nonexistent' },
    cwd: world.cwd ?? '/',
    terminal: world.stdout === undefined ? terminal : { ...terminal, stdout: world.stdout },
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

/** The same account without retries of the SDK, so that one fault causes one failure. */
export async function accountWithoutRetries(env: CliWorld['env'], settings: Settings): Promise<AwsAccount> {
  const config: ClientConfig = { ...(await clientConfig(settings, env)), maxAttempts: 1 };
  const fixed = <T>(value: T) => {
    const answer = Promise.resolve(value);
    return () => answer;
  };
  // A client costs some milliseconds, and a command that is cut off early needs few of them.
  const port = <T>(make: () => T) => {
    let made: Promise<T> | undefined;
    return () => (made ??= Promise.resolve(make()));
  };
  return {
    region: config.region,
    agents: config.requestHandler.agents,
    clockOffsetMs: () => config.requestHandler.time.offsetMs,
    alias: () => accountAlias(config),
    ssmEndpoint: fixed(config.endpoint ?? ''),
    credentialEnv: fixed({}),
    credentialsEndAt: fixed(undefined),
    renewCredentials: fixed(undefined),
    ecs: port(() => createEcsPort(config)),
    ssm: port(() => createSsmPort(config)),
    databases: port(() => createDatabasesPort(config)),
    databaseTokens: port(() => createDatabaseTokensPort(config)),
    secrets: port(() => createSecretsPort(config)),
    kms: port(() => createKmsPort(config)),
    logs: port(() => createLogsPort(config)),
    signer: port(() => createUpgradeSigner(config, systemClock)),
    ec2: port(() => createEc2Port(config)),
    iam: port(() => createIamPort(config)),
    identity: port(() => createIdentityPort(config)),
    images: port(() => createImagesPort(config)),
    nodes: port(() => createNodesPort(config)),
    diagnosis: port(() => createDiagnosisPort(config)),
    simulator: port(() => createSimulatorPort(config)),
  };
}
