import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import type { RemoteSetup } from '../../../src/connect/session/exec-script.ts';
import {
  type Helper,
  type Image,
  makeImage,
  programPath,
  remoteExec,
  type RemoteResult,
  type Shell,
  SHELLS,
} from '../../support/remote-exec.ts';

/**
 * Each shell, each missing tool and each guarantee: the wrapper of `exec -- CMD` on a real pty, in images that lack
 * tools that it uses.
 */

const FULL: RemoteSetup = { output: 'raw', input: 'counted', errors: 'base64', pipes: true };

interface Lack {
  readonly missing: readonly Helper[];
  /** The fields in which the setup that the begin marker reports differs from `FULL`. */
  readonly costs: Partial<RemoteSetup>;
}

const LACKS: readonly Lack[] = [
  { missing: [], costs: {} },
  { missing: ['base64'], costs: { errors: 'hex' } },
  { missing: ['base64', 'od'], costs: { errors: 'merged' } },
  { missing: ['dd'], costs: { input: 'text', errors: 'merged' } },
  { missing: ['cat'], costs: {} },
  { missing: ['stty'], costs: { output: 'tty', input: 'none' } },
  { missing: ['cat', 'dd'], costs: { input: 'none', errors: 'merged', pipes: false } },
  {
    missing: ['stty', 'cat', 'dd', 'base64', 'od'],
    costs: { output: 'tty', input: 'none', errors: 'merged', pipes: false },
  },
];

/** Runs `line` in a shell that finds every program, even those that the image lacks. */
const inShell = (line: string, ...args: readonly string[]): readonly string[] => [
  '/usr/bin/env',
  `PATH=/usr/bin:/bin`,
  'sh',
  '-c',
  line,
  'sh',
  ...args,
];
const ALL_BYTES = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
const PRINT_ALL_BYTES = 'i=0; while [ $i -lt 256 ]; do printf "\\\\$(printf %03o $i)"; i=$((i+1)); done';

const isInstalled = (shell: Shell): boolean => {
  if (programPath(shell) !== undefined) return true;
  process.stderr.write(`exec-matrix: ${shell} is not installed, its column is skipped\n`);
  return false;
};

describe.each(SHELLS.filter(isInstalled))('in an image whose only shell is %s', (shell) => {
  describe.each(LACKS)('without $missing', ({ missing, costs }) => {
    const setup = { ...FULL, ...costs };
    let image: Image;
    beforeEach(() => {
      image = makeImage(shell, missing);
    });
    afterEach(() => image.remove());

    test('the status of a command arrives, and what the image lacks is reported', async () => {
      expect(await remoteExec(image, inShell('exit 42'))).toMatchObject({ status: 42, setup });
      expect(await remoteExec(image, ['/bin/true'])).toMatchObject({ status: 0 });
      expect(await remoteExec(image, ['/no/such/program'])).toMatchObject({ status: 127 });
      expect(await remoteExec(image, ['/proc/version'])).toMatchObject({ status: 126 });
      expect(await remoteExec(image, inShell('kill -9 $$'))).toMatchObject({
        status: 137,
        ...(setup.pipes ? { stderr: Buffer.alloc(0) } : {}),
      });
      // A builtin of the wrapper's shell cannot run as a program, and must not end the wrapper.
      const { status } = await remoteExec(image, ['exit', '3']);
      expect([3, 127]).toContain(status);
    });

    test('every byte of both output streams arrives unchanged, and on separate streams where possible', async () => {
      const result = await remoteExec(image, inShell(`{ ${PRINT_ALL_BYTES}; } >&2; ${PRINT_ALL_BYTES}`));
      if (setup.errors === 'merged') {
        expect(result.stdout).toEqual(Buffer.concat([ALL_BYTES, ALL_BYTES]));
      } else {
        expect(result.stderr).toEqual(ALL_BYTES);
        expect(result.stdout).toEqual(ALL_BYTES);
      }
    });

    test('the command sees pipes and not a terminal', async () => {
      const { stdout } = await remoteExec(
        image,
        inShell(
          'for i in 0 1 2; do if [ -t $i ]; then echo terminal; elif [ -p /dev/fd/$i ]; then echo pipe; else echo other; fi; done',
        ),
      );
      const words = stdout.toString().trim().split('\n');
      expect(words).toEqual(setup.pipes ? ['pipe', 'pipe', 'pipe'] : ['other', 'terminal', 'terminal']);
    });

    test('stdin arrives completely, and a command that does not read it is not delayed', async () => {
      const sent =
        setup.input === 'none' ? new Uint8Array(0) : randomBytes(setup.input === 'text' ? 20_000 : 300_000);
      const echoed = await remoteExec(image, inShell('exec cat'), sent);
      expect(echoed.stdout.equals(sent)).toBe(true);
      expect(await remoteExec(image, inShell('exit 3'), sent)).toMatchObject({ status: 3 });
    });
  });
});

describe.each(SHELLS.filter(isInstalled))('both output streams at the same time, in %s', (shell) => {
  test('each stream stays in order and complete while both are busy', async () => {
    const image = makeImage(shell, []);
    try {
      const result = await remoteExec(image, inShell('seq 1 200000 & seq 1 4000 >&2; wait'));
      const numbers = (to: number): string => Array.from({ length: to }, (_, i) => `${i + 1}\n`).join('');
      expect(result.status).toBe(0);
      expect(result.stdout.toString() === numbers(200_000)).toBe(true);
      expect(result.stderr.toString() === numbers(4_000)).toBe(true);
    } finally {
      image.remove();
    }
  });
});

describe.each(SHELLS.filter(isInstalled))('a block of input that the agent handles twice, in %s', (shell) => {
  const feed = async (input: string): Promise<RemoteResult> => {
    const image = makeImage(shell, []);
    try {
      return await remoteExec(image, inShell('exec cat'), Buffer.from(input), 'pipes', 'as-it-is');
    } finally {
      image.remove();
    }
  };

  test('is used once if the whole block arrives twice', async () => {
    const { status, stdout } = await feed('0:4\none\n,\n0:4\none\n,\n1:4\ntwo\n,\n.\n');
    expect(status).toBe(0);
    expect(stdout.toString()).toBe('one\ntwo\n');
  });

  test('is reported if a part of the block arrives twice', async () => {
    expect(await feed('0:8\nabcdabcdefgh,\n.\n')).toMatchObject({ status: undefined, isBroken: true });
  });
});
