import { AwsError } from '../contracts.ts';
import { isFields } from './fields.ts';

/** The body of an AWS JSON 1.1 request; an empty body is `{}`. Throws AwsError `SerializationException`. */
export function decodeJson(body: Uint8Array): Record<string, unknown> {
  if (body.byteLength === 0) return {};
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(body).toString('utf8'));
  } catch {
    throw new AwsError('SerializationException', 'the request body is not JSON');
  }
  if (!isFields(value)) throw new AwsError('SerializationException', 'the request body is not a JSON object');
  return { ...value };
}

/** Dates become epoch seconds, blobs base64. */
export function encodeJson(value: unknown): string {
  return JSON.stringify(prepared(value ?? {}));
}

function prepared(value: unknown): unknown {
  if (value instanceof Date) return value.getTime() / 1000;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (Array.isArray(value)) return value.map(prepared);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, prepared(member)]));
  }
  return value;
}
