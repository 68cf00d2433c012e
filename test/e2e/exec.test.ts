import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PutRolePolicyCommand } from '@aws-sdk/client-iam';
import { describe, expect, it } from 'vitest';
import { cli, ENTRY, PtyProcess } from '../support/cli-process.ts';
import { sandboxClients } from '../support/sandbox-clients.ts';
import { testSandbox } from '../support/test-sandbox.ts';
import { reportSkip } from '../support/on-path.ts';

const sandbox = testSandbox();
const IN_DEMO = ['exec', '--cluster', 'demo'] as const;

describe('a name that is a part of the name of a service', () => {
  it('opens the list of services with it typed', async () => {
    const picker = new PtyProcess([...IN_DEMO, 'billing', '--', 'sh', '-c', 'echo in $((40+2)); exit 7'], {
      env: sandbox().env,
    });
    await picker.until(/service in demo: billing[^]*❯ billing-worker[^]*1 match/);
    expect(picker.text).not.toContain('storefront-web');
    await picker.type('\r', /in 42\n/);
    expect((await picker.exit()).status).toBe(7);
  });

  it('does the same for `--all`', async () => {
    const picker = new PtyProcess([...IN_DEMO, 'billing', '--all', '--', 'sh', '-c', 'echo in $((40+2))'], {
      env: sandbox().env,
    });
    await picker.until(/service in demo: billing[^]*❯ billing-worker[^]*1 match/);
    await picker.type('\r', /[0-9a-f]{8} in 42\n/);
    expect((await picker.exit()).status).toBe(0);
  });

  it('does the same for `cp`, which then shows how much it has copied', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'fargate-connect-cp-'));
    const file = join(folder, 'data');
    writeFileSync(file, Buffer.alloc(300_000, 'x'));
    const copy = new PtyProcess(['cp', '--cluster', 'demo', file, 'billing:/tmp/data'], {
      env: sandbox().env,
    });
    await copy.until(/service in demo: billing[^]*❯ billing-worker[^]*1 match/);
    copy.write('\r');
    expect((await copy.exit()).status).toBe(0);
    expect(copy.text).toMatch(/300(\.0)? kB|293(\.0)? KiB/i);
    const back = ['exec', 'billing-worker', '--cluster', 'demo', '--', 'wc', '-c', '/tmp/data'];
    expect((await cli(back, { env: sandbox().env })).stdout).toContain('300000');
    rmSync(folder, { recursive: true });
  });

  it('does the same for `forward`', async () => {
    const forward = new PtyProcess(['forward', 'billing', '--cluster', 'demo', '-L', '0:80'], {
      env: sandbox().env,
    });
    await forward.until(/service in demo: billing[^]*❯ billing-worker[^]*1 match/);
    await forward.type('\r', /127\.0\.0\.1:\d+/);
    forward.write('\x03');
    expect((await forward.exit()).status).toBe(0);
  });
});

describe('a service that has ECS Exec disabled', () => {
  const exec = (): PtyProcess =>
    new PtyProcess(['exec', 'example-app-api', '--', 'sh', '-c', 'echo in $((40+2)); exit 7'], {
      env: sandbox().env,
    });

  it('is offered a new deployment, by default no, and then the command runs in the new task', async () => {
    await sandboxClients(sandbox().env).iam.send(
      new PutRolePolicyCommand({
        RoleName: 'example-app-ecsTaskRole',
        PolicyName: 'exec',
        PolicyDocument: JSON.stringify({
          Version: '2012-10-17',
          Statement: { Effect: 'Allow', Action: 'ssmmessages:*', Resource: '*' },
        }),
      }),
    );
    const declined = exec();
    await declined.until(/start a new deployment of example-app-api[^]*\(y\/N\)/);
    declined.write('\r');
    await declined.until(/exec is off in service example-app-api/);
    expect((await declined.exit()).status).toBe(1);
    expect(sandbox().calls.some(({ action }) => action === 'UpdateService')).toBe(false);

    const agreed = exec();
    await agreed.until(/start a new deployment of example-app-api[^]*\(y\/N\)/);
    expect(agreed.text).toMatch(/replace 1 running task/);
    agreed.write('y\r');
    await agreed.until(/in 42\n/);
    expect((await agreed.exit()).status).toBe(7);
  });
});

describe('a recorded session', () => {
  it('holds what a shell printed, without the masked value, and its hashes fit until it is changed', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'fargate-connect-recording-'));
    const file = join(folder, 'shell.cast');
    const env = { ...sandbox().env, CANARY: 'canary-4711-value' };
    const shell = new PtyProcess(
      ['exec', 'billing-worker', '--cluster', 'demo', '--record', file, '--redact-env', 'CANARY'],
      { env, columns: 90, rows: 20 },
    );
    await shell.until(/[$#] $/);
    await shell.type('echo canary-4711-""value $((40+2))\r', /canary-4711-value 42/);
    shell.write('exit\r');
    expect((await shell.exit()).status).toBe(0);
    const hash = /its hash is\s+([0-9a-f]{64})/.exec(shell.text)?.[1] ?? '';
    const text = readFileSync(file, 'utf8');
    expect(text).toContain('[redacted] 42');
    expect(text).not.toContain('canary-4711-value');
    expect(JSON.parse(text.split('\n')[0] ?? '')).toMatchObject({ version: 2, width: 90, height: 20 });
    expect(await cli(['verify-recording', file, '--hash', hash], { env })).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('is whole') as string,
    });
    writeFileSync(file, text.replace('[redacted] 42', '[redacted] 43'));
    expect((await cli(['verify-recording', file], { env })).status).toBe(1);
    const again = await cli(['exec', 'billing-worker', '--record', file, '--', 'true'], { env });
    expect(again).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('cannot be written') as string,
    });
    rmSync(folder, { recursive: true });
  });

  it.runIf(canMount())('ends the session if its file cannot be written any more, and says that', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'fargate-connect-recording-'));
    const much = 'head -c 1000000 /dev/zero | tr "\\0" x';
    const script = `mount -t tmpfs -o size=64k none "$0" && exec "$@"`;
    const exec = ['exec', 'billing-worker', '--cluster', 'demo', '--record', join(folder, 'r'), '--'];
    const full = new PtyProcess(
      [
        '-rm',
        'sh',
        '-c',
        script,
        folder,
        process.execPath,
        ENTRY,
        ...exec,
        'sh',
        '-c',
        `${much}; sleep 1000`,
      ],
      { env: sandbox().env, program: 'unshare' },
    );
    await full.until(/the\s+session\s+was\s+ended\s+because[^]*could\s+not\s+be\s+written:\s+ENOSPC/);
    expect((await full.exit()).status).toBe(1);
    rmSync(folder, { recursive: true });
  });
});

function canMount(): boolean {
  try {
    execFileSync('unshare', ['-rm', 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    reportSkip('a recording on a full disk', 'unprivileged namespaces do not work here');
    return false;
  }
}
