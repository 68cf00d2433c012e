import { Command, Option } from 'commander';
import type { Diagnosis } from '../../app/doctor/diagnosis.ts';
import { usage } from '../../core/errors.ts';
import type { Invoke, Run } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { serviceArgument } from '../contradictions.ts';

/** What is diagnosed. */
export type DoctorOptions =
  | { readonly subject: 'exec' }
  | { readonly subject: 'caller' }
  | { readonly subject: 'path'; readonly from: string; readonly to: string }
  | { readonly subject: 'database'; readonly id: string; readonly from: string | undefined }
  /** `name` is undefined for the only bastion. */
  | { readonly subject: 'bastion'; readonly name: string | undefined };

interface DoctorFlags {
  readonly path?: string;
  readonly db?: string;
  /** True without a name. */
  readonly bastion?: string | true;
  readonly service?: string;
  readonly task?: string;
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
    .addHelpText(
      'after',
      `
One line for each cause, in the order in which to act, with the command of the
AWS CLI and the attribute of Terraform that removes it. Exit status 0 only if
nothing was found, 1 otherwise. It only reads: \`policy doctor\` prints the grants.
Without an argument: who calls, where, and the clock. When exec, shell or forward
cannot start a session, they print what blocks their target by themselves.

Examples:
  $ fargate-connect doctor orders-api --cluster prod
  $ fargate-connect doctor --db orders-db orders-api --cluster prod
  $ fargate-connect doctor --path orders-api orders-db:5432 --cluster prod
  $ fargate-connect doctor --path subnet-0a1b2c3d ssmmessages
  $ fargate-connect doctor orders-api --json | jq -r '.findings[].changes[][].command'`,
    )
    .action((argument: string | undefined, flags: DoctorFlags, command: Command) => {
      if (flags.path === undefined) serviceArgument(argument, command);
      return invoke(run, optionsOf(argument, flags), command);
    });
}

function optionsOf(argument: string | undefined, flags: DoctorFlags): DoctorOptions {
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
  const [diagnosis, { exitStatus, writeDiagnosis }] = await Promise.all([
    diagnose(options, context),
    import('../render/doctor-report.ts'),
  ]);
  writeDiagnosis(diagnosis, context, { allPaths: options.subject === 'path' });
  return exitStatus(diagnosis.findings);
}

async function diagnose(options: DoctorOptions, context: CommandContext): Promise<Diagnosis> {
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
