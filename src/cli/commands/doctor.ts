import { Command, Option } from 'commander';
import type { Diagnosis } from '../../app/doctor/diagnosis.ts';
import type { UndoRequest } from '../../app/doctor/undo.ts';
import type { Wanted } from '../../connect/target/discover.ts';
import { parseDuration } from '../../core/duration.ts';
import { interrupted, usage } from '../../core/errors.ts';
import type { Invoke, Run } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { serviceArgument } from '../contradictions.ts';

/** What is diagnosed. */
export type DoctorSubject =
  | { readonly subject: 'exec' }
  | { readonly subject: 'caller' }
  | { readonly subject: 'path'; readonly from: string; readonly to: string }
  | { readonly subject: 'database'; readonly id: string; readonly from: string | undefined }
  /** `name` is undefined for the only bastion. */
  | { readonly subject: 'bastion'; readonly name: string | undefined };

export type DoctorOptions = DoctorSubject & {
  /** `undo` takes back what `fix` has added; `watch` repeats the diagnosis until nothing blocks. */
  readonly action: 'report' | 'fix' | 'undo' | 'watch';
  /** With `fix`: a deployment may replace the tasks. */
  readonly redeploy: boolean;
  /** With `watch`: undefined = no deadline. */
  readonly deadlineMs: number | undefined;
};

interface DoctorFlags {
  readonly path?: string;
  readonly db?: string;
  /** True without a name. */
  readonly bastion?: string | true;
  readonly service?: string;
  readonly task?: string;
  readonly fix?: true;
  readonly redeploy?: true;
  readonly undo?: true;
  readonly watch?: true;
  readonly deadline?: string;
}

export function doctorCommand(invoke: Invoke, run: Run<DoctorOptions> = runDoctor): Command {
  return new Command('doctor')
    .description('why ECS Exec, a forward, a database or a bastion does not work, with the exact fix')
    .argument('[service]', 'the service, same as --service; with --path: TO:PORT')
    .addOption(
      new Option(
        '--path <from>',
        'follow the network path from a service, subnet, instance or bastion',
      ).conflicts(['db', 'bastion']),
    )
    .option('--db <id>', 'the database, and the path to it from the service or the bastion')
    .option('--bastion [name]', 'the bastion: boot, agent, interruption, path to AWS')
    .option('--fix', 'attach what the task role lacks, add missing security group rules; asks first')
    .option('--redeploy', 'with --fix: enable ECS Exec by a new deployment, which replaces the tasks')
    .addOption(new Option('--undo', 'delete the policies and rules that --fix has added').conflicts('fix'))
    .addOption(
      new Option('--watch', 'repeat every 5 seconds until nothing blocks it, then exit 0').conflicts([
        'fix',
        'undo',
      ]),
    )
    .option('--deadline <duration>', 'with --watch: give up after this time, with exit 1 (default: never)')
    .addHelpText(
      'after',
      `
One line for each cause, in the order in which to act, with the command of the
AWS CLI and the attribute of Terraform that removes it. Exit status 0 only if
nothing was found, 1 otherwise. It only reads: \`policy doctor\` prints the grants.
--fix shows what it would add, asks (a script gives --yes), and looks again; what
it adds has its name or its tag, and --undo deletes that. \`policy doctor-fix\`
prints what it needs besides; \`policy enable-exec\` what --redeploy needs.
Without an argument: who calls, where, and the clock. When exec, shell or forward
cannot start a session, they print what blocks their target by themselves.

Examples:
  $ fargate-connect doctor orders-api --cluster prod
  $ fargate-connect doctor --db orders-db orders-api --cluster prod
  $ fargate-connect doctor --path orders-api orders-db:5432 --cluster prod
  $ fargate-connect doctor --path subnet-0a1b2c3d ssmmessages
  $ fargate-connect doctor orders-api --cluster prod --fix
  $ fargate-connect doctor orders-api --cluster prod --fix --redeploy --yes
  $ fargate-connect doctor orders-api --cluster prod --undo
  $ fargate-connect doctor orders-api --cluster prod --watch --deadline 10m
  $ fargate-connect doctor orders-api --json | jq -r '.findings[].changes[][].command'`,
    )
    .action((argument: string | undefined, flags: DoctorFlags, command: Command) => {
      if (flags.path === undefined) serviceArgument(argument, command);
      return invoke(run, optionsOf(argument, flags), command);
    });
}

