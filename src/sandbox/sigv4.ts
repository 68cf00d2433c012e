import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { AwsError, type Principal } from './contracts.ts';

/** Verification of AWS Signature Version 4, in headers and presigned. */

export type SignatureFailure = 'missing' | 'unknown-key' | 'mismatch' | 'expired-token' | 'skewed';

/** What the account stores for an access key. */
export interface AccessKey {
  readonly secretAccessKey: string;
  /** Present for temporary credentials; a request must then carry it. */
  readonly sessionToken: string | undefined;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number | undefined;
  readonly principal: Principal;
}

export interface SignedRequest {
  readonly method: string;
  /** Path and query as received. */
  readonly url: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Uint8Array;
}

/** Credential scope and signature of a request, not yet checked. */
export interface Signature {
  readonly accessKeyId: string;
  readonly date: string;
  readonly region: string;
  readonly service: string;
  /** `YYYYMMDDThhmmssZ` */
  readonly timestamp: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  readonly sessionToken: string | undefined;
  /** Seconds a presigned request is valid; undefined if signed in the headers. */
  readonly expires: number | undefined;
}

const MAX_SKEW_MS = 15 * 60 * 1000;
const UNSIGNED = 'UNSIGNED-PAYLOAD';

/** Undefined if the request has no signature, or none that can be parsed. */
export function signatureOf(request: SignedRequest): Signature | undefined {
  const query = queryOf(request.url);
  if (query.has('X-Amz-Signature')) {
    return assemble({
      credential: query.get('X-Amz-Credential'),
      signedHeaders: query.get('X-Amz-SignedHeaders'),
      signature: query.get('X-Amz-Signature'),
      timestamp: query.get('X-Amz-Date'),
      sessionToken: query.get('X-Amz-Security-Token') ?? undefined,
      expires: Number(query.get('X-Amz-Expires') ?? '0'),
    });
  }
  const authorization = header(request, 'authorization');
  const match = /^AWS4-HMAC-SHA256 +(.+)$/.exec(authorization ?? '');
  if (match === null) return undefined;
  const parts = new Map(
    (match[1] ?? '').split(',').map((part) => {
      const equals = part.indexOf('=');
      return [part.slice(0, equals).trim(), part.slice(equals + 1).trim()];
    }),
  );
  return assemble({
    credential: parts.get('Credential') ?? null,
    signedHeaders: parts.get('SignedHeaders') ?? null,
    signature: parts.get('Signature') ?? null,
    timestamp: header(request, 'x-amz-date') ?? null,
    sessionToken: header(request, 'x-amz-security-token'),
    expires: undefined,
  });
}

