import { access, failed, ToolError, transport } from '../core/errors.ts';
import { regionsMeant } from '../core/regions.ts';
import { denialOf } from './denial.ts';
import { isCredentialsProblem } from './credential-errors.ts';
import {
  EXPIRED,
  isDenied,
  isNamed,
  propertyOf,
  REFUSED,
  stringOf,
  systemCode,
  THROTTLED,
} from './error-names.ts';

/**
 * SDK errors become ToolErrors here, by name and never by text: texts differ between services and change without
 * notice. Only the policy that refused a call is read from the text (denial.ts), and it changes only the advice.
 */

/** For errors that mean something special in one call: SDK error name → the ToolError that it means there. */
export type Translations = Readonly<Record<string, (message: string, error: unknown) => ToolError>>;

/**
 * Runs one AWS call. `action` is the IAM action that it needs (`ecs:ListTasks`); the error names it when AWS denies the
 * call. Throws `access-denied`, `credentials-missing`, `credentials-expired`, `credentials-refused` (exit 4),
 * `aws-unreachable`, `aws-throttled`, or `aws-error` with details `{ awsError, action, requestId }`. `translations` are
 * applied first; ToolErrors pass unchanged.
 */
export async function mapped<T>(
  action: string,
  work: () => Promise<T>,
  translations: Translations = {},
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const translate = translations[stringOf(error, 'name') ?? ''];
    throw translate === undefined
      ? toToolError(action, error)
      : translate(stringOf(error, 'message') ?? action, error);
  }
}

/**
 * The SDK's name for AWS's error, e.g. `ClusterNotFoundException` or `InvalidGroup.NotFound`: of an error that `mapped`
 * threw, or of a raw SDK error. Services with modelled errors keep the suffix `Exception`.
 */
export function awsErrorName(error: unknown): string | undefined {
  if (error instanceof ToolError) {
    const name = error.details['awsError'];
    return typeof name === 'string' ? name : undefined;
  }
  return propertyOf(error, '$metadata') === undefined ? undefined : stringOf(error, 'name');
}

/** The host that DNS does not know; '' for other errors. */
const hostOf = (error: unknown): string =>
  stringOf(error, 'code') === 'ENOTFOUND' ? (stringOf(error, 'hostname') ?? '') : '';

function toToolError(action: string, error: unknown): ToolError {
  if (error instanceof ToolError) return error;
  const name = stringOf(error, 'name') ?? 'Error';
  const code = stringOf(error, 'Code') ?? name;
  const message = stringOf(error, 'message') ?? name;
  const requestId = stringOf(propertyOf(error, '$metadata'), 'requestId');
  const details = { awsError: name, action, requestId };

  if (isDenied(error)) {
    const { message: reason, action: named = action, ...denial } = denialOf(message);
    return access('access-denied', `not allowed to call ${named}: ${reason}`, {
      details: { ...details, ...denial, action: named },
      cause: error,
    });
  }
  if (isCredentialsProblem(error)) {
    return access('credentials-missing', `no AWS credentials: ${message}`, { details, cause: error });
  }
  if (isNamed(error, EXPIRED)) {
    return access('credentials-expired', `the AWS credentials have expired: ${message}`, {
      details,
      cause: error,
    });
  }
  if (isNamed(error, REFUSED)) {
    return access('credentials-refused', `AWS refused the credentials for ${action}: ${message}`, {
      details,
      cause: error,
    });
  }
  if (isNamed(error, THROTTLED)) {
    const answer = `${code}: ${message}`;
    return failed(
      'aws-throttled',
      `AWS refuses ${action} for now, because there were too many calls (${answer})`,
      {
        details,
        cause: error,
      },
    );
  }
  const system = systemCode(error);
  if (system !== undefined || name === 'TimeoutError') {
    return transport('aws-unreachable', `no answer from AWS to ${action}: ${message}`, {
      details: { ...details, systemError: system, regions: regionsMeant(hostOf(error)) },
      cause: error,
    });
  }
  return failed('aws-error', `${action} failed: ${code === 'Error' ? '' : `${code}: `}${message}`, {
    details,
    cause: error,
  });
}
