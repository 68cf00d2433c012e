import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { wrapped } from '../../core/paragraph.ts';
import type { Invoke, Run } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { NO_CONFINEMENT, whereShellsRun } from '../sandbox-confinement.ts';
import { requirePackages } from '../sandbox-packages.ts';

/** On a terminal the tour is guided, otherwise it is scripted. */
export interface DemoOptions {
  /** True = containers run in their own namespaces, where the system supports it. */
  readonly confinement: boolean;
}

export function demoCommand(invoke: Invoke, run: Run<DemoOptions> = runDemo): Command {
  return new Command('demo')
    .description('the whole job on the embedded AWS: no account, no network, nothing to clean up')
    .option('--no-confinement', NO_CONFINEMENT)
    .addHelpText(
      'after',
      `
Its shells run on this machine: those of bastions with your rights, those of containers in Linux namespaces \
where that works. Do not run in them what you would not run in your own shell.
On a terminal Enter runs each step, or you type it; without one it is a scripted tour that ends
with "0 resources left".

Examples:
  $ fargate-connect demo
  $ fargate-connect demo </dev/null`,
    )
    .action((flags: DemoOptions, command: Command) =>
      invoke(run, { confinement: flags.confinement }, command),
    );
}

async function runDemo(options: DemoOptions, context: CommandContext): Promise<void> {
  const { missingPackages } = await import('../../sandbox/packages.ts');
  requirePackages(await missingPackages());
  const [{ startSandbox }, { TOUR_DATABASE, scriptedTour }, { guidedTour }, { createStage }] =
    await Promise.all([
      import('../../sandbox/sandbox.ts'),
      import('../demo/demo-tour.ts'),
      import('../demo/guided-tour.ts'),
      import('../demo/demo-stage.ts'),
    ]);
  // The tour runs in its own empty folder, so that no project file or personal config file makes it use real names.
  const folder = await mkdtemp(join(tmpdir(), 'fargate-connect-demo-'));
  context.scope.add(() => rm(folder, { recursive: true, force: true }));
  const sandbox = await startSandbox({ confine: options.confinement });
  context.scope.add(() => sandbox.close());
  // The database starts while `up` runs. If the start fails, the query to the database reports the reason.
  sandbox.warmUpDatabase(TOUR_DATABASE).catch(() => undefined);
  const stage = createStage(context, { env: sandbox.env, folder });
  const { columns } = context.terminal.size();
  stage.say(`${wrapped(whereShellsRun(sandbox.isConfined), columns - 1).join('\n')}\n`);
  const tour = context.settings.input ? guidedTour : scriptedTour;
  // Only confined containers know the database by its name, and only programs of these folders run in them.
  const hasPsql =
    sandbox.isConfined && ['/usr/local/bin/psql', '/usr/bin/psql'].some((path) => existsSync(path));
  await tour(stage, { snapshot: () => sandbox.snapshot(), hasPsql });
}
