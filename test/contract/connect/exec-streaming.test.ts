import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { cli } from '../../support/cli-in-process.ts';
import { FakeSignals } from '../../support/fake-deps.ts';
import { testSandbox } from '../../support/test-sandbox.ts';

const sandbox = testSandbox();
const LINES = 20;

let here: string;
beforeAll(() => {
  here = mkdtempSync(join(tmpdir(), 'fargate-connect-streaming-'));
});
afterAll(() => rmSync(here, { recursive: true, force: true }));

it('each line of `tail -f` arrives before the next one is written', async () => {
  const file = join(here, 'log');
  const line = (number: number): string => `line ${number}\n`;
  writeFileSync(file, line(1));
  const signals = new FakeSignals();
  let arrived = 0;
  // The next line is written only when the one before it has arrived: a line that waits for more output stops the test.
  const onStdout = (text: string): void => {
    while (text.includes(line(arrived + 1))) {
      arrived++;
      if (arrived === LINES) signals.raise('SIGINT');
      else appendFileSync(file, line(arrived + 1));
    }
  };
  const outcome = await cli(
    ['exec', 'orders-api', '--cluster', 'demo', '--container', 'app', '--', 'tail', '-n', '+1', '-f', file],
    { env: sandbox().env, clock: systemClock, signals, onStdout },
  );
  expect(outcome.status).toBe(130);
  expect(outcome.stdout).toBe(Array.from({ length: LINES }, (_, at) => line(at + 1)).join(''));
});
