import { AwsError } from '../contracts.ts';

/**
 * Typed access to the members of an operation's input. A member of the wrong JSON type is a SerializationException,
 * as the JSON services answer.
 */

type Input = Readonly<Record<string, unknown>>;

const wrongType = (name: string): AwsError =>
  new AwsError('SerializationException', `unexpected type of member '${name}'`);

export function optionalText(input: Input, name: string): string | undefined {
  const value = input[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw wrongType(name);
  return value;
}

/** Throws `code` with AWS's message if the member is absent or empty. */
export function requiredText(input: Input, name: string, code = 'ValidationException'): string {
  const value = optionalText(input, name);
  if (value === undefined || value === '') throw new AwsError(code, `${name} must not be empty.`);
  return value;
}

export function optionalFlag(input: Input, name: string): boolean | undefined {
  const value = input[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'boolean') throw wrongType(name);
  return value;
}

export function optionalCount(input: Input, name: string): number | undefined {
  const value = input[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number' || !Number.isInteger(value)) throw wrongType(name);
  return value;
}

export function textList(input: Input, name: string): readonly string[] {
  const value = input[name];
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw wrongType(name);
  return value.map((item: unknown) => {
    if (typeof item !== 'string') throw wrongType(name);
    return item;
  });
}

export function structList(input: Input, name: string): readonly Input[] {
  const value = input[name];
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw wrongType(name);
  return value.map((item: unknown) => asStruct(item, name));
}

function asStruct(value: unknown, name: string): Input {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrongType(name);
  return value as Input;
}

/** A map of text to text. */
export function textMap(input: Input, name: string): Readonly<Record<string, string>> {
  const value = input[name];
  if (value === undefined || value === null) return {};
  return Object.fromEntries(
    Object.entries(asStruct(value, name)).map(([key, item]) => {
      if (typeof item !== 'string') throw wrongType(`${name}.${key}`);
      return [key, item];
    }),
  );
}

/** A map of text to list of text: StartSession's Parameters. */
export function textListMap(input: Input, name: string): Readonly<Record<string, readonly string[]>> {
  const value = input[name];
  if (value === undefined || value === null) return {};
  const struct = asStruct(value, name);
  return Object.fromEntries(Object.keys(struct).map((key) => [key, textList(struct, key)]));
}

/** A blob: base64 text on the wire, or bytes if the front decoded it. */
export function requiredBlob(input: Input, name: string): Uint8Array {
  const value = input[name];
  if (value instanceof Uint8Array) return value;
  if (typeof value !== 'string') throw wrongType(name);
  return new Uint8Array(Buffer.from(value, 'base64'));
}
