import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';

import { cli } from '../../support/cli-in-process.ts';
import { testSandbox } from '../../support/test-sandbox.ts';

/** A region that does not exist is refused before a call, however it is named, and also at an endpoint of its own. */

const sandbox = testSandbox();
const folder = mkdtempSync(join(tmpdir(), 'region-names-'));
afterAll(() => rmSync(folder, { recursive: true }));

const projectFile = join(folder, 'project');
mkdirSync(projectFile);
writeFileSync(join(projectFile, '.fargate-connect.yaml'), 'cluster: demo\nregion: eu-west1\n');
const userFile = join(folder, 'user', 'fargate-connect');
mkdirSync(userFile, { recursive: true });
writeFileSync(join(userFile, 'config.yaml'), 'region: eu-west1\n');
const profiles = join(folder, 'config');
writeFileSync(profiles, '[profile staging]\nregion = eu-west1\n');

interface Way {
  readonly title: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly flags?: readonly string[];
  readonly cwd?: string;
  readonly from: string;
}
const NO_PROFILE = { AWS_CONFIG_FILE: join(folder, 'none') };
const WAYS: readonly Way[] = [
  { title: 'the flag', flags: ['--region', 'eu-west1'], from: '' },
  {
    title: 'FARGATE_CONNECT_REGION',
    env: { FARGATE_CONNECT_REGION: 'eu-west1' },
    from: ' (region is from FARGATE_CONNECT_REGION)',
  },
  { title: 'AWS_REGION', env: { AWS_REGION: 'eu-west1' }, from: ' (region is from AWS_REGION)' },
  {
    title: 'AWS_DEFAULT_REGION',
    env: { AWS_DEFAULT_REGION: 'eu-west1' },
    from: ' (region is from AWS_DEFAULT_REGION)',
  },
  {
    title: 'the file of the project',
    cwd: projectFile,
    from: ` (region is from ${join(projectFile, '.fargate-connect.yaml')}:2)`,
  },
  {
    title: "the user's own file",
    env: { XDG_CONFIG_HOME: join(folder, 'user') },
    from: ` (region is from ${join(userFile, 'config.yaml')}:1)`,
  },
  {
    title: 'a profile',
    env: { AWS_PROFILE: 'staging', AWS_CONFIG_FILE: profiles },
    from: ' (region of profile staging)',
  },
];
const COMMANDS = [
  ['ls', 'services', '--cluster', 'demo'],
  ['policy', 'exec', '--cluster', 'demo'],
  ['up', '--cluster', 'demo', '--yes'],
] as const;

it.each(WAYS.flatMap((way) => COMMANDS.map((command) => ({ ...way, command, verb: command[0] }))))(
  '$verb refuses eu-west1 from $title',
  async ({ env = {}, flags = [], cwd, from, command }) => {
    const { AWS_REGION: _, AWS_DEFAULT_REGION: __, ...others } = sandbox().env;
    const before = sandbox().calls.length;
    const outcome = await cli([...command, ...flags], {
      env: { ...others, ...NO_PROFILE, ...env },
      ...(cwd === undefined ? {} : { cwd }),
    });
    expect(outcome).toEqual({
      status: 2,
      stdout: '',
      stderr: `error: 'eu-west1' is no AWS region${from}\n  did you mean eu-west-1 or eu-west-2 or eu-west-3?\n`,
    });
    expect(sandbox().calls.length).toBe(before);
  },
);

it('policy refuses it also where it needs no account', async () => {
  const where = ['--account', '111122223333', '--region', 'us-east1'];
  const outcome = await cli(['policy', 'exec', '--cluster', 'demo', ...where], { env: {} });
  expect([outcome.status, outcome.stderr]).toEqual([
    2,
    expect.stringContaining("'us-east1' is no AWS region\n  did you mean us-east-1"),
  ]);
});

it('policy knows the partition of a region', async () => {
  const where = ['--account', '111122223333', '--region', 'eusc-de-east-1'];
  const outcome = await cli(['policy', 'exec', '--cluster', 'demo', ...where], { env: {} });
  expect(outcome.stdout).toContain('arn:aws-eusc:ecs:eusc-de-east-1:111122223333:');
});

it.each([
  ['eu-west-1', ['ec2.amazonaws.com']],
  ['us-gov-west-1', ['ec2.amazonaws.com']],
  ['cn-north-1', ['ec2.amazonaws.com', 'ec2.amazonaws.com.cn']],
])('policy operator in %s lets roles be passed to %j', async (region, services) => {
  const where = ['--account', '111122223333', '--region', region];
  for (const kind of ['operator-iam', 'operator-given-role']) {
    const { stdout } = await cli(['policy', kind, '--role', 'r', ...where], { env: {} });
    const { Statement } = JSON.parse(stdout) as { Statement: readonly Record<string, unknown>[] };
    expect(Statement).toContainEqual(
      expect.objectContaining({
        Action: 'iam:PassRole',
        Condition: { StringEquals: { 'iam:PassedToService': services } },
      }),
    );
  }
});
