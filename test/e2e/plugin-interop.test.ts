import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cli, CliProcess, PtyProcess } from '../support/cli-process.ts';
import { startOfficialPlugin } from '../support/official-plugin.ts';
import { onPath, reportSkip } from '../support/on-path.ts';
import { testSandbox } from '../support/test-sandbox.ts';

/**
 * Compares the official session-manager-plugin with our own client against the sandbox: same sessions, same results.
 */

const plugin = onPath('session-manager-plugin');
if (plugin === undefined) {
  reportSkip(
    'interop with the official plugin (every session type, with it and with our client)',
    'session-manager-plugin is not on PATH',
  );
}

const sandbox = testSandbox();
const APP = ['exec', 'orders-api', '--cluster', 'demo', '--container', 'app'];
const TRANSPORTS = ['native', 'plugin'] as const;

describe.runIf(plugin !== undefined)('with the plugin and with our client', () => {
  it.each(TRANSPORTS)(
    'InteractiveCommands without a terminal: output and exit status (%s)',
    async (transport) => {
      const result = await cli(
        [...APP, '--transport', transport, '--', 'sh', '-c', 'echo out; cat; exit 42'],
        {
          env: sandbox().env,
          input: 'from stdin\n',
        },
      );
      expect(result).toMatchObject({ status: 42, stdout: 'out\nfrom stdin\n' });
    },
  );

  /**
   * Retried, because the official plugin numbers its messages from two goroutines (keyboard and window size) without a
   * lock. When a key is typed at the moment of the first size message, the plugin can skip a number, and the agent
   * waits for it for ever.
   */
  it.each(TRANSPORTS)('InteractiveCommands on a terminal (%s)', { retry: 3 }, async (transport) => {
    const shell = new PtyProcess([...APP, '--transport', transport], { env: sandbox().env });
    await shell.until(/[$#] $/);
    await shell.type('echo six times seven is $((6*7))\r', /six times seven is 42\n/);
    shell.write('exit\r');
    expect((await shell.exit()).status).toBe(0);
  });

  it.each(TRANSPORTS)('Port, mux: an HTTP request through a forward (%s)', async (transport) => {
    const forward = new CliProcess(
      ['forward', 'orders-api', '-L', '0:8080', '--cluster', 'demo', '--json', '--transport', transport],
      { env: sandbox().env },
    );
    const [line] = await forward.until('stdout', /\{.*forward-ready.*\n/);
    const { local } = JSON.parse(line) as { local: { port: number } };
    const answer = await fetch(`http://127.0.0.1:${local.port}/`);
    expect(await answer.json()).toMatchObject({ service: 'orders-api' });
    forward.kill('SIGINT');
    expect(await forward.finished).toMatchObject({ status: 0 });
  });

  describe('on the bastion', () => {
    beforeAll(async () => {
      expect(await cli(['up', '--cluster', 'demo', '--yes'], { env: sandbox().env })).toMatchObject({
        status: 0,
      });
    });
    afterAll(() => cli(['down', '--all', '--yes', '--force'], { env: sandbox().env }));

    it.each(TRANSPORTS)('Standard_Stream: a shell (%s)', { retry: 3 }, async (transport) => {
      const shell = new PtyProcess(['shell', '--transport', transport], { env: sandbox().env });
      await shell.until(/[$#] $/);
      await shell.type('echo on $((40+2))\r', /on 42\n/);
      shell.write('exit\r');
      expect((await shell.exit()).status).toBe(0);
    });
  });

  /**
   * Documents for which the tool has no command that uses the plugin: the test starts the plugin as the AWS CLI does.
   */
  async function official(
    documentName: string,
    parameters: Readonly<Record<string, string[]>>,
  ): Promise<{ readonly child: ChildProcess; readonly output: () => string }> {
    const child = await startOfficialPlugin(plugin ?? '', sandbox().env, documentName, parameters);
    let output = '';
    child.stdout?.on('data', (part: Buffer) => (output += part.toString()));
    return { child, output: () => output };
  }

  it('NonInteractiveCommands: the plugin writes both streams and the status to stdout', async () => {
    const { child, output } = await official('AWS-StartNonInteractiveCommand', {
      command: [`sh -c 'echo out; echo err >&2; exit 7'`],
      separateOutputStream: ['true'],
    });
    await once(child, 'exit');
    expect(output()).toContain('out\n');
    expect(output()).toContain('err\n');
    expect(output()).toContain('EXIT_CODE: 7');
  });

  it('Port, stdio: the plugin connects stdin and stdout to a port of the task', async () => {
    const { child, output } = await official('AWS-StartSSHSession', { portNumber: ['8080'] });
    child.stdin?.write('GET / HTTP/1.0\r\n\r\n');
    await once(child, 'exit');
    expect(output()).toContain('orders-api');
  });
});
