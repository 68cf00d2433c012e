import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/core/clock.ts';
import type {
  StandInCall,
  StandInResult,
} from '../../../../src/sandbox/machines/stand-ins/stand-in-server.ts';
import { nextCalendarTime, parseTimeSpan } from '../../../../src/sandbox/machines/stand-ins/systemd-time.ts';
import {
  parseUnitFile,
  valueOf,
  valuesOf,
} from '../../../../src/sandbox/machines/stand-ins/systemd-units.ts';
import { Systemd } from '../../../../src/sandbox/machines/stand-ins/systemd.ts';
import { until } from '../../../support/eventually.ts';

describe('time spans', () => {
  it.each<[string, number | undefined]>([
    ['60', 60_000],
    ['4h', 14_400_000],
    ['1min 30s', 90_000],
    ['1h30min', 5_400_000],
    ['500ms', 500],
    ['0.5s', 500],
    ['', undefined],
    ['soon', undefined],
    ['5 parsecs', undefined],
  ])('%j is parsed', (text, ms) => {
    expect(parseTimeSpan(text)).toBe(ms);
  });
});

describe('calendar times', () => {
  const at = (text: string): number => Date.parse(text);
  it.each<[string, string, string | undefined]>([
    ['minutely', '2026-11-21T10:15:30Z', '2026-11-21T10:16:00Z'],
    ['hourly', '2026-11-21T10:15:30Z', '2026-11-21T11:00:00Z'],
    ['daily', '2026-11-21T10:15:30Z', '2026-11-22T00:00:00Z'],
    ['*:0/5', '2026-11-21T10:15:00Z', '2026-11-21T10:20:00Z'],
    ['*-*-* 03:30:00', '2026-11-21T10:15:00Z', '2026-11-22T03:30:00Z'],
    ['*:*:0/20', '2026-11-21T10:15:25Z', '2026-11-21T10:15:40Z'],
    ['2026-11-21 18:00:00 UTC', '2026-11-21T10:15:30Z', '2026-11-21T18:00:00Z'],
    ['2026-11-21 09:00:00', '2026-11-21T10:15:30Z', undefined],
    ['Mon *-*-01', '2026-11-21T10:15:30Z', undefined],
  ])('the next time of %s after %s is correct', (expression, after, next) => {
    expect(nextCalendarTime(expression, at(after))).toBe(next === undefined ? undefined : at(next));
  });
});

it('unit files may have comments, continued lines and resets', () => {
  const unit = parseUnitFile(
    '# a comment\n[Service]\nExecStart=/bin/a\nExecStart=\nExecStart=/bin/b \\\n  --flag\nRestart=no\nRestart=always\n',
  );
  expect(valuesOf(unit, 'Service', 'ExecStart')).toEqual(['/bin/b    --flag']);
  expect(valueOf(unit, 'Service', 'Restart')).toBe('always');
  expect(valueOf(unit, 'Timer', 'Unit')).toBeUndefined();
});

describe('units', () => {
  let root: string;
  let systemd: Systemd;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'fargate-connect-systemd-'));
    for (const directory of ['etc/systemd/system', 'var/log'])
      mkdirSync(join(root, directory), { recursive: true });
    systemd = new Systemd({
      root,
      clock: systemClock,
      timeScale: 1000,
      imageUnits: ['amazon-ssm-agent.service'],
      environment: () => ({ PATH: '/usr/bin:/bin', ROOT: root }),
      resolveProgram: (path) => path,
    });
  });
  afterEach(() => {
    systemd.close();
    rmSync(root, { recursive: true, force: true });
  });

  const call = (...args: string[]): StandInCall => ({
    program: 'systemctl',
    args,
    cwd: '/',
    terminal: false,
    columns: 80,
    rows: 24,
    io: {
      stdout: () => undefined,
      stderr: () => undefined,
      takeInput: () => undefined,
      signal: new AbortController().signal,
    },
  });
  const systemctl = (...args: string[]): StandInResult => systemd.systemctl(call(...args));
  const unit = (name: string, text: string): void =>
    writeFileSync(join(root, 'etc/systemd/system', name), text);
  const textOf = (name: string): string => {
    try {
      return readFileSync(join(root, name), 'utf8');
    } catch {
      return '';
    }
  };
  const lines = (name: string): number => textOf(name).split('\n').length - 1;

  it('of the image are started and queried', () => {
    expect(systemctl('is-active', 'amazon-ssm-agent')).toEqual({ code: 3, stdout: 'inactive\n' });
    expect(systemctl('enable', '--now', 'amazon-ssm-agent')).toMatchObject({ code: 0 });
    expect(systemctl('is-active', 'amazon-ssm-agent')).toEqual({ code: 0, stdout: 'active\n' });
    expect(systemctl('start', 'nosuch')).toEqual({
      code: 5,
      stderr: 'Failed to start nosuch.service: Unit nosuch.service not found.\n',
    });
  });

  it('timers run repeatedly, counted from the last start', async () => {
    unit('tick.service', "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo tick >> $ROOT/ticks'\n");
    unit('tick.timer', '[Timer]\nOnBootSec=20\nOnUnitActiveSec=20\n');
    systemctl('enable', '--now', 'tick.timer');
    await until(() => lines('ticks') >= 4);
    systemctl('stop', 'tick.timer');
    expect(systemctl('is-active', 'tick.timer')).toMatchObject({ code: 3 });
  });

  it('services with Restart=always are restarted', async () => {
    unit(
      'again.service',
      "[Service]\nExecStart=/bin/sh -c 'echo up >> $ROOT/ups'\nRestart=always\nRestartSec=5\n",
    );
    systemctl('start', 'again');
    await until(() => lines('ups') >= 3);
    systemctl('stop', 'again');
    const after = lines('ups');
    await new Promise((resolve) => setImmediate(resolve));
    expect(lines('ups') - after).toBeLessThanOrEqual(1);
  });

  it('commands of a oneshot unit run in order up to the first failure', async () => {
    unit(
      'steps.service',
      "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo 1 >> $ROOT/steps'\nExecStart=/bin/false\nExecStart=/bin/sh -c 'echo 3 >> $ROOT/steps'\n",
    );
    systemctl('start', 'steps');
    await until(() => textOf('var/log/journal.log').includes('steps.service: Failed.'));
    expect(lines('steps')).toBe(1);
  });

  it('systemd-run creates a transient timer', async () => {
    const result = systemd.systemdRun(
      call('--on-active=10', '--unit=fc-ttl', '/bin/sh', '-c', `echo "it's over" >> ${root}/ttl`),
    );
    expect(result).toEqual({ code: 0, stderr: 'Running timer as unit: fc-ttl.timer\n' });
    expect(systemd.isActive('fc-ttl.timer')).toBe(true);
    await until(() => lines('ttl') === 1);
    expect(readFileSync(join(root, 'ttl'), 'utf8')).toBe("it's over\n");
  });
});
