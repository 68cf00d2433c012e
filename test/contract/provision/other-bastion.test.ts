import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readFileSync } from 'node:fs';
import { type Sandbox, startSandbox } from '../../../src/sandbox/sandbox.ts';
import { loadWorld } from '../../../src/sandbox/world/load-world.ts';
import { defaultSeed } from '../../../src/sandbox/world/seed.ts';
import { parseWorldFile } from '../../../src/sandbox/world/world-file.ts';
import type { WorldFile } from '../../../src/sandbox/world/world-schema.ts';
import { seedOfWorld } from '../../../src/sandbox/world/world-seed.ts';
import { cli, type CliOutcome } from '../../support/cli-in-process.ts';
import { shippedDocument } from '../../support/grants.ts';

/** `up` beside the bastion of the Terraform ancestor (seed 004). */

const FILE = 'docs/worlds/terraform-bastion.yaml';
const CLUSTER = ['--cluster', 'my-ecs-cluster'] as const;

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await startSandbox({ seed: loadWorld({ file: FILE, services: 0, tasks: 0 }) });
}, 60_000);
afterAll(() => sandbox.close());

interface DryRun {
  readonly warnings: readonly { readonly code: string; readonly message: string }[];
}
const warningsOf = ({ stdout, stderr }: CliOutcome): DryRun['warnings'] => {
  if (stdout === '') throw new Error(stderr);
  return (JSON.parse(stdout) as DryRun).warnings;
};

describe('beside a bastion with a persistent spot request, port 22 and a wide role', () => {
  const up = (...more: readonly string[]): Promise<CliOutcome> =>
    cli(['up', ...CLUSTER, ...more], { env: sandbox.env });

  it('up names it, says what its role may do besides, and how to compare and to end it', async () => {
    const { status, stdout } = await up('--dry-run');
    expect(status).toBe(0);
    const text = stdout.replace(/\s+/g, ' ');
    expect(text).toMatch(
      /another bastion, ec2-connect \(i-0\w{16}\), is in this VPC: it admits port 22 from 0\.0\.0\.0\/0; it comes back after its end, because its spot request sir-\w{8} is persistent; it has the role ec2-connect-role, which allows what the role of this bastion does not: ecs:\*, ssm:\*/,
    );
    expect(text).toContain(
      'fargate-connect policy diff role/ec2-connect-role bastion --cluster my-ecs-cluster',
    );
    const cancel = text.indexOf('aws ec2 cancel-spot-instance-requests --spot-instance-request-ids sir-');
    expect(cancel).toBeGreaterThan(-1);
    expect(text.indexOf('aws ec2 terminate-instances --instance-ids i-0')).toBeGreaterThan(cancel);
    expect(warningsOf(await up('--dry-run', '--json')).map(({ code }) => code)).toEqual(['other-bastion']);
  });

  it('the printed policy diff shows the difference', async () => {
    const diff = await cli(['policy', 'diff', 'role/ec2-connect-role', 'bastion', ...CLUSTER], {
      env: sandbox.env,
    });
    expect([diff.status, diff.stdout]).toEqual([
      1,
      expect.stringMatching(/^only role\/ec2-connect-role allows:\n {2}ecs:\*, ssm:\*/),
    ]);
  });

  it('with the rights of an operator alone up warns too, without the role and without an error', async () => {
    const kinds = ['operator-iam', 'operator-ec2'] as const;
    const env = sandbox.createPrincipal({
      userName: 'operator',
      policies: kinds.map((kind) =>
        shippedDocument(kind, { bastion: '*', cluster: 'my-ecs-cluster', vpc: '*' }),
      ),
    });
    const outcome = await cli(['up', ...CLUSTER, '--dry-run', '--json'], { env });
    expect(warningsOf(outcome).map(({ message }) => message)).toEqual([
      expect.stringMatching(/is persistent$/),
    ]);
  });

  it('up and down leave it alone', async () => {
    const before = sandbox.snapshot();
    const made = await up('--yes');
    expect([made.status, made.stderr]).toEqual([0, expect.stringContaining('another bastion, ec2-connect')]);
    const ended = await cli(['down', '--yes'], { env: sandbox.env });
    expect([ended.status, ended.stderr]).toEqual([0, ended.stderr]);
    expect(sandbox.snapshot()).toBe(before);
  }, 180_000);
});

describe('a machine that is no bastion is not reported:', () => {
  const world = parseWorldFile(FILE, readFileSync(FILE, 'utf8'));
  const [bastion] = world.instances ?? [];
  const [network] = world.networks ?? [];
  const closed = { ...network!, securityGroups: [{ name: 'ec2-connect-sg' }] };
  it.each<[string, WorldFile]>([
    ['port 22 is closed', { ...world, networks: [closed] }],
    [
      'a web server with port 22, whose role starts no sessions',
      {
        ...world,
        roles: [{ name: 'ec2-connect-role', trust: 'ec2.amazonaws.com', allow: ['s3:GetObject'] }],
        instances: [{ ...bastion!, spot: 'one-time' }],
      },
    ],
    [
      'no role',
      { ...world, instances: [{ name: 'build', network: 'legacy', securityGroup: 'ec2-connect-sg' }] },
    ],
  ])('%s', async (_title, sibling) => {
    const other = await startSandbox({ seed: seedOfWorld(FILE, sibling, defaultSeed()) });
    try {
      const outcome = await cli(['up', ...CLUSTER, '--dry-run', '--json'], { env: other.env });
      expect(warningsOf(outcome)).toEqual([]);
    } finally {
      await other.close();
    }
  });
});
