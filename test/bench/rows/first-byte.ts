import { execFileSync } from 'node:child_process';
import { PtyProcess } from '../../support/cli-process.ts';
import { onPath } from '../../support/on-path.ts';
import { elapsedMs, type Measurement, type Remark, repeat, type Row } from '../row.ts';
import { type SandboxProcess, withSandbox } from '../sandbox-process.ts';
import { median } from '../statistics.ts';

const PROMPT = /[$#] $/;
const MAX_CALLS = 3;
/** The share of the time that the official commands need. */
const OFFICIAL_SHARE = 0.5;

export const firstByte: Row = {
  name: 'first-byte',
  title: 'service name → prompt of the shell in its container, process start included',
  run: ({ runs }) =>
    withSandbox({ agentPace: 'fast' }, async (sandbox) => {
      const calls: (readonly string[])[] = [];
      const times = await repeat(runs, async () => {
        const before = (await sandbox.calls()).length;
        const args = ['exec', 'orders-api', '--cluster', 'demo', '--container', 'app'];
        const ms = await untilPrompt(() => new PtyProcess(args, { env: sandbox.env }));
        calls.push(untilSession((await sandbox.calls()).slice(before)));
        return ms;
      });
      const officially = await official(sandbox, runs);
      return [
        {
          what: 'fargate-connect exec, to the prompt',
          unit: 'ms',
          values: times,
          ...('values' in officially ? { bar: { atMost: OFFICIAL_SHARE * median(officially.values) } } : {}),
        },
        {
          what: 'API calls before the session (the one that starts it not counted)',
          unit: 'calls',
          values: calls.map((list) => list.length - 1),
          bar: { atMost: MAX_CALLS },
        },
        { remark: `Calls, in order: ${calls[0]?.join(', ') ?? 'none'}.` },
        officially,
      ];
    }),
};

/** The calls up to and including the one that starts the session; the later ones belong to its end. */
function untilSession(calls: readonly string[]): readonly string[] {
  const at = calls.findIndex((call) => /:(ExecuteCommand|StartSession)$/.test(call));
  if (at < 0) throw new Error(`no session was started: ${calls.join(', ')}`);
  return calls.slice(0, at + 1);
}

async function untilPrompt(spawn: () => PtyProcess): Promise<number> {
  const began = performance.now();
  const shell = spawn();
  await shell.until(PROMPT);
  const ms = elapsedMs(began);
  shell.write('exit\r');
  await shell.exit();
  return ms;
}

/** Runs the official commands with a given task: the time to find the task is not measured. */
async function official(sandbox: SandboxProcess, runs: number): Promise<Measurement | Remark> {
  const aws = onPath('aws');
  if (aws === undefined || onPath('session-manager-plugin') === undefined)
    return {
      remark:
        'Not measured here: aws ecs execute-command, which needs aws and session-manager-plugin on PATH.',
    };
  const query = ['ecs', 'list-tasks', '--cluster', 'demo', '--service-name', 'orders-api'];
  const task = execFileSync(aws, [...query, '--query', 'taskArns[0]', '--output', 'text'], {
    env: { ...process.env, ...sandbox.env },
    encoding: 'utf8',
  }).trim();
  const args = ['ecs', 'execute-command', '--cluster', 'demo', '--task', task, '--container', 'app'];
  const values = await repeat(runs, () =>
    untilPrompt(
      () =>
        new PtyProcess([...args, '--interactive', '--command', '/bin/sh'], {
          env: sandbox.env,
          program: aws,
        }),
    ),
  );
  return { what: 'aws ecs execute-command, to the prompt', unit: 'ms', values };
}
