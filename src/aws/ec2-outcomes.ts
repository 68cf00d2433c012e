import { failed } from '../core/errors.ts';
import { awsErrorName, mapped } from './errors.ts';

/** Interprets EC2's answers for callers who only need a resource to exist, or not to exist. */

const NOT_FOUND_ERRORS = new Set([
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

/** Runs a deletion; succeeds if the resource does not exist any more. */
export async function deletion(action: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await mapped(action, work);
  } catch (error) {
    const name = awsErrorName(error) ?? '';
    if (NOT_FOUND_ERRORS.has(name)) return;
    if (name === 'DependencyViolation') {
      throw failed('still-in-use', `${action} refused: something still uses it`, {
        details: { awsError: name, action },
        cause: error,
      });
    }
    throw error;
  }
}

/** Runs a creation; if the name is in use, throws `already-exists`, so that the caller can adopt the resource. */
export async function creation<T>(action: string, name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await mapped(action, work);
  } catch (error) {
    const awsError = awsErrorName(error) ?? '';
    if (!DUPLICATE.has(awsError)) throw error;
    throw failed('already-exists', `${name} exists already`, { details: { awsError, action }, cause: error });
  }
}

/** Runs a call that may fail with one of the named errors; returns undefined then. */
export async function undefinedOn<T>(
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
