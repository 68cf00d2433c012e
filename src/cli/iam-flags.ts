import { type Command, Option } from 'commander';

import type { IamOverrides } from '../app/bastion/iam-naming.ts';

/** Commands that read or write the roles that we make take the same two flags. */
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

/** Those two of all that were typed. */
export const iamFlagsOf = ({ iamPath, iamPrefix }: IamFlags): IamFlags => ({
  ...(iamPath === undefined ? {} : { iamPath }),
  ...(iamPrefix === undefined ? {} : { iamPrefix }),
});
