import { describe, expect, it } from 'vitest';
import type { ToolEvent } from '../../src/core/events.ts';
import { createReporter, type ReporterOptions } from '../../src/ui/create-reporter.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { fakeTerminal } from '../support/fake-terminal.ts';
import { screenAfter } from '../support/screen.ts';

function reporter(
  over: Partial<ReporterOptions> & { readonly tty?: boolean; readonly columns?: number } = {},
) {
  const clock = new FakeClock(Date.UTC(2026, 0, 1));
  const terminal = fakeTerminal({ stderr: over.tty ?? false, columns: over.columns ?? 60 });
  const made = createReporter({
    terminal,
    clock,
    output: 'table',
    quiet: false,
    debug: false,
    color: false,
    ...over,
  });
  return {
    ...made,
    report: made.report,
    suspend: () => made.suspend(),
    close: () => made.close(),
    clock,
    terminal,
  };
}

const EVENTS: readonly ToolEvent[] = [
  { type: 'step-started', step: 'role', title: 'create role', next: 'launch instance' },
  { type: 'step-progress', step: 'role', detail: 'attempt 2' },
  { type: 'step-done', step: 'role', title: 'role created', detail: 'fc-demo' },
  { type: 'step-failed', step: 'launch', title: 'launch instance', detail: 'no capacity' },
  { type: 'note', level: 'info', code: 'adopted', message: 'adopting what exists' },
  { type: 'note', level: 'warning', code: 'spot-reclaimed', message: 'the instance goes in 2 minutes' },
  {
    type: 'forward-ready',
    local: { host: '127.0.0.1', port: 5432 },
    remote: { host: 'db.internal', port: 5432 },
    via: 'bastion',
    target: 'i-0123',
  },
  { type: 'forward-connection', localPort: 5432, open: 1 },
  { type: 'session-state', state: 'interrupted', reason: 'socket closed' },
];

