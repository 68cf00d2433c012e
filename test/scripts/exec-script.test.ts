import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EXEC_ACKNOWLEDGEMENT, ExecOutputReader, execScript } from '../../src/connect/session/exec-script.ts';
import { quoteWords } from '../../src/core/shell-words.ts';

const run = promisify(execFile);
const NONCE = '0123456789abcdef0123456789abcdef';
const word = fc.string({ unit: 'binary', maxLength: 30 }).filter((text) => !text.includes('\0'));

describe('quoted words', () => {
  test('a real sh gives back exactly the words', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(word, { minLength: 1, maxLength: 8 }), async (words) => {
        const { stdout } = await run('/bin/sh', ['-c', `printf '%s\\0' ${quoteWords(words)}`]);
        expect(stdout.split('\0').slice(0, -1)).toEqual(words.map((each) => Buffer.from(each).toString()));
      }),
      { numRuns: 30 },
    );
  });
});

describe('the exec script', () => {
  /** Acknowledges the end as a client does. */
  async function execute(argv: readonly string[]) {
    const { command } = execScript(argv, NONCE, false);
    const script = spawn('/bin/sh', ['-c', command], { stdio: ['pipe', 'pipe', 'ignore'] });
    const reader = new ExecOutputReader(NONCE);
    let status: number | undefined;
    const data: Uint8Array[] = [];
    script.stdout.on('data', (bytes: Buffer) => {
      for (const event of reader.push(bytes)) {
        if (event.type === 'data') data.push(event.bytes);
        if (event.type !== 'end') continue;
        ({ status } = event);
        script.stdin.write(EXEC_ACKNOWLEDGEMENT);
      }
    });
    await once(script, 'close');
    return { status, output: Buffer.concat(data).toString(), begun: reader.hasBegun };
  }

  test.each([
    [['sh', '-c', 'exit 42'], 42, ''],
    [['true'], 0, ''],
    [['printf', '%s|%s', 'a b', "c'd"], 0, "a b|c'd"],
    [['no-such-program-anywhere'], 127, ''],
    [['sh', '-c', 'kill -9 $$'], 137, ''],
  ])('%j', async (argv, status, output) => {
    expect(await execute(argv)).toMatchObject({
      status,
      output: expect.stringContaining(output) as string,
      begun: true,
    });
  });

  test('the marker is not in the script, so neither ps nor an echo of it can fool the reader', async () => {
    const { command } = execScript(['true'], NONCE, false);
    expect(command).not.toContain(NONCE);
    const { status, output } = await execute(['sh', '-c', 'cat /proc/$PPID/cmdline; exit 3']);
    expect(status).toBe(3);
    expect(output).toContain('fargate-connect');
  });
});
