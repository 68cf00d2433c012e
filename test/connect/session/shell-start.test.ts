import { expect, test } from 'vitest';

import { runShellSession } from '../../../src/connect/session/shell-session.ts';
import { FakeSignals } from '../../support/fake-deps.ts';
import { FakeGateway, SESSION } from '../../support/fake-gateway.ts';
import { ALL_TTY, fakeTerminal } from '../../support/fake-terminal.ts';

/** Tests the time between Enter and the first prompt. */

function start() {
  const gateway = new FakeGateway();
  const terminal = fakeTerminal(ALL_TTY);
  const done = runShellSession({
    session: SESSION,
    target: 'ecs:demo_t_r',
    deps: gateway.deps(),
    terminal,
    signals: new FakeSignals(),
    signal: new AbortController().signal,
    report: gateway.deps().report,
  });
  done.catch(() => undefined);
  return { gateway, terminal, done };
}

test('the terminal is in raw mode before the session is open, and what is typed meanwhile is sent', async () => {
  const { gateway, terminal, done } = start();
  expect(terminal.rawDepth()).toBe(1);
  terminal.stdin.write('ls\r');
  await gateway.clock.advance(1_000);
  expect(gateway.input).toBe('');
  gateway.say('$ ');
  await gateway.clock.advance(10);
  expect(gateway.input).toBe('ls\r');
  gateway.closeChannel();
  expect(await done).toBe(0);
  expect(terminal.rawDepth()).toBe(0);
});

test('Ctrl-C ends the wait for the session', async () => {
  const { gateway, terminal, done } = start();
  await gateway.clock.advance(100);
  terminal.stdin.write('\x03');
  await expect(gateway.clock.run(done)).rejects.toMatchObject({ role: 'interrupted' });
  expect(terminal.rawDepth()).toBe(0);
  expect(gateway.terminated).toEqual([SESSION.sessionId]);
});

test('~. ends the wait', async () => {
  const { gateway, terminal, done } = start();
  await gateway.clock.advance(100);
  terminal.stdin.write('~.');
  expect(await gateway.clock.run(done)).toBe(0);
  expect(gateway.terminated).toEqual([SESSION.sessionId]);
});