function optionsOf(argument: string | undefined, flags: DoctorFlags): DoctorOptions {
  const { fix, redeploy, undo } = flags;
  if (redeploy === true && fix !== true)
    throw usage('bad-arguments', '--redeploy belongs to --fix, which is not given');
  const subject = subjectOf(argument, flags);
  if (fix === true && subject.subject === 'caller')
    throw usage('service-needed', 'doctor --fix needs a service, --db, --bastion or --path');
  const action = fix === true ? 'fix' : undo === true ? 'undo' : flags.watch === true ? 'watch' : 'report';
  return { ...subject, action, redeploy: redeploy === true, deadlineMs: deadlineOf(flags) };
}

function deadlineOf({ deadline, watch }: DoctorFlags): number | undefined {
  if (deadline === undefined) return undefined;
  if (watch !== true) throw usage('bad-arguments', '--deadline belongs to --watch, which is not given');
  const ms = parseDuration(deadline);
  if (ms !== undefined && ms > 0 && ms <= LONGEST_WATCH_MS) return ms;
  const known = ms === undefined ? {} : { between: ['1s', '7d'] as const };
  throw usage(
    'duration',
    `--deadline ${deadline} is ${ms === undefined ? 'not a duration' : 'out of range'}`,
    {
      details: { flag: '--deadline', value: deadline, ...known },
    },
  );
}

const LONGEST_WATCH_MS = 7 * 86_400_000;

function subjectOf(argument: string | undefined, flags: DoctorFlags): DoctorSubject {
  const { bastion, db, path } = flags;
  if (path !== undefined) {
    if (argument === undefined)
      throw usage('path-end', '--path FROM needs a target: doctor --path FROM TO:PORT', {
        details: { expected: 'HOST:PORT, DATABASE, or a service of AWS such as ssmmessages' },
      });
    return { subject: 'path', from: path, to: argument };
  }
  const through = bastion === undefined ? undefined : bastion === true ? 'bastion' : `bastion/${bastion}`;
  const service = argument ?? flags.service;
  if (db !== undefined) return { subject: 'database', id: db, from: service ?? through };
  if (bastion !== undefined) return { subject: 'bastion', name: bastion === true ? undefined : bastion };
  return service === undefined && flags.task === undefined ? { subject: 'caller' } : { subject: 'exec' };
}

/** Exit status 0 only if nothing was found. */
async function runDoctor(options: DoctorOptions, context: CommandContext): Promise<number> {
  if (options.action === 'undo') return undo(options, context);
  if (options.action === 'watch') return watch(options, context);
  const [diagnosis, { exitStatus, writeDiagnosis }] = await Promise.all([
    diagnose(options, context),
    import('../render/doctor-report.ts'),
  ]);
  if (options.action === 'fix') return fix(options, diagnosis, context);
  writeDiagnosis(diagnosis, context, { allPaths: options.subject === 'path' });
  return exitStatus(diagnosis.findings);
}

async function fix(options: DoctorOptions, diagnosis: Diagnosis, context: CommandContext): Promise<number> {
  const [{ applyFix, planFix }, { describeFix, reportWithheld, writeFix }, { exitStatus, writeDiagnosis }] =
    await Promise.all([
      import('../../app/doctor/fix.ts'),
      import('../render/fix-report.ts'),
      import('../render/doctor-report.ts'),
    ]);
  const { prompter, report, settings } = context;
  const plan = planFix(diagnosis, options);
  const steps = describeFix(plan);
  // Who is asked has to see what was found; who gives --yes gets what is left afterwards.
  const isAsked = steps.length > 0 && !settings.yes && settings.output !== 'json';
  if (isAsked) writeDiagnosis(diagnosis, context, { allPaths: false });
  reportWithheld(plan, context);
  for (const message of steps) report({ type: 'note', level: 'info', code: 'doctor-fix', message });
  if (steps.length === 0) {
    writeFix({ made: [], diagnosis }, context);
    return exitStatus(diagnosis.findings);
  }
  const message = `${steps.length === 1 ? 'make this change' : `make these ${steps.length} changes`}?`;
  if (!(await prompter.confirm({ message, flag: '--yes' }))) {
    report({ type: 'note', level: 'info', code: 'nothing-changed', message: 'nothing was changed' });
    return exitStatus(diagnosis.findings);
  }
  const result = await applyFix(plan, () => diagnose(options, context), context);
  writeFix(result, context);
  return exitStatus(result.diagnosis.findings);
}

