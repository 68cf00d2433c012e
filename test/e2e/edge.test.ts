import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cli, CliProcess, ENTRY, PtyProcess } from '../support/cli-process.ts';

/** Behaviour that only the built tool in a process of its own can show. */

const NOWHERE = { AWS_EC2_METADATA_DISABLED: 'true' };

describe('the built tool', () => {
  it('reads a config file, and reports the position of an error in it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'fc-xdg-'));
    try {
      mkdirSync(join(folder, 'fargate-connect'));
      const path = join(folder, 'fargate-connect', 'config.yaml');
      writeFileSync(path, 'cluster: demo\nregoin: eu-west-1\n');
      const { status, stderr } = await cli(['ls', 'services'], {
        env: { ...NOWHERE, XDG_CONFIG_HOME: folder },
      });
      expect(stderr).toBe(`error: ${path}:2:1: unknown key 'regoin'\n  did you mean 'region'?\n`);
      expect(status).toBe(2);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it.each([
    ['credentials', { ...NOWHERE, AWS_REGION: 'eu-west-1' }, /^error: no AWS credentials/],
    ['a region', NOWHERE, /^error: no AWS region/],
  ])('without %s ends with status 4 and says what to do', async (_what, env, message) => {
    const { status, stderr } = await cli(['ls', 'clusters'], { env });
    expect(stderr).toMatch(message);
    expect(stderr.split('\n').length).toBeGreaterThan(2);
    expect(status).toBe(4);
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('a sandbox ends cleanly on %s', async (signal) => {
    const sandbox = new CliProcess(['sandbox', '--json']);
    const [line] = await sandbox.until('stdout', /^\{.*\}\n/);
    expect(JSON.parse(line)).toMatchObject({
      endpoint: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) as string,
      env: { AWS_ENDPOINT_URL: expect.any(String) as string },
    });
    sandbox.kill(signal);
    expect(await sandbox.finished).toMatchObject({
      status: 0,
      stderr: expect.not.stringContaining('error') as string,
    });
  });

  it('ends without a message, with the status of SIGPIPE, when its output is closed', async () => {
    const process = new CliProcess(['completion', 'fish']);
    process.child.stdout?.destroy();
    expect(await process.finished).toMatchObject({ status: 141, stderr: '' });
  });

  it.each([[['--version']], [['completion', 'bash']]])(
    'says why %j could not be written to a full disk',
    (args) => {
      const full = openSync('/dev/full', 'w');
      const { status, stderr } = spawnSync(process.execPath, [ENTRY, ...args], {
        stdio: ['ignore', full, 'pipe'],
        encoding: 'utf8',
      });
      closeSync(full);
      expect(stderr).toBe('error: stdout could not be written: no space left on device (ENOSPC)\n');
      expect(status).toBe(1);
    },
  );

  it('a prompt ends on Ctrl-C with status 130 and restores the terminal', async () => {
    const sandbox = new CliProcess(['sandbox', '--json']);
    const [line] = await sandbox.until('stdout', /^\{.*\}\n/);
    const { env } = JSON.parse(line) as { env: Record<string, string> };
    const shell = new PtyProcess(
      [
        '-c',
        `before=$(stty -g); "$NODE" "$ENTRY"; echo "status $?"; [ "$before" = "$(stty -g)" ] && echo same`,
      ],
      {
        program: 'bash',
        env: {
          ...env,
          NODE: process.execPath,
          ENTRY,
        },
      },
    );
    await shell.until(/demo[\s\S]*sealed/);
    shell.write('\u0003');
    await shell.until(/status 130\nsame/);
    sandbox.kill('SIGTERM');
    await sandbox.finished;
  });
});
