import { AwsError } from '../contracts.ts';

/** Limits of a query request, checked before structures are built from it. */
export const QUERY_LIMITS = { parameters: 4096, depth: 12, listIndex: 2000 } as const;

interface Branch {
  readonly children: Map<string, Branch>;
  value: string | undefined;
}

const SEGMENT = /^[A-Za-z0-9][A-Za-z0-9_-]*$/;

/**
 * Decodes `Filter.1.Value.2=x` into nested structures and arrays. Member names are those of the wire. The `.member.`
 * levels of the AWS query protocol are removed, so a list is an array under its own name. Throws AwsError
 * `MalformedQueryString` beyond QUERY_LIMITS.
 */
export function decodeQueryForm(parameters: URLSearchParams): Record<string, unknown> {
  const root: Branch = { children: new Map(), value: undefined };
  let seen = 0;
  for (const [name, value] of parameters) {
    if (++seen > QUERY_LIMITS.parameters) throw malformed(`more than ${QUERY_LIMITS.parameters} parameters`);
    const path = name.split('.');
    if (path.length > QUERY_LIMITS.depth)
      throw malformed(`parameter ${name.slice(0, 100)} is nested too deep`);
    let branch = root;
    for (const segment of path) {
      if (!SEGMENT.test(segment)) throw malformed(`parameter name ${name.slice(0, 100)}`);
      if (isIndex(segment) && Number(segment) > QUERY_LIMITS.listIndex)
        throw malformed(`list index ${segment}`);
      const next = branch.children.get(segment) ?? { children: new Map(), value: undefined };
      branch.children.set(segment, next);
      branch = next;
    }
    branch.value = value;
  }
  return asStructure(root);
}

const malformed = (what: string): AwsError =>
  new AwsError('MalformedQueryString', `The query string contains a syntax error: ${what}`, 400);

const isIndex = (segment: string): boolean => /^\d{1,6}$/.test(segment);

function asValue(branch: Branch): unknown {
  if (branch.children.size === 0) return branch.value ?? '';
  const names = [...branch.children.keys()];
  if (names.every(isIndex)) {
    return names.sort((a, b) => Number(a) - Number(b)).map((name) => asValue(childOf(branch, name)));
  }
  const member = branch.children.get('member');
  if (names.length === 1 && member !== undefined) return asValue(member);
  return asStructure(branch);
}

function asStructure(branch: Branch): Record<string, unknown> {
  return Object.fromEntries([...branch.children].map(([name, child]) => [name, asValue(child)]));
}

function childOf(branch: Branch, name: string): Branch {
  return branch.children.get(name) ?? { children: new Map(), value: undefined };
}
