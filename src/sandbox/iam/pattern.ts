/** IAM's wildcard patterns with policy variables (IAM User Guide, "policy variables" and "Resource"). */

/** Values of the request's condition keys, by lower-case key. */
export type ContextValues = ReadonlyMap<string, readonly string[]>;

const ANY = Symbol('*');
const ONE = Symbol('?');

/** Literal characters and the two wildcards, variables already replaced. */
export type Pattern = readonly (string | typeof ANY | typeof ONE)[];

export interface PatternOptions {
  /** Undefined where variables are not replaced: in policy version 2008-10-17 and in actions. */
  readonly variables: ContextValues | undefined;
  readonly wildcards: boolean;
}

/** Undefined if a variable has no value or several values, and no default: such a pattern matches nothing. */
export function compilePattern(source: string, options: PatternOptions): Pattern | undefined {
  const pattern: (string | typeof ANY | typeof ONE)[] = [];
  for (let at = 0; at < source.length;) {
    const character = source.charAt(at);
    if (options.variables !== undefined && source.startsWith('${', at)) {
      const end = source.indexOf('}', at);
      if (end !== -1) {
        const value = resolveVariable(source.slice(at + 2, end), options.variables);
        if (value === undefined) return undefined;
        pattern.push(...units(value));
        at = end + 1;
        continue;
      }
    }
    if (options.wildcards && character === '*') pattern.push(ANY);
    else if (options.wildcards && character === '?') pattern.push(ONE);
    else pattern.push(character);
    at++;
  }
  return pattern;
}

/** `aws:username`, `aws:PrincipalTag/team, 'none'`, or one of the literals `*`, `?`, `$`. */
function resolveVariable(inside: string, values: ContextValues): string | undefined {
  if (inside === '*' || inside === '?' || inside === '$') return inside;
  const withDefault = /^(.*?),\s*'(.*)'$/.exec(inside);
  const found = values.get((withDefault?.[1] ?? inside).trim().toLowerCase());
  if (found?.length === 1) return found[0];
  return found === undefined ? withDefault?.[2] : undefined;
}

/** Takes time linear in the value's length for each wildcard, so a policy cannot cause exponential backtracking. */
export function matchesPattern(pattern: Pattern, value: string): boolean {
  const characters = units(value);
  let p = 0;
  let v = 0;
  let restartPattern = -1;
  let restartValue = -1;
  while (v < characters.length) {
    const token = pattern[p];
    if (token === ANY) {
      restartPattern = ++p;
      restartValue = v;
    } else if (token !== undefined && (token === ONE || token === characters[v])) {
      p++;
      v++;
    } else if (restartPattern !== -1) {
      p = restartPattern;
      v = ++restartValue;
    } else {
      return false;
    }
  }
  while (pattern[p] === ANY) p++;
  return p === pattern.length;
}

/** UTF-16 code units, the same division as in compilePattern. */
const units = (value: string): readonly string[] =>
  Array.from({ length: value.length }, (_, index) => value.charAt(index));

/** Matches `service:Action` against `service:Act*`; case does not matter. */
export function matchesAction(pattern: string, action: string): boolean {
  const compiled = compilePattern(pattern.toLowerCase(), { variables: undefined, wildcards: true });
  return compiled !== undefined && matchesPattern(compiled, action.toLowerCase());
}

/**
 * Matches an ARN against a pattern. `*` alone matches everything; otherwise the six segments are matched one by one,
 * so that a wildcard does not match one of the first five colons. Missing segments of a short pattern count as `*`.
 */
export function matchesArn(pattern: string, arn: string, variables: ContextValues | undefined): boolean {
  if (pattern === '*') return true;
  const wanted = segments(pattern);
  const given = segments(arn);
  if (given.length < 6) return false;
  return given.every((segment, index) => {
    const compiled = compilePattern(wanted[index] ?? '*', { variables, wildcards: true });
    return compiled !== undefined && matchesPattern(compiled, segment);
  });
}

/** Splits at the first five colons that are outside a variable. */
function segments(arn: string): readonly string[] {
  const parts: string[] = [];
  let start = 0;
  let inVariable = false;
  for (let at = 0; at < arn.length && parts.length < 5; at++) {
    if (arn.startsWith('${', at)) inVariable = true;
    else if (arn.charAt(at) === '}') inVariable = false;
    else if (arn.charAt(at) === ':' && !inVariable) {
      parts.push(arn.slice(start, at));
      start = at + 1;
    }
  }
  parts.push(arn.slice(start));
  return parts;
}
