import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { AwsAccount } from '../../../src/aws/account.ts';
import { failed } from '../../../src/core/errors.ts';
import { cli, type CliOutcome } from '../../support/cli-in-process.ts';
import { ALL_TTY } from '../../support/fake-terminal.ts';
import { testSandbox } from '../../support/test-sandbox.ts';

const sandbox = testSandbox();
const TARGET = ['--cluster', 'demo', '--container', 'app'] as const;

let here: string;
beforeAll(() => {
  here = mkdtempSync(join(tmpdir(), 'fargate-connect-windows-'));
  writeFileSync(join(here, 'file'), 'content');
});
afterAll(() => rmSync(here, { recursive: true, force: true }));

interface Tried {
  readonly outcome: CliOutcome;
  /** The commands for which a session was asked. */
  readonly commands: readonly string[];
}

/** Runs a command line where every task has a Windows platform family, and no session can be started. */
async function inWindows(
  args: readonly string[],
  tty?: { stdin: boolean; stdout: boolean; stderr: boolean },
): Promise<Tried> {
  const commands: string[] = [];
  const account = (real: AwsAccount): AwsAccount => ({
    ...real,
    async ecs() {
      const ecs = await real.ecs();
      return {
        ...ecs,
        describeTasks: async (...request) =>
          (await ecs.describeTasks(...request)).map((task) => ({
            ...task,
            platformFamily: 'WINDOWS_SERVER_2022_CORE',
          })),
        executeCommand: (request) => {
          commands.push(request.command);
          return Promise.reject(failed('no-session-in-this-test', 'no session in this test'));
        },
      };
    },
  });
  const outcome = await cli(args, { env: sandbox().env, account, ...(tty === undefined ? {} : { tty }) });
  return { outcome, commands };
}

it('a shell is PowerShell', async () => {
  const { commands } = await inWindows(['exec', 'orders-api', ...TARGET], ALL_TTY);
  expect(commands).toEqual(['powershell.exe']);
});

it.each([
  ['a command', () => ['exec', 'orders-api', '--json', ...TARGET, '--', 'cmd', '/c', 'dir']],
  [
    'a command in all tasks',
    () => ['exec', 'orders-api', '--all', '--json', ...TARGET, '--', 'cmd', '/c', 'dir'],
  ],
  ['a copy into it', () => ['cp', '--json', ...TARGET, join(here, 'file'), 'orders-api:C:/file']],
  ['a copy out of it', () => ['cp', '--json', ...TARGET, 'orders-api:C:/file', join(here, 'copy')]],
])('%s is refused with the reason before a session starts', async (_name, args) => {
  const { outcome, commands } = await inWindows(args());
  expect(commands).toEqual([]);
  expect(outcome.status).not.toBe(0);
  expect(outcome.stdout + outcome.stderr).toContain('windows-container');
  expect(outcome.stdout + outcome.stderr).toContain('WINDOWS_SERVER_2022_CORE');
});
