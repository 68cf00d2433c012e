import { access, failed, grantHint, ToolError, transport } from '../core/errors.ts';

/** SDK errors become ToolErrors here, by name and never by text: texts differ between services and change without notice. */

const DENIED = new Set([
  'AccessDenied',
  'AccessDeniedException',
  'UnauthorizedOperation',
  'UnauthorizedException',
  'AuthorizationError',
  'KMSAccessDeniedException',
]);
const EXPIRED = new Set(['ExpiredToken', 'ExpiredTokenException', 'RequestExpired', 'TokenRefreshRequired']);
const REFUSED = new Set([
  'AuthFailure',
  'InvalidClientTokenId',
  'InvalidAccessKeyId',
  'UnrecognizedClientException',
  'SignatureDoesNotMatch',
  'InvalidSignatureException',
  'IncompleteSignature',
  'MissingAuthenticationToken',
  'OptInRequired',
]);
const UNREACHABLE = new Set([
  'ENOTFOUND',
  'EAI_AGAIN',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'EPIPE',
]);

/** `fargate-connect policy KIND` that grants an action; undefined = no shipped document does. Commands know better: cli/refusals.ts. */
function policyKind(action: string): string | undefined {
  if (action === 'ecs:ExecuteCommand' || action === 'kms:GenerateDataKey') return 'exec';
  if (action === 'ssm:StartSession' || action === 'ssm:ResumeSession' || action === 'ssm:TerminateSession')
    return 'forward';
  if (action.startsWith('rds:')) return 'db';
  if (action.startsWith('ecs:')) return 'exec';
  if (/^(ec2|iam|ssm):/.test(action)) return 'operator';
  return undefined;
}

const propertyOf = (error: unknown, key: string): unknown =>
  typeof error === 'object' && error !== null ? Reflect.get(error, key) : undefined;

const stringOf = (error: unknown, key: string): string | undefined => {
  const value = propertyOf(error, key);
  return typeof value === 'string' && value !== '' ? value : undefined;
};

/** Name of a system error (`ECONNREFUSED`) anywhere in the chain of causes. */
function systemCode(error: unknown): string | undefined {
  for (let link: unknown = error, depth = 0; link !== undefined && depth < 5; depth++) {
    const code = stringOf(link, 'code') ?? stringOf(link, 'errno');
    if (code !== undefined && UNREACHABLE.has(code)) return code;
    const parts = propertyOf(link, 'errors');
    link = propertyOf(link, 'cause') ?? (Array.isArray(parts) ? (parts[0] as unknown) : undefined);
  }
  return undefined;
}

/** What an adapter knows better than the general table: SDK error name → the ToolError it means in this call. */
export type Translations = Readonly<Record<string, (message: string, error: unknown) => ToolError>>;

/**
 * Runs one AWS call. `action` is the IAM action it needs (`ecs:ListTasks`); it is named when AWS denies it.
 * Throws `access-denied`, `credentials-missing`, `credentials-expired`, `credentials-refused` (exit 4),
 * `aws-unreachable`, or `aws-error` with details `{ awsError, action, requestId }`.
 * `translations` are asked first; ToolErrors pass unchanged. `kind` is the document that grants the action, where several do.
 */
export async function mapped<T>(
  action: string,
  work: () => Promise<T>,
  translations: Translations = {},
  kind: string | undefined = policyKind(action),
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const translate = translations[stringOf(error, 'name') ?? ''];
    throw translate === undefined
      ? toToolError(action, error, kind)
      : translate(stringOf(error, 'message') ?? action, error);
  }
}

/**
 * The SDK's name of what AWS answered, e.g. `ClusterNotFoundException` or `InvalidGroup.NotFound`: of an error
 * that `mapped` threw, or of a raw SDK error. Services with modelled errors keep the suffix `Exception`.
 */
export function awsErrorName(error: unknown): string | undefined {
  if (error instanceof ToolError) {
    const name = error.details['awsError'];
    return typeof name === 'string' ? name : undefined;
  }
  return propertyOf(error, '$metadata') === undefined ? undefined : stringOf(error, 'name');
}

function toToolError(action: string, error: unknown, kind: string | undefined): ToolError {
  if (error instanceof ToolError) return error;
  const name = stringOf(error, 'name') ?? 'Error';
  const code = stringOf(error, 'Code') ?? name;
  const message = stringOf(error, 'message') ?? name;
  const requestId = stringOf(propertyOf(error, '$metadata'), 'requestId');
  const details = { awsError: name, action, requestId };
  const is = (names: ReadonlySet<string>): boolean => names.has(name) || names.has(code);

  if (is(DENIED)) {
    return access('access-denied', `not allowed to call ${action}: ${message}`, {
      hints: [
        ...(kind === undefined ? [] : [grantHint(kind)]),
        'aws sts get-caller-identity   # who is asking',
      ],
      details,
      cause: error,
    });
  }
  if (isCredentialsProblem(error)) return credentialsProblem(error, undefined);
  if (is(EXPIRED)) return expiredCredentials('aws sso login --profile NAME', undefined, details, error);
  if (is(REFUSED)) {
    return access('credentials-refused', `AWS refused the credentials for ${action}: ${message}`, {
      hints: [
        'aws sts get-caller-identity   # are they complete, and of the right account',
        'date -u   # a clock that is off by more than five minutes invalidates every signature',
      ],
      details,
      cause: error,
    });
  }
  const system = systemCode(error);
  if (system !== undefined || name === 'TimeoutError') {
    return transport('aws-unreachable', `no answer from AWS to ${action}: ${message}`, {
      hints: ['check the network, HTTPS_PROXY and the region (--region)'],
      details: { ...details, systemError: system },
      cause: error,
    });
  }
  return failed('aws-error', `${action} failed: ${code === 'Error' ? '' : `${code}: `}${message}`, {
    details,
    cause: error,
  });
}

/** Of a credential provider: no call was made. */
export function isCredentialsProblem(error: unknown): error is Error {
  return (
    error instanceof Error &&
    (error.name === 'CredentialsProviderError' || error.name === 'TokenProviderError')
  );
}

/**
 * Credential providers tell an expired sign-in apart from a missing one only by their message; it is looked at for
 * the remedy alone, both are exit 4.
 */
export function credentialsProblem(error: Error, profile: string | undefined): ToolError {
  const { message } = error;
  const login = `aws sso login --profile ${profile ?? 'NAME'}`;
  const expired = /expired|refresh|re-?authenticate|sso session/i.test(message);
  if (expired) return expiredCredentials(login, message, {}, error);
  const where = profile === undefined ? '' : ` in profile ${profile}`;
  return access('credentials-missing', `no AWS credentials${where}: ${firstSentence(message)}`, {
    hints: [
      ...(profile === undefined
        ? [`${login}   # then give --profile NAME`]
        : ['aws configure list-profiles   # is it one of them', login]),
      'or export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
      'fargate-connect demo   # needs no account',
    ],
    cause: error,
  });
}

function expiredCredentials(
  login: string,
  message: string | undefined,
  details: ToolError['details'],
  error: unknown,
): ToolError {
  return access(
    'credentials-expired',
    `the AWS credentials have expired${message === undefined ? '' : `: ${firstSentence(message)}`}`,
    {
      hints: [
        `${login}   # with single sign-on`,
        'otherwise export fresh AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN',
      ],
      details,
      cause: error,
    },
  );
}

const firstSentence = (message: string): string => message.split('\n')[0]?.replace(/\.$/, '') ?? message;
