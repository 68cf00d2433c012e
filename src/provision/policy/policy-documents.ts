import { failed } from '../../core/errors.ts';

/**
 * IAM documents are files in policies/, with `${placeholders}` of lower-case letters and dashes. IAM's own variables
 * (`${aws:userid}`) have a colon and stay as they are.
 */
const PLACEHOLDER = /\$\{([a-z][a-z0-9-]*)\}/g;

/** A string; or a list, whose items replace a placeholder that is one whole item of a JSON array. */
export type PlaceholderValues = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface FillOptions {
  /** Statements to leave out, by Sid (a KMS grant without a key). */
  readonly omit?: readonly string[];
  /** Leaves unknown placeholders in the text instead of throwing; used for printing. */
  readonly keepUnknown?: boolean;
}

/** The document as compact JSON. Throws `placeholder-unfilled`, `policy-document-invalid`. */
export function fillDocument(
  name: string,
  template: string,
  values: PlaceholderValues,
  options: FillOptions = {},
): string {
  let parsed: unknown;
  try {
    parsed = JSON.parse(template);
  } catch (error) {
    throw failed('policy-document-invalid', `policies/${name} is not valid JSON`, { cause: error });
  }
  const unfilled = new Set<string>();
  const filled = fill(withoutStatements(parsed, options.omit ?? []), values, unfilled);
  if (unfilled.size > 0 && options.keepUnknown !== true) {
    const names = [...unfilled].join(', ');
    throw failed('placeholder-unfilled', `policies/${name} needs a value for ${names}`, {
      details: { document: name, placeholders: [...unfilled] },
    });
  }
  return JSON.stringify(filled);
}

function withoutStatements(document: unknown, omit: readonly string[]): unknown {
  if (omit.length === 0 || typeof document !== 'object' || document === null) return document;
  const statements: unknown = Reflect.get(document, 'Statement');
  if (!Array.isArray(statements)) return document;
  const kept = statements.filter((statement: unknown) => {
    const sid: unknown =
      typeof statement === 'object' && statement !== null ? Reflect.get(statement, 'Sid') : undefined;
    return typeof sid !== 'string' || !omit.includes(sid);
  });
  return { ...document, Statement: kept };
}

function fill(value: unknown, values: PlaceholderValues, unfilled: Set<string>): unknown {
  if (typeof value === 'string') return fillText(value, values, unfilled);
  if (Array.isArray(value)) {
    return value.flatMap((item: unknown) => {
      const alone = typeof item === 'string' ? /^\$\{([a-z][a-z0-9-]*)\}$/.exec(item)?.[1] : undefined;
      const list = alone === undefined ? undefined : values[alone];
      return typeof list === 'object' ? [...list] : [fill(item, values, unfilled)];
    });
  }
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]: [string, unknown]) => [
        fillText(key, values, unfilled),
        fill(item, values, unfilled),
      ]),
    );
  }
  return value;
}

function fillText(text: string, values: PlaceholderValues, unfilled: Set<string>): string {
  return text.replace(PLACEHOLDER, (whole, name: string) => {
    const value = values[name];
    if (typeof value === 'string') return value;
    unfilled.add(name);
    return whole;
  });
}

/** Canonical form for comparing documents: keys sorted, no white space. Undefined if it is not JSON. */
export function canonicalJson(text: string): string | undefined {
  try {
    return JSON.stringify(sorted(JSON.parse(text)));
  } catch {
    return undefined;
  }
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]: [string, unknown]) => [key, sorted(item)]),
  );
}
