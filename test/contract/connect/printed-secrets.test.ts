import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { AwsAccount } from '../../../src/aws/account.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { cli } from '../../support/cli-in-process.ts';
import { testSandbox } from '../../support/test-sandbox.ts';

/**
 * Scans everything that `exec`, `cp` and `logs` print with `--debug`, what `exec --record` records, and every command
 * line that they send to a container, for secrets: keys, session tokens, and the content of what is transferred.
 */

const sandbox = testSandbox({ faults: ['cut-client=after:4000'] });
const CONTENT = 'canary-content-5f1d';
const LINE = 'canary-line-77ab';

interface Seen {
  readonly tokens: Set<string>;
  readonly commands: string[];
}

/** The account, noting what must stay secret and what is sent as a command line. */
const watched =
  (seen: Seen) =>
  (account: AwsAccount): AwsAccount => ({
    ...account,
    ecs: async () => {
      const ecs = await account.ecs();
      return {
        ...ecs,
        executeCommand: async (request) => {
          seen.commands.push(request.command);
          const session = await ecs.executeCommand(request);
          seen.tokens.add(session.tokenValue);
          return session;
        },
      };
    },
    ssm: async () => {
      const ssm = await account.ssm();
      return {
        ...ssm,
        resumeSession: async (sessionId) => {
          const session = await ssm.resumeSession(sessionId);
          if (session !== undefined) seen.tokens.add(session.tokenValue);
          return session;
        },
      };
    },
  });

it('prints no key, token or content on stderr, and sends none of them in a command line', async () => {
  const here = mkdtempSync(join(tmpdir(), 'fargate-connect-secrets-'));
  const { env, logs } = sandbox();
  const group = logs.createGroup('/ecs/orders-api');
  logs.put(logs.createStream(group, 'ecs/app/1f0e9d8c7b6a45948372615049382716'), [
    { timestamp: Date.now() - 1_000, message: LINE },
  ]);
  const file = join(here, 'secret');
  writeFileSync(file, `${CONTENT}\n`.repeat(2_000));
  const seen: Seen = { tokens: new Set(), commands: [] };
  const app = ['--cluster', 'demo', '--container', 'app'];
  const runs: readonly (readonly string[])[] = [
    ['cp', ...app, file, 'orders-api:secret'],
    ['cp', ...app, 'orders-api:secret', join(here, 'back')],
    ['cp', ...app, '/no/such/file', 'orders-api:secret'],
    ['exec', 'orders-api', ...app, '--', 'cat', 'secret'],
    ['exec', 'orders-api', ...app, '--', 'false'],
    ['logs', '--cluster', 'demo', '--service', 'orders-api', '--grep', 'canary'],
  ];
  const outcomes = [];
  for (const format of [[], ['--json']])
    for (const args of runs) {
      const [command = '', ...rest] = args;
      const dashes = rest.indexOf('--');
      const flags = ['--debug', ...(command === 'exec' ? [] : format)];
      const words = dashes === -1 ? [...rest, ...flags] : rest.toSpliced(dashes, 0, ...flags);
      outcomes.push({
        args,
        ...(await cli([command, ...words], { env, clock: systemClock, account: watched(seen) })),
      });
    }
  const recording = join(here, 'recording');
  const record = ['--debug', '--record', recording, '--redact-env', 'CANARY'];
  const recorded = await cli(['exec', 'orders-api', ...app, ...record, '--', 'cat', 'secret'], {
    env: { ...env, CANARY: CONTENT },
    clock: systemClock,
    account: watched(seen),
  });
  const recordedText = readFileSync(recording, 'utf8');
  rmSync(here, { recursive: true, force: true });

  const secrets = [env['AWS_SECRET_ACCESS_KEY'] ?? '', ...seen.tokens].filter((secret) => secret !== '');
  // Several sessions ran, and some were resumed: otherwise the scan would look for too little.
  expect(secrets.length).toBeGreaterThan(6);
  expect(outcomes.map(({ status }) => status)).toContain(0);
  expect(outcomes.some(({ stdout }) => stdout.includes(CONTENT))).toBe(true);
  expect(outcomes.some(({ stdout }) => stdout.includes(LINE))).toBe(true);
  for (const { args, stdout, stderr } of outcomes) {
    for (const secret of secrets) expect(`${stdout}${stderr}`.includes(secret), args.join(' ')).toBe(false);
    expect(stderr.includes(CONTENT), args.join(' ')).toBe(false);
    expect(stderr.includes(LINE), args.join(' ')).toBe(false);
  }
  expect([recorded.status, recorded.stdout.includes(CONTENT)]).toEqual([0, true]);
  expect(recordedText).toContain('[redacted]');
  for (const secret of [...secrets, CONTENT]) expect(recordedText.includes(secret)).toBe(false);
  for (const secret of [...secrets, CONTENT]) expect(recorded.stderr.includes(secret)).toBe(false);
  for (const command of seen.commands)
    for (const secret of [...secrets, CONTENT]) expect(command.includes(secret)).toBe(false);
});