/** Exit status 0 as soon as nothing blocks, 1 after the deadline. */
async function watch(options: DoctorOptions, context: CommandContext): Promise<number> {
  const [{ watchUntilReady }, { isBlocked, writeChange, writeDiagnosis }] = await Promise.all([
    import('../../app/doctor/watch.ts'),
    import('../render/doctor-report.ts'),
  ]);
  const diagnosis = await watchUntilReady(
    () => diagnose(options, context),
    {
      deadlineMs: options.deadlineMs,
      onChange: (described, change) => writeChange(described, change, context),
    },
    context,
  );
  if (context.settings.output === 'json') writeDiagnosis(diagnosis, context, { allPaths: false });
  return isBlocked(diagnosis.findings) ? 1 : 0;
}

async function undo(options: DoctorOptions, context: CommandContext): Promise<number> {
  const [{ applyUndo, planUndo }, { describeUndo, writeUndo }, { wantedOf }] = await Promise.all([
    import('../../app/doctor/undo.ts'),
    import('../render/fix-report.ts'),
    import('../../app/session/session-setup.ts'),
  ]);
  const plan = await planUndo(undoRequest(options, wantedOf(context.settings)), context);
  const steps = describeUndo(plan);
  for (const message of steps) context.report({ type: 'note', level: 'info', code: 'doctor-undo', message });
  if (steps.length > 0) {
    const isWanted = await context.prompter.confirm({ message: 'delete them?', flag: '--yes' });
    if (!isWanted) throw interrupted('nothing was deleted');
    await applyUndo(plan, context);
  }
  writeUndo(plan, context);
  return 0;
}

function undoRequest(options: DoctorSubject, wanted: Wanted): UndoRequest {
  switch (options.subject) {
    case 'exec':
      return { kind: 'service', wanted };
    case 'database':
      return { kind: 'subject', subject: { database: options.id } };
    case 'path':
      return { kind: 'subject', subject: { from: options.from, to: options.to } };
    case 'bastion':
      return options.name === undefined
        ? { kind: 'any-bastion' }
        : { kind: 'subject', subject: { bastion: options.name } };
    case 'caller':
      return { kind: 'everything' };
    default:
      return options satisfies never;
  }
}

async function diagnose(options: DoctorSubject, context: CommandContext): Promise<Diagnosis> {
  switch (options.subject) {
    case 'path': {
      const { diagnosePath } = await import('../../app/doctor/path-doctor.ts');
      return diagnosePath(options, context);
    }
    case 'database': {
      const { diagnoseDatabase } = await import('../../app/doctor/database-doctor.ts');
      return diagnoseDatabase(options.id, options.from, context);
    }
    case 'bastion': {
      const { diagnoseBastion } = await import('../../app/doctor/bastion-doctor.ts');
      return diagnoseBastion({ name: options.name, allRegions: false, iam: {} }, context);
    }
    case 'caller': {
      const { diagnoseCaller } = await import('../../app/doctor/caller-doctor.ts');
      return diagnoseCaller(context);
    }
    case 'exec': {
      const [{ diagnoseExec }, { wantedOf }] = await Promise.all([
        import('../../app/doctor/service-doctor.ts'),
        import('../../app/session/session-setup.ts'),
      ]);
      return diagnoseExec(wantedOf(context.settings), context);
    }
    default:
      return options satisfies never;
  }
}
