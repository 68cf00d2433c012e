import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import type { RemoteSetup } from '../../../src/connect/session/exec-script.ts';
import {
  type Helper,
  type Image,
  jumpingBack,
  makeImage,
  programPath,
  remoteExec,
  type Shell,
  SHELLS,
} from '../../support/remote-exec.ts';
import { reportSkip } from '../../support/on-path.ts';

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

/** Numbers from 0 to 1, the same in each run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

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
  reportSkip(`exec in ${shell}`, 'the shell is not installed');
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

/** Bytes that look like lines of the input, among others. */
function misleading(random: () => number): Buffer {
  const words = [',', '.', '..', '=', '0.1', ':', '1024', '\n', '\n', '\0', '\xe2', 'x'.repeat(300)];
  const parts: string[] = [];
  for (let n = 0; n < 4_000; n++) parts.push(words[Math.floor(random() * words.length)] ?? '');
  return Buffer.from(parts.join(''), 'latin1');
}

describe.each(SHELLS.filter(isInstalled))('messages that the agent handles twice, in %s', (shell) => {
  test.each([
    ['counted blocks, messages of 1 KiB', [], 1024, 0.01],
    ['counted blocks, messages of any size', [], 37, 0.0005],
    ['lines of text', ['dd'], 1024, 0.05],
    ['lines of text, messages of any size', ['dd'], 37, 0.0005],
  ] as const)('stdin arrives once: %s', async (_name, missing, messageSize, probability) => {
    const random = seeded(messageSize);
    const image = makeImage(shell, missing);
    let repeats = 0;
    try {
      for (const sent of [misleading(random), randomBytes(missing.length === 0 ? 700_000 : 60_000)]) {
        const deliver = jumpingBack(random, messageSize, probability);
        const result = await remoteExec(image, inShell('exec cat'), sent, 'pipes', deliver);
        expect(result.status).toBe(0);
        expect(result.stdout.equals(sent)).toBe(true);
        ({ repeats } = result);
      }
    } finally {
      image.remove();
    }
    // Otherwise nothing was damaged.
    expect(repeats).toBeGreaterThan(0);
  });

  test('a command that does not read its stdin ends while blocks arrive damaged', async () => {
    const image = makeImage(shell, []);
    try {
      const deliver = jumpingBack(seeded(3), 1024, 0.05);
      const result = await remoteExec(image, inShell('exit 3'), randomBytes(500_000), 'pipes', deliver);
      expect(result.status).toBe(3);
    } finally {
      image.remove();
    }
  });
});
