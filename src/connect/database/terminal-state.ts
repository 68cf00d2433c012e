import { execa } from 'execa';
import { type Clock, withDeadline } from '../../core/clock.ts';

const STTY_DEADLINE_MS = 2_000;

/**
 * Restores the terminal's settings after `work`, because a client that was killed while it read a password or a line
 * leaves echo off. Systems without `stty` have no such settings.
 */
export async function withTerminalKept<T>(work: () => Promise<T>, clock: Clock): Promise<T> {
  const stty = async (...args: readonly string[]): Promise<string> => {
    const { stdout } = await withDeadline(
      clock,
      STTY_DEADLINE_MS,
      execa('stty', args, { stdin: 'inherit', stdout: 'pipe', stderr: 'ignore' }),
      () => new Error('stty does not answer'),
    );
    return stdout;
  };
  const before = await stty('-g').catch(() => undefined);
  try {
    return await work();
  } finally {
    if (before !== undefined && /^[\w:=]+$/.test(before)) await stty(before).catch(() => undefined);
  }
}
