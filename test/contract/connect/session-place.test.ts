import { describe, expect, it } from 'vitest';

import type { AwsAccount } from '../../../src/aws/account.ts';
import { cli, type CliOutcome, type CliWorld } from '../../support/cli-in-process.ts';
import { shippedDocument } from '../../support/grants.ts';
import { testSandbox } from '../../support/test-sandbox.ts';

/** The line on stderr before a session that names cluster, region and account. */

const sandbox = testSandbox();

const PLACE = /container app of task [0-9a-f]{8} in cluster demo, eu-west-1, account (.*)\n/;

const exec = (world: Partial<CliWorld>, ...flags: readonly string[]): Promise<CliOutcome> =>
  cli(['exec', 'orders-api', '--cluster', 'demo', '--container', 'app', ...flags, '--', 'echo', 'hello'], {
    env: sandbox().env,
    ...world,
  });

const withAlias =
  (alias: AwsAccount['alias']) =>
  (account: AwsAccount): AwsAccount => ({ ...account, alias });

const calls = (since: number): readonly string[] =>
  sandbox()
    .calls.slice(since)
    .map((call) => call.action);

describe('exec -- CMD', () => {
  it('names alias and number of the account on a terminal; stdout is that of the command', async () => {
    const account = withAlias(() => Promise.resolve('example-dev'));
    const outcome = await exec({ tty: { stderr: true, columns: 200 }, account });
    expect(outcome).toMatchObject({ status: 0, stdout: 'hello\n' });
    expect(PLACE.exec(outcome.stderr)?.[1]).toBe('example-dev (111122223333)');
  });

  it('does not wait for the alias', async () => {
    const account = withAlias(() => new Promise(() => undefined));
    const outcome = await exec({ tty: { stderr: true, columns: 200 }, account });
    expect(outcome).toMatchObject({ status: 0, stdout: 'hello\n' });
    expect(PLACE.exec(outcome.stderr)?.[1]).toBe('111122223333');
  });

  it('says nothing about an alias that may not be read', async () => {
    const whole = shippedDocument('exec', { cluster: 'demo' });
    const policy = { ...whole, Statement: whole.Statement.filter(({ Sid }) => Sid !== 'ShowAccountAlias') };
    const env = sandbox().createPrincipal({ userName: 'without-alias', policies: [policy] });
    const outcome = await exec({ tty: { stderr: true, columns: 200 }, env });
    expect(outcome).toMatchObject({ status: 0, stdout: 'hello\n' });
    expect(PLACE.exec(outcome.stderr)?.[1]).toBe('111122223333');
    expect(outcome.stderr).not.toContain('iam:');
  });

  it('without a terminal it names the number, and makes no further call', async () => {
    const before = sandbox().calls.length;
    const outcome = await exec({});
    expect(PLACE.exec(outcome.stderr)?.[1]).toBe('111122223333');
    expect(calls(before)).not.toContain('ListAccountAliases');
  });

  it.each(['--quiet', '--json'])('writes no such line with %s', async (flag) => {
    const before = sandbox().calls.length;
    const outcome = await exec({ tty: { stderr: true, columns: 200 } }, flag);
    expect(outcome).toMatchObject({ status: 0, stdout: 'hello\n' });
    expect(outcome.stderr).not.toContain('111122223333,');
    expect(outcome.stderr).not.toContain('in cluster demo');
    expect(calls(before)).not.toContain('ListAccountAliases');
  });
});

it('plans and questions about a bastion name the alias, and so does shell -- CMD', async () => {
  const { env } = sandbox();
  const place = 'eu-west-1 of account example-dev (111122223333)';
  const dryRun = await cli(['up', '--cluster', 'demo', '--dry-run', '--json'], { env });
  expect(JSON.parse(dryRun.stdout)).toMatchObject({ account: '111122223333', accountAlias: 'example-dev' });
  const up = await cli(['up', '--cluster', 'demo', '--yes'], { env });
  expect(up).toMatchObject({
    status: 0,
    stderr: expect.stringContaining(`bastion default in ${place}:\n`) as string,
  });
  const shell = await cli(['shell', '--', 'echo', 'hello'], { env });
  expect(shell).toMatchObject({ status: 0, stdout: 'hello\n' });
  expect(shell.stderr).toMatch(/bastion default \(i-[0-9a-f]+\) in eu-west-1, account 111122223333\n/);
  const down = await cli(['down', '--yes'], { env });
  expect(down).toMatchObject({
    status: 0,
    stderr: expect.stringContaining(`bastion default in ${place}:\n`) as string,
  });
  const again = await cli(['down', '--yes'], { env });
  expect(again.stderr).toContain(`nothing of bastion default exists in ${place}`);
});
