import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { execScript } from '../../src/connect/session/exec-script.ts';
import { quoteWords } from '../../src/core/shell-words.ts';
import { anyWord } from '../support/any-word.ts';
import { makeImage, remoteExec } from '../support/remote-exec.ts';

const run = promisify(execFile);
const NONCE = '0123456789abcdef0123456789abcdef';

describe('quoted arguments', () => {
  test('a real sh returns exactly the arguments', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyWord, { minLength: 1, maxLength: 8 }), async (words) => {
        const { stdout } = await run('/bin/sh', ['-c', `printf '%s\\0' ${quoteWords(words)}`]);
        expect(stdout.split('\0').slice(0, -1)).toEqual(words.map((each) => Buffer.from(each).toString()));
      }),
      { numRuns: 30 },
    );
  });
});

describe('the exec script', () => {
  test('the script does not contain the marker, so ps or an echo of the script cannot deceive the reader', async () => {
    expect(execScript(['true'], NONCE, 'pipes').command).not.toContain(NONCE);
    const image = makeImage('dash', []);
    try {
      const printParents = 'tr "\\0" " " <"/proc/$PPID/cmdline"; exit 3';
      const { status, stdout } = await remoteExec(image, [
        '/usr/bin/env',
        'PATH=/usr/bin:/bin',
        'sh',
        '-c',
        printParents,
      ]);
      expect(status).toBe(3);
      expect(stdout.toString()).toContain('fargate-connect');
    } finally {
      image.remove();
    }
  });

  test.each(['pipes', 'pipes-by-lines', 'terminal'] as const)(
    'in mode %s no variable of the wrapper hides a variable of the environment',
    (mode) => {
      const { command } = execScript(['true'], NONCE, mode);
      const assigned = [...command.matchAll(/(?:^|[\s;{(])([A-Za-z_]\w*)=/g)].map(([, name]) => name ?? '');
      expect(assigned.filter((name) => !name.startsWith('fc_') && name !== 'IFS')).toEqual(
        assigned.filter((name) => name === 'bs' || name === 'count' || name === 'iflag' || name === 'if'),
      );
    },
  );

  test.each(['pipes', 'pipes-by-lines'] as const)('stdin arrives in mode %s', async (mode) => {
    const image = makeImage('dash', []);
    try {
      const result = await remoteExec(
        image,
        ['/usr/bin/env', 'PATH=/usr/bin:/bin', 'cat'],
        Buffer.from('one\ntwo\\0\n'),
        mode,
      );
      expect(result).toMatchObject({ status: 0, setup: { input: mode === 'pipes' ? 'counted' : 'text' } });
      expect(result.stdout.toString()).toBe('one\ntwo\\0\n');
    } finally {
      image.remove();
    }
  });
});