describe('the reporter without a terminal', () => {
  it('prints one line per important event, without escape sequences', () => {
    const { report, terminal } = reporter();
    for (const event of EVENTS) report(event);
    expect(terminal.stderr.text).toBe(
      [
        '✓ role created: fc-demo (0ms)',
        '✗ launch instance: no capacity',
        'adopting what exists',
        'warning: the instance goes in 2 minutes',
        'listening on 127.0.0.1:5432 → db.internal:5432 via bastion i-0123',
        'session interrupted: socket closed',
        '',
      ].join('\n'),
    );
    expect(terminal.stdout.text).toBe('');
  });

  it('names a task by the start of its id', () => {
    const { report, terminal } = reporter();
    const id = '3c4d5e6f708192a3b4c5d6e7f8091a2b';
    const route = { via: 'task', target: `ecs:my_demo_${id}_${id}-2531612879` } as const;
    const ends = { local: { host: '127.0.0.1', port: 8080 }, remote: { host: 'localhost', port: 80 } };
    report({ type: 'forward-ready', ...ends, ...route });
    expect(terminal.stderr.text).toBe('listening on 127.0.0.1:8080 → localhost:80 via task 3c4d5e6f\n');
  });

  it('writes IPv6 addresses in brackets', () => {
    const { report, terminal } = reporter();
    const ends = { local: { host: '::1', port: 5432 }, remote: { host: 'fd00::5', port: 5432 } };
    report({ type: 'forward-ready', ...ends, via: 'bastion', target: 'i-0123' });
    expect(terminal.stderr.text).toBe('listening on [::1]:5432 → [fd00::5]:5432 via bastion i-0123\n');
  });

  it('prints a line at intervals during a long step, and none after its end', async () => {
    const { report, terminal, clock } = reporter();
    report({ type: 'step-started', step: 'boot', title: 'wait for the agent' });
    await clock.advance(9_999);
    expect(terminal.stderr.text).toBe('');
    report({ type: 'step-progress', step: 'boot', detail: 'installing' });
    await clock.advance(61_000);
    expect(terminal.stderr.text).toBe(
      '… wait for the agent (10.0s, installing)\n… wait for the agent (1m10s, installing)\n',
    );
    report({ type: 'step-done', step: 'boot', title: 'agent online' });
    expect(clock.pendingTimers).toBe(0);
    expect(terminal.stderr.text).toMatch(/✓ agent online \(1m11s\)\n$/);
  });

  it('leaves no timer when it is closed in the middle of a step', () => {
    const { report, close, clock } = reporter();
    report({ type: 'step-started', step: 'boot', title: 'boot' });
    close();
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('the reporter with --quiet', () => {
  it('prints only warnings and errors', () => {
    const { report, terminal } = reporter({ quiet: true, tty: true });
    for (const event of EVENTS) report(event);
    expect(terminal.stderr.text).toBe(
      '✗ launch instance: no capacity\nwarning: the instance goes in 2 minutes\nsession interrupted: socket closed\n',
    );
  });
});

describe('the reporter with --json', () => {
  it('prints one JSON object per line on stderr, and the ready event of a forward on stdout', () => {
    const { report, terminal } = reporter({ output: 'json', tty: true });
    for (const event of EVENTS) report(event);
    const lines = terminal.stderr.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(lines).toHaveLength(EVENTS.length - 1);
    expect(lines[0]).toEqual({
      time: '2026-01-01T00:00:00.000Z',
      type: 'step-started',
      step: 'role',
      title: 'create role',
      next: 'launch instance',
    });
    expect(JSON.parse(terminal.stdout.text)).toEqual(EVENTS[6]);
  });
});

describe('the reporter on a terminal', () => {
  it('shows running steps with their time and the next step, below the finished ones', async () => {
    const { report, terminal, clock } = reporter({ tty: true });
    report({ type: 'step-started', step: 'role', title: 'create role', next: 'launch instance' });
    await clock.advance(4200);
    expect(screenAfter(terminal.stderr.text)).toEqual(['⠹ create role 4.2s', '  next: launch instance']);
    report({ type: 'step-progress', step: 'role', detail: 'settling' });
    report({ type: 'note', level: 'info', code: 'x', message: 'a note in between' });
    expect(screenAfter(terminal.stderr.text)).toEqual([
      'a note in between',
      '⠹ create role: settling 4.2s',
      '  next: launch instance',
    ]);
    report({ type: 'step-done', step: 'role', title: 'role created' });
    expect(screenAfter(terminal.stderr.text)).toEqual(['a note in between', '✓ role created (4.2s)']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('truncates live lines to the width of the terminal', async () => {
    const { report, terminal, clock } = reporter({ tty: true, columns: 24 });
    report({ type: 'step-started', step: 'a', title: 'a very long title that cannot fit' });
    await clock.advance(5000);
    for (const line of screenAfter(terminal.stderr.text)) expect(line.length).toBeLessThan(24);
  });

  it('hides the cursor only while a step is running', () => {
    const { report, terminal, close } = reporter({ tty: true });
    report({ type: 'step-started', step: 'a', title: 'one' });
    expect(terminal.stderr.text).toContain('\u001b[?25l');
    close();
    expect(terminal.stderr.text.lastIndexOf('\u001b[?25h')).toBeGreaterThan(
      terminal.stderr.text.lastIndexOf('\u001b[?25l'),
    );
    expect(screenAfter(terminal.stderr.text)).toEqual([]);
  });

  it('prints nothing while it is suspended, even if it was suspended twice', async () => {
    const { report, suspend, terminal, clock } = reporter({ tty: true });
    report({ type: 'step-started', step: 'a', title: 'one' });
    const resumeFirst = suspend();
    const resumeSecond = suspend();
    expect(screenAfter(terminal.stderr.text)).toEqual([]);
    const before = terminal.stderr.text;
    await clock.advance(1000);
    resumeFirst();
    resumeFirst();
    expect(terminal.stderr.text).toBe(before);
    resumeSecond();
    expect(screenAfter(terminal.stderr.text)).toEqual(['⠋ one 1.0s']);
  });
});

describe('events that repeat', () => {
  const refused: ToolEvent = { type: 'note', level: 'warning', code: 'remote-refused', message: 'refused' };
  const state = (name: 'interrupted' | 'resumed', reason: string): ToolEvent => ({
    type: 'session-state',
    state: name,
    reason,
  });

  it('are reported once, counted, and reported with their number each ten seconds', async () => {
    const { report, terminal, clock } = reporter();
    for (let i = 0; i < 5_000; i++) report(refused);
    expect(terminal.stderr.text).toBe('warning: refused\n');
    await clock.advance(10_000);
    for (let i = 0; i < 3; i++) report(refused);
    await clock.advance(10_000);
    expect(terminal.stderr.text.split('\n').slice(1)).toEqual([
      'warning: refused (4999 times more within 10s)',
      'warning: refused (3 times more within 10s)',
      '',
    ]);
    await clock.advance(20_000);
    report(refused);
    expect(terminal.stderr.text.split('\n').slice(3)).toEqual(['warning: refused', '']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('end with the state in which they are', async () => {
    const { report, terminal, clock } = reporter();
    for (let i = 0; i < 1_000; i++) {
      report(state('interrupted', 'cut'));
      report(state('resumed', 'back'));
    }
    expect(terminal.stderr.text.split('\n')).toHaveLength(7);
    await clock.advance(10_000);
    expect(terminal.stderr.text.split('\n').slice(6)).toEqual([
      'session interrupted: cut (997 times more within 10s)',
      'session resumed: back (997 times more within 10s)',
      '',
    ]);
  });

  it('count as the same although a text from outside makes them differ', () => {
    const { report, terminal } = reporter();
    for (let i = 0; i < 1_000; i++) report(state('interrupted', `closed: ${i}`));
    expect(terminal.stderr.text.split('\n').length).toBeLessThan(40);
  });

  it('are counted at the end of the run', () => {
    const { report, terminal, close } = reporter({ output: 'json' });
    for (let i = 0; i < 3; i++) report(refused);
    close();
    expect(
      terminal.stderr.text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as object),
    ).toMatchObject([
      { code: 'remote-refused' },
      { code: 'remote-refused', repeats: { count: 2, withinMs: 10_000 } },
    ]);
  });
});

describe('the number of open connections', () => {
  const open = (count: number, localPort = 5432): ToolEvent => ({
    type: 'forward-connection',
    localPort,
    open: count,
  });
  const shown = (text: string): readonly object[] =>
    text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as object);

  it('is reported at once, then once a second with the number of changes, and ends with the present one', async () => {
    const { report, terminal, clock, close } = reporter({ output: 'json' });
    for (let i = 0; i < 5_000; i++) {
      report(open(1));
      report(open(0));
    }
    expect(shown(terminal.stderr.text)).toMatchObject([{ localPort: 5432, open: 1 }]);
    report(open(7, 6379));
    await clock.advance(1_000);
    report(open(1));
    report(open(2));
    close();
    expect(shown(terminal.stderr.text)).toMatchObject([
      { localPort: 5432, open: 1 },
      { localPort: 6379, open: 7 },
      { localPort: 5432, open: 0, repeats: { count: 9_999, withinMs: 1_000 } },
      { localPort: 5432, open: 2, repeats: { count: 2, withinMs: 1_000 } },
    ]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('is reported at once where changes are rare', async () => {
    const { report, terminal, clock } = reporter({ output: 'json' });
    for (const count of [1, 0, 1]) {
      report(open(count));
      await clock.advance(1_000);
    }
    expect(shown(terminal.stderr.text).map((event) => ({ ...event, time: undefined }))).toEqual([
      { ...open(1), time: undefined },
      { ...open(0), time: undefined },
      { ...open(1), time: undefined },
    ]);
  });
});
