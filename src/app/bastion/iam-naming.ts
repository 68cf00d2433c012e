import type { Settings } from '../../config/settings.ts';
import { checkIamNaming, type IamNaming, DEFAULT_IAM_NAMING } from '../../provision/roles/iam-names.ts';

/** IAM path and prefix for the roles that `up` creates, as typed for one command. */
export interface IamOverrides {
  readonly iamPath?: string;
  readonly iamPrefix?: string;
}

/** The typed values, else the configured ones, else the defaults. Throws `iam-path`, `iam-prefix`. */
export const iamNaming = (
  typed: IamOverrides,
  settings: Pick<Settings, 'iamPath' | 'iamPrefix'>,
): IamNaming =>
  checkIamNaming({
    path: typed.iamPath ?? settings.iamPath ?? DEFAULT_IAM_NAMING.path,
    prefix: typed.iamPrefix ?? settings.iamPrefix ?? DEFAULT_IAM_NAMING.prefix,
  });
