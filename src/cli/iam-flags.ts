import { type Command, Option } from 'commander';

import type { CommandContext } from './context.ts';
import type { IamNaming } from '../provision/roles/iam-names.ts';

/** Where an organisation wants the roles that we make. Commands that read or write them take the same two flags. */
export interface IamFlags {
  readonly iamPath?: string;
  readonly iamPrefix?: string;
}

export const addIamFlags = (command: Command): Command =>
  command
    .addOption(
      new Option(
        '--iam-path <path>',
        'path of role, profile and boundary (default: /fargate-connect/)',
      ).helpGroup('Roles:'),
    )
    .addOption(new Option('--iam-prefix <text>', 'before their names (default: none)').helpGroup('Roles:'));

/** Those two of all that were typed. */
export const iamFlagsOf = ({ iamPath, iamPrefix }: IamFlags): IamFlags => ({
  ...(iamPath === undefined ? {} : { iamPath }),
  ...(iamPrefix === undefined ? {} : { iamPrefix }),
});

/** As typed, else as configured, else the usual ones. Throws `iam-path`, `iam-prefix`. */
export async function iamNaming(flags: IamFlags, { settings }: CommandContext): Promise<IamNaming> {
  const { checkIamNaming, USUAL_IAM } = await import('../provision/roles/iam-names.ts');
  return checkIamNaming({
    path: flags.iamPath ?? settings.iamPath ?? USUAL_IAM.path,
    prefix: flags.iamPrefix ?? settings.iamPrefix ?? USUAL_IAM.prefix,
  });
}
