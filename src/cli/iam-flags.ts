import { type Command, Option } from 'commander';

import type { IamOverrides } from '../app/bastion/iam-naming.ts';

/** The two flags of all commands that read or write the IAM roles of bastions. */
export type IamFlags = IamOverrides;

export const addIamFlags = (command: Command): Command =>
  command
    .addOption(
      new Option(
        '--iam-path <path>',
        'path of role, profile and boundary (default: /fargate-connect/)',
      ).helpGroup('Roles:'),
    )
    .addOption(
      new Option('--iam-prefix <text>', 'prefix of their names (default: none)').helpGroup('Roles:'),
    );

/** Selects those two flags from all that were typed. */
export const iamFlagsOf = ({ iamPath, iamPrefix }: IamFlags): IamFlags => ({
  ...(iamPath === undefined ? {} : { iamPath }),
  ...(iamPrefix === undefined ? {} : { iamPrefix }),
});
