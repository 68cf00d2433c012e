import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Lab, startLab } from '../support/gateway-lab.ts';
import { RawClient } from '../support/raw-client.ts';

let lab: Lab;
let client: RawClient | undefined;

beforeEach(async () => {
  lab = await startLab();
});

afterEach(async () => {
  client?.close();
  await lab.close();
});

async function run(
  command: string,
  of: { separateOutput?: boolean; stdOutPrefix?: string; stdErrPrefix?: string } = {},
): Promise<RawClient> {
  client = await RawClient.open(
    lab.start({
      type: 'NonInteractiveCommands',
      command,
      separateOutput: true,
      stdOutPrefix: '',
      stdErrPrefix: '',
      ...of,
    }),
  );
  await client.event('closed');
  return client;
}

const exitCode = (of: RawClient): number | undefined =>
  of.events.flatMap((event) => (event.type === 'exit-code' ? [event.code] : []))[0];

test('separate output streams and the exit code arrive', async () => {
  const done = await run('/bin/sh -c "echo out; echo err >&2; exit 7"');
  expect(done.events.find((event) => event.type === 'opened')).toMatchObject({
    sessionType: 'NonInteractiveCommands',
    agentVersion: '3.3.987.0',
  });
  expect([done.stdout, done.stderr, exitCode(done)]).toEqual(['out\n', 'err\n', 7]);
});

test('merged output arrives after the command has ended, without an exit code', async () => {
  const done = await run('/bin/sh -c "echo out; echo err >&2; exit 7"', { separateOutput: false });
  expect(done.stdout.split('\n').sort()).toEqual(['', 'err', 'out']);
  expect(exitCode(done)).toBeUndefined();
});

test('a prefix precedes the first chunk and each chunk that follows the end of a line', async () => {
  const done = await run('/bin/sh -c "echo a; sleep 0.1; printf c; sleep 0.1; printf d; exit 300"', {
    stdOutPrefix: 'STDOUT:',
    stdErrPrefix: 'STDERR:',
  });
  expect([done.stdout, exitCode(done)]).toEqual(['STDOUT:a\nSTDOUT:cd', 44]);
});

test('a command killed by a signal has exit code -1', async () => {
  expect(exitCode(await run(`/bin/sh -c 'kill -9 $$'`))).toBe(-1);
});

test('an unknown program has exit code 1, and the reason follows on stderr', async () => {
  const done = await run('/bin/nosuch');
  expect([done.stderr, exitCode(done)]).toEqual(['fork/exec /bin/nosuch: no such file or directory', 1]);
  const types = done.events.map((event) => event.type);
  expect(types.indexOf('exit-code')).toBeLessThan(types.indexOf('output'));
});

test('Ctrl-C in the input sends SIGINT', async () => {
  client = await RawClient.open(
    lab.start({
      type: 'NonInteractiveCommands',
      command: `/bin/sh -c 'trap "echo caught; exit 9" INT; echo ready; while :; do sleep 0.05; done'`,
      separateOutput: true,
      stdOutPrefix: '',
      stdErrPrefix: '',
    }),
  );
  await client.untilOutput('ready');
  client.send('\u0003');
  await client.event('closed');
  expect([client.stdout, exitCode(client)]).toEqual(['ready\ncaught\n', 9]);
});

test('megabytes of output arrive completely, followed by the exit code', async () => {
  const done = await run(`/bin/sh -c 'head -c 3000000 /dev/zero | tr "\\0" a'`);
  expect(done.stdout.length).toBe(3_000_000);
  expect(done.events.filter((event) => event.type !== 'ignored').at(-2)).toEqual({
    type: 'exit-code',
    code: 0,
  });
});
