import { Command } from 'commander';
import type { Invoke, Run } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { serviceArgument } from '../contradictions.ts';

export interface DoctorOptions {
  readonly service: string | undefined;
}

export function doctorCommand(invoke: Invoke, run: Run<DoctorOptions> = runDoctor): Command {
  return new Command('doctor')
    .description('why ECS Exec, a forward or a database does not work, with the exact fix')
    .argument('[service]', 'the service; same as --service')
    .addHelpText(
      'after',
      `
One line for each cause, in the order in which to act, with the command of the
AWS CLI and the attribute of Terraform that removes it. Exit status 0 only if
nothing was found, 1 otherwise. It only reads: \`policy doctor\` prints the grants.

Examples:
  $ fargate-connect doctor orders-api --cluster prod
  $ fargate-connect doctor orders-api --json | jq -r '.findings[].changes[][].command'`,
    )
    .action((service: string | undefined, _flags: object, command: Command) => {
      serviceArgument(service, command);
      return invoke(run, { service }, command);
    });
}

/** Exit status 0 only if nothing was found. */
async function runDoctor(_options: DoctorOptions, context: CommandContext): Promise<number> {
  const [{ diagnoseExec }, { wantedOf }, { writeDiagnosis, exitStatus }] = await Promise.all([
    import('../../app/doctor/service-doctor.ts'),
    import('../../app/session/session-setup.ts'),
    import('../render/doctor-report.ts'),
  ]);
  const diagnosis = await diagnoseExec(wantedOf(context.settings), context);
  writeDiagnosis(diagnosis, context);
  return exitStatus(diagnosis.findings);
}
