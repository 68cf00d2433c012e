import { describe, expect, it } from 'vitest';
import { cli, CliProcess, PtyProcess } from '../support/cli-process.ts';
import { testSandbox } from '../support/test-sandbox.ts';

const sandbox = testSandbox();

describe('up and down', () => {
  it('leave the account exactly as it was', async () => {
    const env = sandbox().env;
    const before = sandbox().snapshot();
    const up = await cli(['up', '--cluster', 'demo', '--yes'], { env });
    expect(up).toMatchObject({ status: 0 });
    expect(sandbox().snapshot()).not.toBe(before);
    const status = await cli(['status', '--json'], { env });
    expect(JSON.parse(status.stdout)).toMatchObject({ bastions: [{ name: 'default', state: 'running' }] });
    const shell = new PtyProcess(['shell'], { env });
    await shell.until(/[$#] $/);
    await shell.type('command -v ecs_connect.sh\r', /ecs_connect\.sh\n/);
    shell.write('exit\r');
    expect((await shell.exit()).status).toBe(0);
    const down = await cli(['down', '--yes'], { env });
    expect(down).toMatchObject({ status: 0 });
    expect(sandbox().snapshot()).toBe(before);
    const again = await cli(['down', '--yes'], { env });
    expect(again.status).toBe(0);
  });

  it('--dry-run makes no API call that writes', async () => {
    const calls = sandbox().calls.length;
    const dry = await cli(['up', '--cluster', 'demo', '--dry-run'], { env: sandbox().env });
    expect(dry.status).toBe(0);
    const made = sandbox()
      .calls.slice(calls)
      .map((call) => call.action);
    expect(made.length).toBeGreaterThan(0);
    expect(made.filter((action) => !/^(Describe|Get|List)/.test(action))).toEqual([]);
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)(
    '%s in the middle of up leaves only resources that down removes completely',
    async (signal) => {
      const env = sandbox().env;
      const before = sandbox().snapshot();
      const up = new CliProcess(['up', '--cluster', 'demo', '--yes'], { env });
      await up.until('stderr', /create launch template/);
      up.kill(signal);
      const ended = await up.finished;
      expect(signal === 'SIGKILL' ? ended.signal : ended.status).toBe(signal === 'SIGKILL' ? 'SIGKILL' : 130);
      const down = await cli(['down', '--yes'], { env });
      expect(down.status).toBe(0);
      expect(sandbox().snapshot()).toBe(before);
    },
  );
});
