import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { cli, CliProcess } from '../support/cli-process.ts';
import { onPath, reportSkip } from '../support/on-path.ts';

const run = promisify(execFile);

interface Ready {
  readonly endpoint: string;
  readonly env: Readonly<Record<string, string>>;
}

async function startSandbox(args: readonly string[] = []): Promise<{ process: CliProcess; ready: Ready }> {
  const process = new CliProcess(['sandbox', '--json', ...args]);
  const [line] = await process.until('stdout', /^.*\n/);
  return { process, ready: JSON.parse(line) as Ready };
}

describe('fargate-connect sandbox', () => {
  it('prints one line with endpoint and environment when it is ready, serves, and ends with 0 on Ctrl-C', async () => {
    const { process, ready } = await startSandbox();
    expect(ready.endpoint).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(Object.keys(ready.env)).toEqual(
      expect.arrayContaining([
        'AWS_ENDPOINT_URL',
        'AWS_ACCESS_KEY_ID',
        'AWS_SECRET_ACCESS_KEY',
        'AWS_REGION',
      ]),
    );
    const listed = await cli(['ls', 'clusters', '--json'], { env: ready.env });
    expect(listed.status).toBe(0);
    expect(listed.stdout).toContain('"demo"');
    process.kill('SIGINT');
    const ended = await process.finished;
    expect(ended.status).toBe(0);
    expect(ended.stdout.trim().split('\n')).toHaveLength(1);
  });

  it('prints lines for eval when --json is not given', async () => {
    const process = new CliProcess(['sandbox']);
    await process.until('stdout', /export AWS_ENDPOINT_URL=.*\n/);
    await process.until('stdout', /export AWS_SECRET_ACCESS_KEY=.*\n/);
    process.kill('SIGTERM');
    expect((await process.finished).status).toBe(0);
  });
});

describe('sandbox --fault', () => {
  const EXEC = ['exec', 'orders-api', '--cluster', 'demo', '--container', 'app', '--', 'cat'];

  it('injects the fault that it names into sessions, as often as the flag is given', async () => {
    const faults = ['cut-client=every:300000', 'drop=0.01,duplicate=0.05,reorder=0.05'];
    const { process, ready } = await startSandbox(faults.flatMap((fault) => ['--fault', fault]));
    const input = 'sixteen bytes, \n'.repeat(12_500);
    const result = await cli(EXEC, { env: ready.env, input });
    expect(result.status).toBe(0);
    expect(result.stdout).toBe(input);
    expect(result.stderr).toContain('connected again');
    process.kill('SIGTERM');
    await process.finished;
  });

  it.each([
    'delay=5ms',
    'slow-agent',
    'cut-agent=every:5000',
    'close-1000=after:3000',
    'cut-agent=after:200ms',
    'refuse-resume=403',
  ])('a short command succeeds despite %s', async (fault) => {
    const { process, ready } = await startSandbox(['--fault', fault]);
    const result = await cli(EXEC, { env: ready.env, input: 'hello\n' });
    expect(result).toMatchObject({ status: 0, stdout: 'hello\n' });
    process.kill('SIGTERM');
    await process.finished;
  });

  it('with an unknown fault is a usage error', async () => {
    expect(await cli(['sandbox', '--fault', 'drop=often'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('fault "drop=often" is not understood') as string,
    });
  });
});

describe('the official AWS CLI against it', () => {
  const aws = onPath('aws');

  it.runIf(aws !== undefined)('describes services and instances', async () => {
    const { process: sandbox, ready } = await startSandbox();
    const env = { ...process.env, ...ready.env, AWS_PAGER: '' };
    const services = await run(
      aws ?? '',
      ['ecs', 'describe-services', '--cluster', 'demo', '--services', 'orders-api', '--output', 'json'],
      { env },
    );
    expect(JSON.parse(services.stdout)).toMatchObject({
      services: [{ serviceName: 'orders-api', enableExecuteCommand: true }],
    });
    const up = await cli(['up', '--cluster', 'demo', '--yes'], { env: ready.env });
    expect(up.status).toBe(0);
    const instances = await run(aws ?? '', ['ec2', 'describe-instances', '--output', 'json'], { env });
    expect(JSON.parse(instances.stdout)).toMatchObject({
      Reservations: [
        { Instances: [{ State: { Name: 'running' }, MetadataOptions: { HttpTokens: 'required' } }] },
      ],
    });
    const down = await cli(['down', '--yes'], { env: ready.env });
    expect(down.status).toBe(0);
    sandbox.kill('SIGTERM');
    await sandbox.finished;
  });

  if (aws === undefined) reportSkip('official AWS CLI', 'aws is not on PATH');
});
