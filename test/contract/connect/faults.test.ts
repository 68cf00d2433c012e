import { createHash, randomBytes } from 'node:crypto';
import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';

import { openAwsAccount } from '../../../src/aws/open-account.ts';
import { runCommandSession } from '../../../src/connect/session/command-session.ts';
import type { Wanted } from '../../../src/connect/target/discover.ts';
import { execScript } from '../../../src/connect/session/exec-script.ts';
import { createOpenSocket, type OpenSocket } from '../../../src/connect/channel/message-socket.ts';
import { judgeContainer } from '../../../src/diagnose/ecs/container.ts';
import { resolveContainer, startExec } from '../../../src/connect/target/resolve.ts';
import { type Clock, systemClock } from '../../../src/core/clock.ts';
import { type Sandbox, startSandbox } from '../../../src/sandbox/sandbox.ts';
import { FakeSignals } from '../../support/fake-deps.ts';
import { DIRECT } from '../../support/direct-agents.ts';
import { fakeTerminal } from '../../support/fake-terminal.ts';

/**
 * Runs a command with data in both directions through the real gateway while the gateway injects faults: everything
 * arrives, or an error says why not.
 */

let sandbox: Sandbox | undefined;
afterEach(() => sandbox?.close());

interface World {
  readonly wanted: Wanted;
  readonly openSocket: OpenSocket;
  /** The environment of the sandbox. */
  readonly clock: Clock;
}
const ORDERS: Wanted = { cluster: 'demo', service: 'orders-api', task: undefined, container: 'app' };
const realSocket = createOpenSocket(DIRECT, systemClock);

async function execute(
  faults: readonly string[],
  argv: readonly string[],
  stdin: Uint8Array,
  { wanted = ORDERS, openSocket = realSocket, clock = systemClock }: Partial<World> = {},
) {
  sandbox = await startSandbox({ faults, randomSeed: 7, clock });
  const settings = { profile: undefined, region: undefined, endpointUrl: sandbox.endpoint };
  const account = await openAwsAccount(settings, sandbox.env);
  const states: string[] = [];
  const report = (event: { readonly type: string; readonly state?: string }): void => {
    if (event.type === 'session-state' && event.state !== undefined) states.push(event.state);
  };
  const random = {
    number: () => Math.random(),
    bytes: (length: number) => new Uint8Array(randomBytes(length)),
    uuid: () => crypto.randomUUID(),
  };
  const resolving = {
    ecs: await account.ecs(),
    judge: judgeContainer,
    clock: systemClock,
    random,
    report,
    purpose: 'exec',
  } as const;
  const resolved = await resolveContainer(wanted, resolving);
  const script = execScript(argv, '0123456789abcdef0123456789abcdef', 'pipes');
  const { session } = await startExec(resolved, script.command, resolving);
  const chunks: Uint8Array[] = [];
  const stdout = new PassThrough();
  stdout.on('data', (bytes: Uint8Array) => chunks.push(bytes));
  const terminal = { ...fakeTerminal(), stdin: new PassThrough(), stdout };
  terminal.stdin.end(stdin);
  const status = await runCommandSession({
    session,
    target: resolved.target,
    nonce: script.nonce,
    interactive: false,
    readStdin: true,
    deps: {
      ssm: await account.ssm(),
      kms: () => account.kms(),
      signer: await account.signer(),
      openSocket,
      clock: systemClock,
      random,
      report,
    },
    terminal,
    signals: new FakeSignals(),
    signal: new AbortController().signal,
    report,
  });
  return { status, stdout: Buffer.concat(chunks), states };
}

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe('a megabyte through `cat`', () => {
  test.each([
    ['without faults', []],
    ['with lost, duplicated and reordered messages', ['drop=0.01', 'duplicate=0.05', 'reorder=0.05']],
    ['with the socket of the client cut repeatedly', ['cut-client=every:200000']],
    ['with close 1000, as the service sends it', ['close-1000=every:300000']],
    // The agent then handles messages twice (SPEC.md §9).
    ['with the socket of the agent cut', ['cut-agent=after:300000']],
    ['with the socket of the agent cut repeatedly', ['cut-agent=every:300000']],
  ])('%s', async (_name, faults) => {
    const data = randomBytes(1_000_000);
    const { status, stdout, states } = await execute(faults, ['cat'], data);
    expect(status).toBe(0);
    expect(stdout.byteLength).toBe(data.byteLength);
    expect(digest(stdout)).toBe(digest(data));
    if (faults.some((fault) => /^(cut-client|close)/.test(fault))) expect(states).toContain('resumed');
  });

  test('with an encrypted session', async () => {
    const data = randomBytes(200_000);
    const sealed = { cluster: 'sealed', service: 'ledger', task: undefined, container: undefined };
    const { status, stdout } = await execute([], ['cat'], data, { wanted: sealed });
    expect(status).toBe(0);
    expect(digest(stdout)).toBe(digest(data));
  });
});

test('a command ends while the connection is down for longer than its agent waits', async () => {
  const REFUSALS = 3;
  let opened = 0;
  const openSocket: OpenSocket = (...args) => {
    if (opened++ === 0 || opened > REFUSALS + 1) return realSocket(...args);
    return Promise.reject(new Error('no network'));
  };
  const start = systemClock.now();
  // The two seconds that the agent waits are a tenth of that here; three attempts of the client take longer.
  const clock: Clock = {
    now: () => start + (systemClock.now() - start) * 20,
    timer: (ms, fn) => systemClock.timer(ms / 20, fn),
  };
  const { status, stdout, states } = await execute(
    ['cut-client=after:300ms'],
    ['sh', '-c', 'echo before; sleep 0.5; echo after; exit 7'],
    new Uint8Array(0),
    { openSocket, clock },
  );
  expect(states).toEqual(['interrupted', 'resumed']);
  expect([status, stdout.toString()]).toEqual([7, 'before\nafter\n']);
});
