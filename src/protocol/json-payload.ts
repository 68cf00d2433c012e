/**
 * Reads JSON payloads of a peer. The peer is not trusted, and reading never throws; absent members and members of a
 * wrong type are both undefined.
 */

export type JsonObject = Readonly<Record<string, unknown>>;

/** Undefined unless the text is a JSON object. */
export function parseObject(json: string): JsonObject | undefined {
  try {
    return asObject(JSON.parse(json));
  } catch {
    return undefined;
  }
}

export const asObject = (value: unknown): JsonObject | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;

export function textMember(object: JsonObject | undefined, name: string): string | undefined {
  const value = object?.[name];
  return typeof value === 'string' ? value : undefined;
}

/** Undefined also for fractions and for integers that a double cannot hold exactly. */
export function numberMember(object: JsonObject | undefined, name: string): number | undefined {
  const value = object?.[name];
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined;
}

export function listMember(object: JsonObject | undefined, name: string): readonly unknown[] | undefined {
  const value = object?.[name];
  return Array.isArray(value) ? value : undefined;
}
