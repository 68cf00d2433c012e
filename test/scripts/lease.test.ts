import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { ScriptBox, USERDATA } from './scripts.ts';

const NOW = 1_900_000_000;

describe('lease.sh', () => {
  let box: ScriptBox;
  beforeEach(() => {
    box = new ScriptBox();
    box.stub('wall', 'cat >/dev/null; exit 0');
    box.stub('shutdown');
    box.stub('systemctl');
    box.stub('curl', 'exit 7');
    box.stub('pgrep', 'exit 1');
    box.stub('date', `if [[ $1 == +%s ]]; then echo ${NOW}; else exec /usr/bin/date "$@"; fi`);
    box.write('dev/console', '');
  });
  afterEach(() => box.remove());

  const tick = (expiresAt: number, idleMinutes: number): ReturnType<ScriptBox['run']> => {
    box.write(
      'etc/fargate-connect/lease.conf',
      `FC_BASTION=orders\nFC_EXPIRES_AT=${expiresAt}\nFC_IDLE_MINUTES=${idleMinutes}\n`,
    );
    return box.run(join(USERDATA, 'lease.sh'));
  };
  const idle = (): string => box.read('run/fargate-connect/idle-minutes').trim();
  const down = (): boolean => box.calls.includes('shutdown -h now');

  it('counts idle minutes, and does not stop the machine early', async () => {
    await tick(NOW + 3_600, 30);
    const second = await tick(NOW + 3_600, 30);
    expect(second.code).toBe(0);
    expect(idle()).toBe('2');
    expect(down()).toBe(false);
  });

  it('stops the machine at the end of its lease, with or without a session', async () => {
    box.stub('pgrep', 'exit 0');
    await tick(NOW, 30);
    expect(down()).toBe(true);
    expect(box.read('dev/console')).toContain('fargate-connect: ending: its lease is over');
  });

  it('stops the machine after the idle time', async () => {
    box.write('run/fargate-connect/idle-minutes', '29\n');
    await tick(NOW + 3_600, 30);
    expect(down()).toBe(true);
    expect(box.read('dev/console')).toContain('no session for 30 minutes');
  });

  it('restarts the count when a session is open', async () => {
    box.write('run/fargate-connect/idle-minutes', '29\n');
    box.stub('pgrep', 'exit 0');
    await tick(NOW + 3_600, 30);
    expect(idle()).toBe('0');
    expect(down()).toBe(false);
  });

  it('never stops an idle machine if the idle time is off', async () => {
    box.write('run/fargate-connect/idle-minutes', '5000\n');
    await tick(NOW + 3_600, 0);
    expect(down()).toBe(false);
  });

  it('starts at zero if its counter file contains no number', async () => {
    box.write('run/fargate-connect/idle-minutes', 'x; reboot\n');
    const outcome = await tick(NOW + 3_600, 30);
    expect(outcome.code).toBe(0);
    expect(idle()).toBe('1');
  });

  it('warns in the last five minutes', async () => {
    await tick(NOW + 240, 30);
    const [, said] = box.calls.find((call) => call.startsWith('wall '))?.split('this bastion ') ?? [];
    expect(said).toBe('ends in 4 min; extend it with: fargate-connect up --name orders --ttl 1h');
    expect(down()).toBe(false);
  });

  const tagged = (iso: string): void =>
    box.stub(
      'curl',
      `case "$*" in *api/token*) echo TOKEN ;; *expires-at*) echo '${iso}' ;; *) exit 22 ;; esac`,
    );

  it('follows the tag of the instance when up has extended the lease', async () => {
    tagged('2030-03-17T18:46:40.000Z');
    await tick(NOW - 1, 30);
    expect(down()).toBe(false);
  });

  it('follows a tag whose time has passed', async () => {
    tagged('2030-03-17T17:00:00.000Z');
    await tick(NOW + 3_600, 30);
    expect(down()).toBe(true);
  });

  it('ignores a tag that is not a time', async () => {
    tagged('2099; touch pwned');
    await tick(NOW, 30);
    expect(down()).toBe(true);
    expect(box.read('pwned')).toBe('');
  });

  it('restarts an agent that was denied at its first start', async () => {
    box.write('var/log/amazon/ssm/errors.log', '2026 ERROR AccessDeniedException: not authorized\n');
    await tick(NOW + 3_600, 30);
    expect(box.calls).toContain('systemctl restart amazon-ssm-agent.service');
  });
});

describe('interruption.sh', () => {
  let box: ScriptBox;
  beforeEach(() => {
    box = new ScriptBox();
    box.write('dev/console', '');
    box.stub('wall', 'cat >/dev/null; exit 0');
    // The test does not wait for a notice that does not come.
    box.stub('sleep', `(($(grep -c '^sleep' "${box.root}/calls") < 20))`);
  });
  afterEach(() => box.remove());

  const NOTICE = '{"action":"terminate","time":"2030-03-17T18:00:00Z"}';
  const watch = (): ReturnType<ScriptBox['run']> =>
    box.run(join(USERDATA, 'interruption.sh'), [], { FC_AFTER_NOTICE: '0' });
  /** `refuses`: bash code that is true where the metadata service answers 404 or 401, for which curl exits with 22. */
  const metadata = (refuses: string): void =>
    box.stub(
      'curl',
      `tokens=$(grep -c api/token "${box.root}/calls")
       polls=$(grep -c instance-action "${box.root}/calls")
       case "$*" in *api/token*) echo "TOKEN-$tokens"; exit 0 ;; esac
       if ${refuses}; then exit 22; fi
       echo '${NOTICE}'`,
    );

  it('writes the interruption notice to the console, and nothing before the notice', async () => {
    metadata('((polls <= 3))');
    expect((await watch()).code).toBe(0);
    expect(box.read('dev/console')).toBe(`fargate-connect: interrupted ${NOTICE}\r\n`);
    expect(box.calls.filter((call) => call.startsWith('wall'))).toHaveLength(1);
    expect(box.calls.filter((call) => call === 'sleep 5')).toHaveLength(3);
  });

  it('uses a new metadata token, because the first one expires after hours', async () => {
    metadata('((polls <= 3)) || [[ $* == *TOKEN-1* ]]');
    expect((await watch()).code).toBe(0);
    expect(box.read('dev/console')).toContain(NOTICE);
  });

  it('keeps asking while the metadata service does not answer', async () => {
    metadata('((polls <= 3)) && exit 7');
    expect((await watch()).code).toBe(0);
    expect(box.read('dev/console')).toContain(NOTICE);
  });
});
