import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ECSClient, ListTasksCommand, StopTaskCommand } from '@aws-sdk/client-ecs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { cli } from '../../support/cli-in-process.ts';
import { until } from '../../support/eventually.ts';
import { sandboxClients } from '../../support/sandbox-clients.ts';
import { testSandbox } from '../../support/test-sandbox.ts';

/** Tests `cp` through the real SDK and data channel against the containers of the sandbox. */

const sandbox = testSandbox();
const APP = ['--cluster', 'demo', '--container', 'app'] as const;
const run = (...args: readonly string[]) => cli(args, { env: sandbox().env, clock: systemClock });
const cp = (...args: readonly string[]) => run('cp', ...APP, ...args);

let here: string;
beforeEach(() => {
  here = mkdtempSync(join(tmpdir(), 'fargate-connect-cp-test-'));
});
afterEach(() => rmSync(here, { recursive: true, force: true }));

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

it('copies several files into a folder and back, and prints each with --json', async () => {
  const contents = [randomBytes(70_000), randomBytes(3)];
  const names = ['one', 'two words'];
  names.forEach((name, at) => writeFileSync(join(here, name), contents[at] ?? ''));
  const sent = await cp('--json', ...names.map((name) => join(here, name)), 'orders-api:log');
  expect(sent).toMatchObject({ status: 0 });
  const lines = sent.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines).toMatchObject(
    names.map((name, at) => ({
      source: join(here, name),
      target: `log/${name}`,
      bytes: contents[at]?.byteLength,
      sha256: sha256(contents[at] ?? Buffer.alloc(0)),
      verified: 'sha256',
    })),
  );
  const back = await cp('orders-api:log/one', 'orders-api:log/two words', here);
  expect(back).toMatchObject({ status: 0, stdout: '' });
  names.forEach((name, at) =>
    expect(readFileSync(join(here, name)).equals(contents[at] ?? Buffer.alloc(0))).toBe(true),
  );
});

it('writes a file to stdout, and reads one over several sessions', async () => {
  const content = Buffer.from('text of a file\n'.repeat(600_000));
  writeFileSync(join(here, 'large'), content);
  expect(await cp(join(here, 'large'), 'orders-api:large')).toMatchObject({ status: 0 });
  const before = sandbox().calls.filter(({ action }) => action === 'ExecuteCommand').length;
  expect(await cp('--sessions', '3', 'orders-api:large', join(here, 'back'))).toMatchObject({ status: 0 });
  const after = sandbox().calls.filter(({ action }) => action === 'ExecuteCommand').length;
  expect(after - before).toBe(3);
  expect(readFileSync(join(here, 'back')).equals(content)).toBe(true);
  const printed = await cp('orders-api:large', '-');
  expect(printed.stdout.length).toBe(content.byteLength);
  expect(sha256(Buffer.from(printed.stdout))).toBe(sha256(content));
});

it.each([
  ['a source that does not exist here', ['/no/such/file', 'orders-api:/tmp'], 3, 'copy-not-found'],
  ['a source that does not exist there', ['orders-api:/no/such/file', '.'], 3, 'copy-not-found'],
  [
    'a file in a folder that does not exist there',
    ['HERE/file', 'orders-api:/no/such/name'],
    3,
    'copy-not-found',
  ],
  ['a folder that does not exist there', ['HERE/file', 'orders-api:/no/such/folder/'], 3, 'copy-not-found'],
  ['a folder that does not exist here', ['orders-api:config.json', '/no/such/folder/'], 3, 'copy-not-found'],
  [
    'several sources and no folder',
    ['HERE/file', 'HERE/file', 'orders-api:VERSION'],
    2,
    'copy-folder-needed',
  ],
  ['a device as a target', ['HERE/file', 'orders-api:/dev/null'], 1, 'copy-not-a-file'],
  ['a device as a source', ['orders-api:/dev/zero', 'HERE'], 1, 'copy-not-a-file'],
  ['the plugin', ['--transport', 'plugin', 'HERE/file', 'orders-api:/tmp'], 2, 'plugin-unsupported'],
  ['no service', ['HERE/file', ':/tmp/'], 2, 'service-needed'],
  ['--json with stdout', ['orders-api:config.json', '-'], 2, 'conflicting-option'],
])('names what is wrong: %s', async (_, words, status, code) => {
  writeFileSync(join(here, 'file'), 'x');
  const outcome = await cp('--json', ...words.map((word) => word.replace('HERE', here)));
  expect({ status: outcome.status, code: codeOf(outcome.stderr), stderr: outcome.stderr }).toMatchObject({
    status,
    code,
  });
  expect(readdirSync(here)).toEqual(['file']);
});

it('names the folder that is missing, and the command that looks for it in this service', async () => {
  writeFileSync(join(here, 'file'), 'x');
  const { stderr } = await cp(join(here, 'file'), 'orders-api:/no/such/name');
  expect(stderr).toContain('the folder /no/such/ does not exist in the container');
  expect(stderr).toContain('fargate-connect exec orders-api --cluster demo');
});

describe('a task that stops under a copy', () => {
  const ecs = () => new ECSClient(sandboxClients(sandbox().env).config);
  const executed = (): number => sandbox().calls.filter(({ action }) => action === 'ExecuteCommand').length;

  /** Stops the task that the copy uses as soon as bytes of the file have arrived. */
  async function stoppedDuring(words: readonly string[], hasBegun: () => boolean) {
    let stderr = '';
    const onStderr = (text: string): void => void (stderr = text);
    const before = executed();
    const ended = cli(['cp', ...APP, ...words], { env: sandbox().env, clock: systemClock, onStderr });
    await until(() => executed() > before && hasBegun());
    const id = /using task (\w+)/.exec(stderr)?.[1] ?? '';
    const { taskArns = [] } = await ecs().send(new ListTasksCommand({ cluster: 'demo' }));
    const task = taskArns.find((each) => each.includes(`/${id}`)) ?? '';
    await ecs().send(new StopTaskCommand({ cluster: 'demo', task, reason: 'bad deploy' }));
    const outcome = await ended;
    expect(outcome.status).toBe(255);
    expect(outcome.stderr).toContain(`error: task ${id} has stopped: bad deploy: app exit 143`);
    expect(outcome.stderr).not.toContain('a new session continues the copy');
  }

  it('into the container', async () => {
    writeFileSync(join(here, 'large'), randomBytes(3_000_000));
    sandbox().faults.sessions.set('slow-agent=20ms');
    await stoppedDuring([join(here, 'large'), 'orders-api:log'], () => true);
    sandbox().faults.sessions.set();
  });

  it('out of the container', async () => {
    const make = ['sh', '-c', 'head -c 90000000 /dev/zero > /tmp/large'];
    expect(await run('exec', 'orders-api', '--all', ...APP, '--', ...make)).toMatchObject({ status: 0 });
    const bytes = (): number =>
      readdirSync(here).reduce((sum, name) => sum + statSync(join(here, name)).size, 0);
    await stoppedDuring(['orders-api:/tmp/large', here], () => bytes() > 0);
  });
});

/** The code of the error object, which is the last line on stderr. */
const codeOf = (stderr: string): string | undefined =>
  (JSON.parse(stderr.trim().split('\n').at(-1) ?? '{}') as { readonly error?: { readonly code?: string } })
    .error?.code;
