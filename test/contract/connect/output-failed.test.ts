import { Writable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { COMMANDS } from '../../../src/cli/program.ts';
import { cli } from '../../support/cli-in-process.ts';
import { testSandbox } from '../../support/test-sandbox.ts';

/** Every command says why its output could not be written, instead of claiming success or a defect of the tool. */

const sandbox = testSandbox();
const CLUSTER = ['--cluster', 'demo'];
const APP = ['orders-api', ...CLUSTER, '--container', 'app'];

/** Command lines whose data goes to stdout; of the other commands, the help. */
const LINES: Readonly<Record<string, readonly (readonly string[])[]>> = {
  help: [['help'], ['help', 'ls']],
  completion: [['completion', 'bash']],
  policy: [
    ['policy', 'exec'],
    ['policy', 'exec', '--json'],
  ],
  ls: [
    ['ls', '--help'],
    ['ls', 'services', ...CLUSTER],
    ['ls', 'services', ...CLUSTER, '--json'],
    ['ls', 'events', 'orders-api', ...CLUSTER],
  ],
  status: [['status', '--json']],
  up: [
    ['up', '--dry-run', ...CLUSTER],
    ['up', '--dry-run', ...CLUSTER, '--json'],
  ],
  down: [['down', '--yes', '--json']],
  logs: [
    ['logs', ...APP, '--since', '2d'],
    ['logs', ...APP, '--since', '2d', '--follow'],
  ],
  exec: [
    ['exec', ...APP, '--', 'echo', 'hello'],
    ['exec', ...APP, '--', 'seq', '100000'],
  ],
  forward: [['forward', ...APP, '-L', '0:80', '--json']],
};

function failing(code: string, errno: number): Writable {
  return new Writable({
    write: (_chunk, _encoding, done) =>
      done(Object.assign(new Error(`${code}, write`), { code, errno, syscall: 'write' })),
  });
}

const ROWS = [
  ['--version'],
  ['--help'],
  ...[
    'help',
    ...COMMANDS.flatMap(({ factories }) => factories.map((make) => make(async () => undefined).name())),
  ].flatMap((name) => LINES[name] ?? [[name, '--help']]),
];

describe('output that cannot be written', () => {
  test.each(ROWS.map((line) => [line.join(' '), line]))('fargate-connect %s', async (_, line) => {
    const { env } = sandbox();
    const full = await cli(line, { env, stdout: failing('ENOSPC', -28) });
    expect(full.stderr).toContain('stdout could not be written: no space left on device (ENOSPC)');
    expect(full.stderr).not.toContain('defect');
    expect(full.status).toBe(1);
  });

  test.each(ROWS.map((line) => [line.join(' '), line]))(
    'ends with the status of SIGPIPE, silently, where the reader has closed the pipe: fargate-connect %s',
    async (_, line) => {
      const { env } = sandbox();
      const closed = await cli(line, { env, stdout: failing('EPIPE', -32) });
      expect(closed.stderr).not.toMatch(/^error|"error"/m);
      expect(closed.status).toBe(141);
    },
  );
});
