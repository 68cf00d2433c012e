import { execFile } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ORGANISATION_IMAGES, IMAGES } from '../../../src/sandbox/services/ec2/ec2-catalog.ts';
import { SUBNET, VPC } from '../../../src/sandbox/world/seed-network.ts';
import { cli, type CliOutcome } from '../../support/cli-in-process.ts';
import { onPath, reportSkip } from '../../support/on-path.ts';
import { testSandbox } from '../../support/test-sandbox.ts';

/**
 * The bastion of the Terraform ancestor (seed 004), applied in the sandbox by Terraform with the official AWS provider,
 * found and compared by `up` and `policy diff`, and destroyed.
 */

const sandbox = testSandbox();
/** A folder of providers, since there may be no internet; set by the variable where it is elsewhere. */
const PROVIDERS = process.env['FARGATE_CONNECT_TF_PLUGINS'] ?? '/opt/tf-plugins';
const terraform = onPath('terraform');
const missing =
  terraform === undefined
    ? 'terraform is not on PATH'
    : existsSync(PROVIDERS)
      ? undefined
      : `there is no folder ${PROVIDERS} with the AWS provider (FARGATE_CONNECT_TF_PLUGINS)`;
if (missing !== undefined) reportSkip('the Terraform bastion', missing);

describe.runIf(missing === undefined)('the bastion of Terraform', () => {
  const folder = mkdtempSync(join(tmpdir(), 'fc-terraform-'));
  const image = IMAGES.find((each) => each.architecture === 'x86_64' && !ORGANISATION_IMAGES.includes(each));
  const run = async (...args: readonly string[]): Promise<string> => {
    const { stdout } = await promisify(execFile)(terraform ?? '', args, {
      cwd: folder,
      timeout: 240_000,
      env: {
        PATH: process.env['PATH'],
        HOME: folder,
        ...sandbox().env,
        TF_CLI_CONFIG_FILE: join(folder, 'terraform.rc'),
        TF_IN_AUTOMATION: '1',
        CHECKPOINT_DISABLE: '1',
        TF_VAR_vpc_id: VPC.main,
        TF_VAR_subnet_id: SUBNET.mainPublicA,
        TF_VAR_ami: image?.id,
      },
    });
    return stdout;
  };
  const tool = (...args: readonly string[]): Promise<CliOutcome> => cli(args, { env: sandbox().env });
  const warnings = async (): Promise<readonly { readonly code: string; readonly message: string }[]> => {
    const { stdout } = await tool('up', '--cluster', 'demo', '--dry-run', '--json');
    return (JSON.parse(stdout) as { readonly warnings: Awaited<ReturnType<typeof warnings>> }).warnings;
  };

  beforeAll(async () => {
    copyFileSync('test/worlds/terraform-bastion/main.tf', join(folder, 'main.tf'));
    writeFileSync(
      join(folder, 'terraform.rc'),
      `provider_installation {\n  filesystem_mirror { path = ${JSON.stringify(PROVIDERS)} }\n}\n`,
    );
    await run('init', '-no-color', '-input=false');
  }, 240_000);
  afterAll(() => rmSync(folder, { recursive: true }));

  it('is applied, found beside ours, compared, and destroyed', async () => {
    const before = sandbox().snapshot();
    const applied = await run('apply', '-no-color', '-input=false', '-auto-approve');
    expect(applied).toContain('Apply complete! Resources: 5 added');
    const [found, ...others] = await warnings();
    expect([found?.code, others]).toEqual(['other-bastion', []]);
    expect(found?.message).toMatch(
      /admits port 22 from 0\.0\.0\.0\/0; it comes back after its end, .* is persistent; it has the role ec2-connect-role/,
    );
    const diff = await tool('policy', 'diff', 'role/ec2-connect-role', 'bastion', '--cluster', 'demo');
    expect([diff.status, diff.stdout]).toEqual([
      1,
      expect.stringMatching(/^only role\/ec2-connect-role allows:\n {2}ecs:\*, ssm:\*/),
    ]);
    // The sandbox shows what was applied, so that a second plan changes nothing.
    expect(await run('plan', '-no-color', '-input=false')).toContain('No changes.');
    const destroyed = await run('destroy', '-no-color', '-input=false', '-auto-approve');
    expect(destroyed).toContain('Destroy complete! Resources: 5 destroyed');
    expect(await warnings()).toEqual([]);
    expect(sandbox().snapshot()).toBe(before);
  }, 480_000);
});
