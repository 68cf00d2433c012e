import type { Settings } from '../../config/settings.ts';
import { checkIamNaming, type IamNaming, USUAL_IAM } from '../../provision/roles/iam-names.ts';

/** Where an organisation wants the roles that we make, as typed for one command. */
export interface IamOverrides {
  readonly iamPath?: string;
  readonly iamPrefix?: string;
}

/** As typed, else as configured, else the usual ones. Throws `iam-path`, `iam-prefix`. */
export const iamNaming = (
  typed: IamOverrides,
  settings: Pick<Settings, 'iamPath' | 'iamPrefix'>,
): IamNaming =>
  checkIamNaming({
    path: typed.iamPath ?? settings.iamPath ?? USUAL_IAM.path,
    prefix: typed.iamPrefix ?? settings.iamPrefix ?? USUAL_IAM.prefix,
  });
