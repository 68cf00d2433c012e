import { AwsError } from '../contracts.ts';

/**
 * Readers for decoded request parameters. Values from a query protocol are always text; JSON bodies have typed
 * values.
 */

export type Fields = Readonly<Record<string, unknown>>;

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Undefined if absent or empty, as AWS treats an empty parameter. */
export function optionalText(input: Fields, name: string): string | undefined {
  const value = input[name];
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Throws AwsError `code` if absent: `MissingParameter` (EC2), `ValidationError` (IAM, STS, RDS). */
export function requiredText(input: Fields, name: string, code = 'MissingParameter'): string {
  const value = optionalText(input, name);
  if (value === undefined) throw new AwsError(code, `The request must contain the parameter ${name}`);
  return value;
}

export function list(input: Fields, name: string): readonly unknown[] {
  const value = input[name];
  return Array.isArray(value) ? (value as readonly unknown[]) : [];
}

export const structures = (input: Fields, name: string): readonly Fields[] =>
  list(input, name).filter(isFields);

export const texts = (input: Fields, name: string): readonly string[] =>
  list(input, name).filter((item): item is string => typeof item === 'string');

export function structure(input: Fields, name: string): Fields | undefined {
  const value = input[name];
  return isFields(value) ? value : undefined;
}

export function flag(input: Fields, name: string): boolean | undefined {
  const value = optionalText(input, name);
  return value === undefined ? undefined : value.toLowerCase() === 'true';
}

/** Throws AwsError `InvalidParameterValue` if it is not a whole number. */
export function count(input: Fields, name: string): number | undefined {
  const value = optionalText(input, name);
  if (value === undefined) return undefined;
  const number = Number(value);
  if (!Number.isInteger(number)) {
    throw new AwsError('InvalidParameterValue', `Value (${value}) for parameter ${name} is invalid`);
  }
  return number;
}
