import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { testSandbox } from '../support/test-sandbox.ts';
import { reportSkip } from '../support/on-path.ts';

/** The unmodified official clients against the sandbox; skipped with a message where they are not installed. */

const run = promisify(execFile);

function isOnPath(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' });
    return true;
  } catch {
    reportSkip('the official clients', `${program} is not on PATH`);
    return false;
  }
}

const hasCli = isOnPath('aws');
const sandbox = testSandbox();

async function aws(...args: readonly string[]): Promise<string> {
  const { stdout } = await run('aws', [...args], {
    env: { PATH: process.env['PATH'], HOME: '/nonexistent', AWS_PAGER: '', ...sandbox().env },
    timeout: 50_000,
  });
  return stdout;
}
const awsJson = async (...args: readonly string[]): Promise<unknown> =>
  JSON.parse(await aws(...args, '--output', 'json'));

describe.runIf(hasCli)('aws', () => {
  test('ecs describe-services, list-tasks and describe-clusters work', async () => {
    expect(
      await awsJson('ecs', 'describe-services', '--cluster', 'demo', '--services', 'orders-api'),
    ).toMatchObject({
      services: [{ serviceName: 'orders-api', runningCount: 2 }],
    });
    expect(await awsJson('ecs', 'list-services', '--cluster', 'demo', '--page-size', '2')).toMatchObject({
      serviceArns: expect.arrayContaining([expect.stringContaining('orders-api')]) as unknown,
    });
    expect(
      await awsJson('ecs', 'describe-clusters', '--clusters', 'sealed', '--include', 'CONFIGURATIONS'),
    ).toMatchObject({
      clusters: [{ configuration: { executeCommandConfiguration: { logging: 'DEFAULT' } } }],
    });
  });

  test('ssm get-parameter and describe-sessions work', async () => {
    const name = '/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64';
    expect(await awsJson('ssm', 'get-parameter', '--name', name)).toMatchObject({
      Parameter: { Name: name },
    });
    expect(await awsJson('ssm', 'describe-sessions', '--state', 'Active')).toEqual({ Sessions: [] });
  });

  test('errors have their names', async () => {
    await expect(aws('ecs', 'list-services', '--cluster', 'nope')).rejects.toMatchObject({
      stderr: expect.stringContaining('ClusterNotFoundException') as unknown,
    });
    await expect(aws('ssm', 'start-session', '--target', 'i-0123456789abcdef0')).rejects.toMatchObject({
      stderr: expect.stringMatching(/TargetNotConnected|SessionManagerPlugin is not found/) as unknown,
    });
  });
});
