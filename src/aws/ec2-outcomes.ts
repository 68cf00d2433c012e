import { failed } from '../core/errors.ts';
import { awsErrorName, mapped } from './errors.ts';

/** What EC2's answers mean for a caller who only wants something to be there, or to be gone. */

const GONE = new Set([
  'InvalidGroup.NotFound',
  'InvalidGroupId.Malformed',
  'InvalidInstanceID.NotFound',
  'InvalidLaunchTemplateId.NotFound',
  'InvalidLaunchTemplateName.NotFoundException',
  'InvalidPermission.NotFound',
  'InvalidSecurityGroupRuleId.NotFound',
]);
const DUPLICATE = new Set([
  'InvalidGroup.Duplicate',
  'InvalidLaunchTemplateName.AlreadyExistsException',
  'IdempotentParameterMismatch',
]);

/** Runs a deletion; what is gone already is as good as deleted. */
export async function deletion(action: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await mapped(action, work);
  } catch (error) {
    const name = awsErrorName(error) ?? '';
    if (GONE.has(name)) return;
    if (name === 'DependencyViolation') {
      throw failed('still-in-use', `${action} refused: something still uses it`, {
        details: { awsError: name, action },
        cause: error,
      });
    }
    throw error;
  }
}

/** Runs a creation; a name that is taken becomes `already-exists`, so that the caller can adopt it. */
export async function creation<T>(action: string, name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await mapped(action, work);
  } catch (error) {
    const awsError = awsErrorName(error) ?? '';
    if (!DUPLICATE.has(awsError)) throw error;
    throw failed('already-exists', `${name} exists already`, { details: { awsError, action }, cause: error });
  }
}

/** Runs a call that may fail with that error, or one of those; undefined then. */
export async function tolerating<T>(
  names: string | readonly string[],
  action: string,
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await mapped(action, work);
  } catch (error) {
    if (![names].flat().includes(awsErrorName(error) ?? '')) throw error;
    return undefined;
  }
}
