import { describe, expect, it } from 'vitest';
import { cli, PtyProcess } from '../support/cli-process.ts';
import { testSandbox } from '../support/test-sandbox.ts';

const sandbox = testSandbox();
const DOWN = '\x1b[B';

describe('the picker, driven by keystrokes', () => {
  it('goes cluster → service → task → container → shell, with a filter on each list', async () => {
    const picker = new PtyProcess([], { env: sandbox().env });
    await picker.until(/cluster/i);
    await picker.until(/cruddur/);
    await picker.type('demo', /demo/);
    await picker.type('\r', /service/i);
    await picker.until(/billing-worker/);
    await picker.type('orders', /orders-api/);
    await picker.type('\r', /task/i);
    await picker.until(/healthy/i);
    await picker.type('\r', /container/i);
    await picker.until(/envoy/);
    await picker.type('app', /app/);
    await picker.type('\r', /shell/i);
    await picker.type('\r', /[$#] $/);
    await picker.type('echo picked $((40+2))\r', /picked 42\n/);
    picker.write('exit\r');
    expect((await picker.exit()).status).toBe(0);
  });

  it('picks single choices by itself and goes back on Escape', async () => {
    const picker = new PtyProcess(['connect', '--cluster', 'demo'], { env: sandbox().env });
    await picker.until(/service/i);
    await picker.until(/billing-worker/);
    await picker.type('billing\r', /action|shell/i);
    const before = picker.text.length;
    picker.write('\x1b');
    await picker.until(/service/i, before);
    picker.write('\x03');
    expect((await picker.exit()).status).toBe(130);
  });

  it('filters to nothing, and back', async () => {
    const picker = new PtyProcess(['connect'], { env: sandbox().env });
    await picker.until(/cruddur/);
    await picker.type('zzz', /zzz/);
    await picker.type('\x7f\x7f\x7f', /cruddur/);
    await picker.type(DOWN, /./);
    picker.write('\x03');
    expect((await picker.exit()).status).toBe(130);
  });
});

describe('without a terminal', () => {
  it('names the missing flag and the candidates, and exits 2', async () => {
    const result = await cli(['connect'], { env: sandbox().env });
    expect(result.status).toBe(2);
    expect(result.stderr).toMatch(/--cluster/);
    expect(result.stderr).toMatch(/cruddur/);
    expect(result.stdout).toBe('');
  });
});