function assemble(parts: {
  credential: string | null;
  signedHeaders: string | null;
  signature: string | null;
  timestamp: string | null;
  sessionToken: string | undefined;
  expires: number | undefined;
}): Signature | undefined {
  const scope = /^(.+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request$/.exec(parts.credential ?? '');
  const [, accessKeyId, date, region, service] = scope ?? [];
  if (
    accessKeyId === undefined ||
    date === undefined ||
    region === undefined ||
    service === undefined ||
    parts.signedHeaders === null ||
    parts.signature === null ||
    parts.timestamp === null
  ) {
    return undefined;
  }
  return {
    accessKeyId,
    date,
    region,
    service,
    timestamp: parts.timestamp,
    signedHeaders: parts.signedHeaders.split(';'),
    signature: parts.signature,
    sessionToken: parts.sessionToken,
    expires: parts.expires,
  };
}

export type Verified =
  | { readonly ok: true; readonly principal: Principal; readonly signature: Signature }
  | { readonly ok: false; readonly failure: SignatureFailure };

/** Checks access key, token, time and signature, in the order in which AWS reports their errors. */
export function verifySignature(
  request: SignedRequest,
  lookup: (accessKeyId: string) => AccessKey | undefined,
  now: number,
): Verified {
  const signature = signatureOf(request);
  if (signature === undefined) return { ok: false, failure: 'missing' };
  const key = lookup(signature.accessKeyId);
  if (key === undefined) return { ok: false, failure: 'unknown-key' };
  if (key.sessionToken !== signature.sessionToken) return { ok: false, failure: 'unknown-key' };
  if (!isTimely(signature, now)) return { ok: false, failure: 'skewed' };
  const expected = computeSignature(request, signature, key.secretAccessKey);
  if (!sameDigest(expected, signature.signature)) return { ok: false, failure: 'mismatch' };
  if (key.expiresAt !== undefined && now >= key.expiresAt) return { ok: false, failure: 'expired-token' };
  return { ok: true, principal: key.principal, signature };
}

/**
 * Returns who signed a WebSocket upgrade, in headers or presigned; undefined if it is unsigned, as plugins before
 * 1.2.764 send it. Throws AwsError (403) for a signature that is not accepted.
 */
export function verifyUpgrade(
  request: IncomingMessage,
  lookup: (accessKeyId: string) => AccessKey | undefined,
  now: number,
): Principal | undefined {
  const { method = 'GET', url = '/', headers } = request;
  const verified = verifySignature({ method, url, headers, body: new Uint8Array(0) }, lookup, now);
  if (!verified.ok) {
    if (verified.failure === 'missing') return undefined;
    throw new AwsError(
      'Forbidden',
      `the signature of the upgrade is not acceptable: ${verified.failure}`,
      403,
    );
  }
  if (verified.signature.service !== 'ssmmessages') {
    throw new AwsError('Forbidden', 'the upgrade is signed for another service than ssmmessages', 403);
  }
  return verified.principal;
}

function isTimely(signature: Signature, now: number): boolean {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(signature.timestamp);
  if (match === null || !signature.timestamp.startsWith(signature.date)) return false;
  const [, year, month, day, hour, minute, second] = match.map(Number);
  const at = Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute, second);
  if (signature.expires === undefined) return Math.abs(now - at) <= MAX_SKEW_MS;
  return now >= at - MAX_SKEW_MS && now <= at + signature.expires * 1000;
}

function computeSignature(request: SignedRequest, signature: Signature, secret: string): string {
  const scope = `${signature.date}/${signature.region}/${signature.service}/aws4_request`;
  const toSign = [
    'AWS4-HMAC-SHA256',
    signature.timestamp,
    scope,
    sha256(canonicalRequest(request, signature)),
  ];
  let key: Buffer = hmac(`AWS4${secret}`, signature.date);
  for (const part of [signature.region, signature.service, 'aws4_request']) key = hmac(key, part);
  return hmac(key, toSign.join('\n')).toString('hex');
}

function canonicalRequest(request: SignedRequest, signature: Signature): string {
  const [path = '/'] = request.url.split('?');
  const headers = signature.signedHeaders.map(
    (name) => `${name}:${(header(request, name) ?? '').trim().replace(/\s+/g, ' ')}\n`,
  );
  return [
    request.method,
    // Every service except S3 encodes each path segment twice; the received path is encoded once already.
    path.split('/').map(encode).join('/'),
    canonicalQuery(request.url),
    headers.join(''),
    signature.signedHeaders.join(';'),
    payloadHash(request),
  ].join('\n');
}

function canonicalQuery(url: string): string {
  return [...queryOf(url)]
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => [encode(name), encode(value)] as const)
    .sort(([a, x], [b, y]) => compare(a, b) || compare(x, y))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/**
 * The hash is computed from the body and never taken from the header, so a declared hash that differs from the body's
 * is a mismatch.
 */
function payloadHash(request: SignedRequest): string {
  const declared = header(request, 'x-amz-content-sha256');
  return declared === UNSIGNED ? UNSIGNED : sha256(request.body);
}

function queryOf(url: string): URLSearchParams {
  const mark = url.indexOf('?');
  // URLSearchParams reads "+" as a space; signed query strings write a plus sign as %2B, so both interpretations
  // agree.
  return new URLSearchParams(mark === -1 ? '' : url.slice(mark + 1));
}

function header(request: SignedRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' ? value : value?.join(',');
}

const encode = (text: string): string =>
  encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );

const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');
const hmac = (key: string | Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest();

function sameDigest(expected: string, given: string): boolean {
  const a = Buffer.from(expected);
  const b = Buffer.from(given);
  return a.byteLength === b.byteLength && timingSafeEqual(a, b);
}
