import { CliProcess } from '../../support/cli-process.ts';
import { elapsedMs, type Measurement, repeat, type Row } from '../row.ts';
import { type SandboxProcess, withSandbox } from '../sandbox-process.ts';

export const provisioning: Row = {
  name: 'provisioning',
  title: 'up and down on the sandbox: API calls, wall time, and the phases of up',
  run: ({ runs }) =>
    withSandbox({ agentPace: 'fast' }, async (sandbox) => {
      const before = await sandbox.ask({ type: 'snapshot' });
      const rounds = await repeat(runs, async () => ({
        up: await invoke(sandbox, ['up', '--cluster', 'demo', '--yes', '--json']),
        down: await invoke(sandbox, ['down', '--yes', '--json']),
      }));
      const after = await sandbox.ask({ type: 'snapshot' });
      if (JSON.stringify(before) !== JSON.stringify(after)) throw new Error('down left something behind');
      const first = rounds[0];
      const steps = [...(first?.up.phases.keys() ?? [])];
      return [
        { what: 'up', unit: 'ms', values: rounds.map(({ up }) => up.ms) },
        ...steps.map((step): Measurement => ({
          what: `up: ${step}`,
          unit: 'ms',
          values: rounds.map(({ up }) => up.phases.get(step) ?? Number.NaN),
        })),
        { what: 'up: API calls', unit: 'calls', values: rounds.map(({ up }) => up.calls.length) },
        { what: 'down', unit: 'ms', values: rounds.map(({ down }) => down.ms) },
        { what: 'down: API calls', unit: 'calls', values: rounds.map(({ down }) => down.calls.length) },
        { remark: `Calls of up: ${counted(first?.up.calls ?? [])}.` },
        { remark: `Calls of down: ${counted(first?.down.calls ?? [])}.` },
        { remark: 'The account was byte-equal before and after all rounds.' },
      ];
    }),
};

interface Invocation {
  readonly ms: number;
  readonly calls: readonly string[];
  /**
   * The time from the start to the end of each step, in order of their starts; the time before the first one is `start
   * and inventory`.
   */
  readonly phases: ReadonlyMap<string, number>;
}

async function invoke(sandbox: SandboxProcess, args: readonly string[]): Promise<Invocation> {
  const before = (await sandbox.calls()).length;
  const began = performance.now();
  const cli = new CliProcess(args, { env: sandbox.env });
  const phases = new Map<string, number>();
  const started = new Map<string, number>();
  let rest = '';
  cli.child.stderr?.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const text of lines.filter((line) => line.startsWith('{'))) {
      const event = JSON.parse(text) as { readonly type: string; readonly step?: string };
      if (event.step === undefined) continue;
      if (event.type === 'step-started') {
        if (started.size === 0) phases.set('before the first step', elapsedMs(began));
        started.set(event.step, performance.now());
      } else if (event.type === 'step-done') {
        phases.set(event.step, elapsedMs(started.get(event.step) ?? began));
      }
    }
  });
  const { status, stderr } = await cli.finished;
  if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}\n${stderr}`);
  return { ms: elapsedMs(began), calls: (await sandbox.calls()).slice(before), phases };
}

/** Formats the calls as `ec2:DescribeSubnets ×2, …`, in order of first use. */
function counted(calls: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const call of calls) counts.set(call, (counts.get(call) ?? 0) + 1);
  return [...counts].map(([call, count]) => (count === 1 ? call : `${call} ×${count}`)).join(', ');
}
