/**
 * What the names of errors mean, for AWS's services, the SDK and Node. Error texts differ and change without notice.
 */

const DENIED = new Set([
  'AccessDenied',
  'AccessDeniedException',
  'UnauthorizedOperation',
  'UnauthorizedException',
  'AuthorizationError',
  'KMSAccessDeniedException',
]);
/** Names of the errors with which AWS answers to credentials that have ended. */
export const EXPIRED = new Set([
  'ExpiredToken',
  'ExpiredTokenException',
  'RequestExpired',
  'TokenRefreshRequired',
]);
/** Names of the errors with which AWS answers to credentials that it does not know, or to a wrong signature. */
export const REFUSED = new Set([
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

export const propertyOf = (error: unknown, key: string): unknown =>
  typeof error === 'object' && error !== null ? Reflect.get(error, key) : undefined;

export const stringOf = (error: unknown, key: string): string | undefined => {
  const value = propertyOf(error, key);
  return typeof value === 'string' && value !== '' ? value : undefined;
};

/** Name of a system error (`ECONNREFUSED`) anywhere in the chain of causes. */
export function systemCode(error: unknown): string | undefined {
  for (let link: unknown = error, depth = 0; link !== undefined && depth < 5; depth++) {
    const code = stringOf(link, 'code') ?? stringOf(link, 'errno');
    if (code !== undefined && UNREACHABLE.has(code)) return code;
    const parts = propertyOf(link, 'errors');
    link = propertyOf(link, 'cause') ?? (Array.isArray(parts) ? (parts[0] as unknown) : undefined);
  }
  return undefined;
}

/** Names that mean too many calls in a short time. */
export const THROTTLED = new Set([
  'Throttling',
  'ThrottlingException',
  'ThrottledException',
  'RequestLimitExceeded',
  'RequestThrottled',
  'RequestThrottledException',
  'TooManyRequestsException',
  'EC2ThrottledException',
]);

/** True if IAM, or a service on its behalf, refused the call. */
export const isDenied = (error: unknown): boolean => isNamed(error, DENIED);

/** Services with a query protocol put the name into `Code` when the SDK has no class for it. */
export function isNamed(error: unknown, names: ReadonlySet<string>): boolean {
  const name = stringOf(error, 'name') ?? '';
  return names.has(name) || names.has(stringOf(error, 'Code') ?? name);
}
