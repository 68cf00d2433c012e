import { DescribeKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Sandbox } from '../../src/sandbox/sandbox.ts';
import { clientConfig } from '../sandbox/support/client-config.ts';
import { cli, CliProcess, PtyProcess } from '../support/cli-process.ts';
import { testSandbox } from '../support/test-sandbox.ts';

/** Accounts that require encryption, end to end: the built tool, the KMS of the sandbox, and its agent. */

const sandbox = testSandbox({ demandEncryption: true });
const LEDGER = ['exec', 'ledger', '--cluster', 'sealed'];

const keysAsked = ({ calls }: Sandbox): number =>
  calls.filter((call) => call.action === 'GenerateDataKey').length;

describe('sessions under a KMS key', () => {
  describe.each(['offered', 'demanded', 'absent'] as const)(
    'with a random challenge that is %s by the agent',
    (agentChallenge) => {
      const challenging = testSandbox({ demandEncryption: true, agentChallenge });

      it('run a command: output, stdin and exit status', async () => {
        const before = keysAsked(challenging());
        const result = await cli([...LEDGER, '--', 'sh', '-c', 'cat; exit 7'], {
          env: challenging().env,
          input: 'sealed letter\n',
        });
        expect(result).toMatchObject({ status: 7, stdout: 'sealed letter\n' });
        expect(keysAsked(challenging())).toBe(before + 1);
      });

      it('run a shell on a terminal', async () => {
        const shell = new PtyProcess(LEDGER, { env: challenging().env });
        await shell.until(/[$#] $/);
        await shell.type('echo six times seven is $((6*7))\r', /six times seven is 42\n/);
        shell.write('exit\r');
        expect(await shell.exit()).toMatchObject({ status: 0 });
      });
    },
  );

  describe('on the bastion', () => {
    beforeAll(async () => {
      const kms = new KMSClient(clientConfig(sandbox().env));
      const { KeyMetadata } = await kms.send(new DescribeKeyCommand({ KeyId: 'alias/session-manager' }));
      const up = ['up', '--cluster', 'demo', '--yes', '--session-key', KeyMetadata?.Arn ?? ''];
      expect(await cli(up, { env: sandbox().env })).toMatchObject({ status: 0 });
    });
    afterAll(() => cli(['down', '--all', '--yes', '--force'], { env: sandbox().env }));

    it('run a shell of type Standard_Stream on a terminal', async () => {
      const before = keysAsked(sandbox());
      const shell = new PtyProcess(['shell'], { env: sandbox().env });
      await shell.until(/[$#] $/);
      await shell.type('echo six times seven is $((6*7))\r', /six times seven is 42\n/);
      shell.write('exit\r');
      expect(await shell.exit()).toMatchObject({ status: 0 });
      expect(keysAsked(sandbox())).toBe(before + 1);
    });
  });

  it('without permission to use the key: exit 4 names the action, and no session is left', async () => {
    const env = sandbox().createPrincipal({
      userName: 'without-key',
      policies: [
        {
          Version: '2012-10-17',
          Statement: [
            { Effect: 'Allow', Action: '*', Resource: '*' },
            { Effect: 'Deny', Action: 'kms:GenerateDataKey', Resource: '*' },
          ],
        },
      ],
    });
    const ended = sandbox().calls.filter((call) => call.action === 'TerminateSession').length;
    const command = await cli([...LEDGER, '--', 'true'], { env });
    expect(command).toMatchObject({ status: 4, stdout: '' });
    expect(command.stderr).toContain('not allowed to call kms:GenerateDataKey');
    expect(command.stderr).toContain('one of your own policies denies it: a further grant does not help');
    const shell = new PtyProcess(LEDGER, { env });
    expect(await shell.exit()).toMatchObject({ status: 4 });
    expect(shell.text).toContain('kms:GenerateDataKey');
    expect(sandbox().calls.filter((call) => call.action === 'TerminateSession').length).toBe(ended + 2);
  });

  it('are demanded by `sandbox --demand-encryption` too', async () => {
    const other = new CliProcess(['sandbox', '--json', '--demand-encryption']);
    const [line] = await other.until('stdout', /^.*\n/);
    const { endpoint, env } = JSON.parse(line) as { endpoint: string; env: Record<string, string> };
    const result = await cli([...LEDGER, '--', 'echo', 'sealed'], { env });
    expect(result).toMatchObject({ status: 0, stdout: 'sealed\n' });
    const calls = (await (await fetch(`${endpoint}/_sandbox/calls`)).json()) as readonly { action: string }[];
    expect(calls.some((call) => call.action === 'GenerateDataKey')).toBe(true);
    other.kill('SIGTERM');
    expect((await other.finished).status).toBe(0);
  });

  it('do not apply to a forward: it is never encrypted', async () => {
    const before = keysAsked(sandbox());
    const args = ['forward', 'orders-api', '-L', '0:8080', '--cluster', 'demo', '--json'];
    const forward = new CliProcess(args, { env: sandbox().env });
    const [line] = await forward.until('stdout', /\{.*forward-ready.*\n/);
    const { local } = JSON.parse(line) as { local: { port: number } };
    expect((await fetch(`http://127.0.0.1:${local.port}/`)).status).toBe(200);
    forward.kill('SIGINT');
    await forward.finished;
    expect(keysAsked(sandbox())).toBe(before);
  });
});
