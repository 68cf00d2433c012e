import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Sandbox, startSandbox } from '../../../src/sandbox/sandbox.ts';
import { defaultSeed } from '../../../src/sandbox/world/seed.ts';
import { seedOfWorld } from '../../../src/sandbox/world/world-seed.ts';
import { cli, type CliOutcome } from '../../support/cli-in-process.ts';

/** `policy diff` of a role as the Terraform bastion has it, of kinds, and of documents. */

let sandbox: Sandbox;
const folder = mkdtempSync(join(tmpdir(), 'fc-diff-'));
beforeAll(async () => {
  const world = {
    roles: [
      {
        name: 'ec2-connect-role',
        trust: 'ec2.amazonaws.com',
        allow: ['ecs:*', 'ssm:*', 'ssmmessages:*', 'ec2messages:*'],
      },
    ],
  } as const;
  sandbox = await startSandbox({ seed: seedOfWorld('world.yaml', world, defaultSeed()) });
}, 60_000);
afterAll(async () => {
  await sandbox.close();
  rmSync(folder, { recursive: true });
});

const diff = (...args: readonly string[]): Promise<CliOutcome> =>
  cli(['policy', 'diff', ...args], { env: sandbox.env, cwd: folder });

describe('policy diff', () => {
  it('shows what the role of another bastion may do, and ours may not', async () => {
    const { status, stdout } = await diff('role/ec2-connect-role', 'bastion', '--cluster', 'demo');
    expect(status).toBe(1);
    expect(stdout).toMatch(/^only role\/ec2-connect-role allows:\n {2}ecs:\*, ssm:\*, .* on \*\n/);
    const json = await diff('role/ec2-connect-role', 'bastion', '--cluster', 'demo', '--json');
    expect(JSON.parse(json.stdout)).toMatchObject({
      equal: false,
      onlyLeft: [{ actions: ['ecs:*', 'ssm:*', 'ssmmessages:*', 'ec2messages:*'], resources: ['*'] }],
    });
  });

  it('of a printed document and its kind is empty, with exit 0', async () => {
    const printed = await cli(['policy', 'exec', '--cluster', 'demo'], { env: sandbox.env });
    writeFileSync(join(folder, 'exec.json'), printed.stdout);
    const same = await diff('exec.json', 'exec', '--cluster', 'demo');
    expect([same.status, same.stdout]).toEqual([0, '']);
    expect(same.stderr).toContain('exec.json and exec allow the same');
  });

  it.each([
    [['nothing.json', 'exec'], 2, 'there is no kind, role or file nothing.json'],
    [['broken.json', 'exec'], 2, 'broken.json is no IAM policy document'],
    [['role/nobody', 'exec'], 3, 'there is no role nobody'],
    [['exec'], 2, "missing required argument 'right'"],
  ])('refuses %j', async (args, status, says) => {
    writeFileSync(join(folder, 'broken.json'), '{');
    const outcome = await diff(...args);
    expect([outcome.status, outcome.stderr]).toEqual([status, expect.stringContaining(says)]);
  });
});
