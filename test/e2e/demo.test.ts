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

  it('on a terminal runs each step at one key, and accepts what is typed instead', async () => {
    const tour = new PtyProcess(['demo'], { columns: 80, rows: 24 });
    await tour.until(/\$ \(fargate-connect up /);
    await tour.type('ls servces --cluster demo\r', /unknown|is invalid|did you mean/i);
    await tour.until(/\$ \(fargate-connect up [^$]*$/);
    await tour.type('\r', /\(Y\/[\s\S]*n\)/);
    await tour.type('y\r', /2\. `exec`[\s\S]*\$ \(fargate-connect exec /);
    await tour.type('\r', /app:# $/);
    await tour.type('echo "my $((6*7))"\r', /my 42/);
    await tour.type('exit\r', /3\. With[\s\S]*printenv/);
    await tour.type('\r', /postgresql:\/\/orders[\s\S]*4\. `forward`[\s\S]*\$ \(/);
    await tour.type('\r', /sql> \(SELECT/);
    await tour.type('\r', /shipped\s+180[\s\S]*sql> \(\\q\)/);
    await tour.type('select 40 + 2 as answer\r', /answer\s+42/i);
    await tour.type('selec\r', /error: syntax error/);
    await tour.type('\r', /5\. `down`[\s\S]*\$ \(/);
    await tour.type('fargate-connect down --yes\r', /0 resources left/);
    await tour.until(/fargate-connect sandbox /);
    expect((await tour.exit()).status).toBe(0);
  });

  it.each([
    ['Ctrl-C', '\u0003'],
    ['no', 'no\r'],
  ])('ends at its first question on %s, and shows the cursor again', async (_, keys) => {
    const tour = new PtyProcess(['demo'], { columns: 80, rows: 24 });
    await tour.until(/\$ \(fargate-connect up /);
    tour.write(keys);
    expect((await tour.exit()).status).toBe(130);
    expect(tour.text).toContain('the demo ended, and its account with it');
    expect(tour.raw.lastIndexOf('\u001b[?25h')).toBeGreaterThan(tour.raw.lastIndexOf('\u001b[?25l'));
  });
});
