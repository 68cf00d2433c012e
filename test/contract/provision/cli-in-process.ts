import { randomBytes, randomUUID } from 'node:crypto';

import { openAwsAccount } from '../../../src/aws/open-account.ts';
import type { CliDeps } from '../../../src/cli/context.ts';
import { runCli } from '../../../src/cli/run-cli.ts';
import { type Clock, systemClock } from '../../../src/core/clock.ts';
import { FakeSignals } from '../../support/fake-deps.ts';
import { fakeTerminal } from '../../support/fake-terminal.ts';

export interface CliOutcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Real time, but waits are that many times shorter: the sandbox answers in milliseconds what takes AWS seconds. */
export function hurried(factor: number): Clock {
  return {
    now: () => systemClock.now(),
    timer: (ms, fn) => systemClock.timer(ms / factor, fn),
  };
}

export interface CliWorld {
  readonly env: Readonly<Record<string, string>>;
  readonly clock?: Clock;
  readonly signals?: FakeSignals;
}

/** The whole command line with its real adapters, in this process. */
export async function cli(args: readonly string[], world: CliWorld): Promise<CliOutcome> {
  const terminal = fakeTerminal();
  const clock = world.clock ?? hurried(20);
  const deps: CliDeps = {
    env: { ...world.env, HOME: '/nonexistent' },
    cwd: '/',
    terminal,
    clock,
    random: {
      number: Math.random,
      bytes: (length) => randomBytes(length),
      uuid: () => randomUUID(),
    },
    signals: world.signals ?? new FakeSignals(),
    openAccount: (settings) => openAwsAccount(settings, world.env, clock),
    version: '0.1.0-test',
  };
  const status = await runCli(args, deps);
  return { status, stdout: terminal.stdout.text, stderr: terminal.stderr.text };
}
