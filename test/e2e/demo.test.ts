import { describe, expect, it } from 'vitest';
import { cli, PtyProcess } from '../support/cli-process.ts';

describe('demo', () => {
  it('without a terminal runs the main workflow and leaves nothing, in less than 20 seconds on an idle machine', async () => {
    const { status, stdout, stderr } = await cli(['demo']);
    expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^orders-api\s+demo\s+ACTIVE/m);
    expect(stdout).toMatch(/^postgresql:\/\/orders:/m);
    expect(stdout).toMatch(/^shipped\s+180$/m);
    expect(stdout).toMatch(/^0 resources left: the account is as it was before/m);
    for (const command of ['up', 'ls', 'exec', 'forward', 'down'])
      expect(stderr).toContain(`\n$ fargate-connect ${command} `);
    expect(stderr).not.toContain('Warning');
  });

  it('with --json ends with one JSON line about the resources that are left', async () => {
    const { status, stdout } = await cli(['demo', '--json']);
    expect(status).toBe(0);
    expect(JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')).toEqual({
      resourcesLeft: 0,
      differences: [],
    });
  });

  it('on a terminal lets the user agree, pick and type', async () => {
    const tour = new PtyProcess(['demo'], { columns: 110, rows: 40 });
    await tour.until(/\(y\/N\)/i);
    await tour.type('y\r', /service in demo[\s\S]*orders-api/);
    await tour.type('orders\r', /task of orders-api/);
    await tour.type('\r', /container/);
    await tour.type('app\r', /shell/);
    await tour.type('\r', /app:# $/);
    await tour.type('echo "my $((6*7))"\r', /my 42/);
    await tour.type('exit\r', /4\. `forward`/);
    await tour.until(/shipped\s+180/);
    await tour.until(/0 resources left/);
    expect((await tour.exit()).status).toBe(0);
  });

  it('ends on Ctrl-C and shows the cursor again', async () => {
    const tour = new PtyProcess(['demo']);
    await tour.until(/\(y\/N\)/i);
    tour.write('\u0003');
    expect((await tour.exit()).status).toBe(130);
    expect(tour.raw.lastIndexOf('\u001b[?25h')).toBeGreaterThan(tour.raw.lastIndexOf('\u001b[?25l'));
  });
});
