import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PutRolePolicyCommand } from '@aws-sdk/client-iam';
import { describe, expect, it } from 'vitest';
import { cli, PtyProcess } from '../support/cli-process.ts';
import { sandboxClients } from '../support/sandbox-clients.ts';
import { testSandbox } from '../support/test-sandbox.ts';

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
    const hash = /its hash is ([0-9a-f]{64})/.exec(shell.text)?.[1] ?? '';
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
});
