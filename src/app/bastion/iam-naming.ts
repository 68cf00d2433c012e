import type { Settings } from '../../config/settings.ts';
import { checkIamNaming, type IamNaming, USUAL_IAM } from '../../provision/roles/iam-names.ts';

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
    path: typed.iamPath ?? settings.iamPath ?? USUAL_IAM.path,
    prefix: typed.iamPrefix ?? settings.iamPrefix ?? USUAL_IAM.prefix,
  });
