import { AwsError } from '../contracts.ts';
import { isFields } from '../wire/fields.ts';
import { type Condition, parseOperator } from './conditions.ts';

/** Policy documents as IAM accepts them; any other document is refused with MalformedPolicyDocument. */

export interface Statement {
  /** `Sid`, or the position in the document (from 0). */
  readonly id: string;
  readonly effect: 'Allow' | 'Deny';
  readonly actions: Selection;
  readonly resources: Selection;
  readonly conditions: readonly Condition[];
  /** Trust policies only: who may assume the role, e.g. `Service:ec2.amazonaws.com`, `AWS:arn:…`, `*`. */
  readonly principals: readonly string[];
}

/** Patterns; with `negated`, everything that the patterns do not match. */
export interface Selection {
  readonly negated: boolean;
  readonly patterns: readonly string[];
}

export interface PolicyDocument {
  /** False for version 2008-10-17, where `${…}` is literal text. */
  readonly variables: boolean;
  readonly statements: readonly Statement[];
}

const IDENTITY_MEMBERS = ['Sid', 'Effect', 'Action', 'NotAction', 'Resource', 'NotResource', 'Condition'];
const TRUST_MEMBERS = ['Sid', 'Effect', 'Action', 'NotAction', 'Principal', 'NotPrincipal', 'Condition'];

/** `document` is JSON text or the parsed value. Throws AwsError `MalformedPolicyDocument`. */
export function parsePolicy(document: unknown, kind: 'identity' | 'trust' = 'identity'): PolicyDocument {
  const root = typeof document === 'string' ? parseText(document) : document;
  if (!isFields(root)) throw malformed('Syntax errors in policy.');
  for (const name of Object.keys(root)) {
    if (!['Version', 'Id', 'Statement'].includes(name)) throw malformed('Syntax errors in policy.');
  }
  const version = root['Version'] ?? '2008-10-17';
  if (version !== '2012-10-17' && version !== '2008-10-17') {
    throw malformed('The policy must contain a valid version string');
  }
  const raw = Array.isArray(root['Statement']) ? (root['Statement'] as unknown[]) : [root['Statement']];
  if (raw.length === 0 || raw[0] === undefined) throw malformed('Syntax errors in policy.');
  const statements = raw.map((statement, index) => parseStatement(statement, index, kind));
  const ids = statements.map((statement) => statement.id);
  if (new Set(ids).size !== ids.length) {
    throw malformed('Statement IDs (SID) in a single policy must be unique.');
  }
  return { variables: version === '2012-10-17', statements };
}

function parseText(document: string): unknown {
  try {
    return JSON.parse(document);
  } catch {
    throw malformed('This policy contains invalid Json');
  }
}

function parseStatement(value: unknown, index: number, kind: 'identity' | 'trust'): Statement {
  if (!isFields(value)) throw malformed('Syntax errors in policy.');
  const members = kind === 'identity' ? IDENTITY_MEMBERS : TRUST_MEMBERS;
  for (const name of Object.keys(value)) {
    if (members.includes(name)) continue;
    if (name === 'Principal') throw malformed('Policy document should not specify a principal.');
    if (name === 'Resource') throw malformed('Has prohibited field Resource');
    throw malformed('Syntax errors in policy.');
  }
  const sid = value['Sid'];
  if (sid !== undefined && (typeof sid !== 'string' || !/^[0-9A-Za-z]*$/.test(sid))) {
    throw malformed(
      `Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*`,
    );
  }
  const effect = value['Effect'];
  if (effect !== 'Allow' && effect !== 'Deny') throw malformed(`Invalid effect: ${String(effect)}`);
  const actions = selection(value, 'Action', 'NotAction');
  if (actions === undefined) throw malformed('Policy statement must contain actions.');
  for (const pattern of actions.patterns) {
    if (pattern !== '*' && !/^[a-z0-9-]+:[A-Za-z0-9*?]+$/i.test(pattern)) {
      throw malformed('Actions/Conditions must be prefaced with a vendor, e.g., iam, sdb, ec2, etc.');
    }
  }
  const resources = kind === 'trust' ? { negated: false, patterns: ['*'] } : identityResources(value);
  return {
    id: sid === undefined || sid === '' ? String(index) : sid,
    effect,
    actions,
    resources,
    conditions: parseConditions(value['Condition']),
    principals: kind === 'trust' ? parsePrincipals(value['Principal']) : [],
  };
}

function identityResources(value: Readonly<Record<string, unknown>>): Selection {
  const resources = selection(value, 'Resource', 'NotResource');
  if (resources === undefined) throw malformed('Policy statement must contain resources.');
  for (const pattern of resources.patterns) {
    if (pattern !== '*' && !/^arn:[^:]*:[^:]*:[^:]*:[^:]*:.+$/.test(pattern.replace(/\$\{[^}]*\}/g, 'x'))) {
      throw malformed(`Resource ${pattern} must be in ARN format or "*".`);
    }
  }
  return resources;
}

function selection(
  value: Readonly<Record<string, unknown>>,
  positive: string,
  negative: string,
): Selection | undefined {
  const [yes, no] = [value[positive], value[negative]];
  if (yes !== undefined && no !== undefined) throw malformed('Syntax errors in policy.');
  const given = yes ?? no;
  if (given === undefined) return undefined;
  const patterns = textList(given);
  if (patterns.length === 0) return undefined;
  return { negated: no !== undefined, patterns };
}

function parseConditions(value: unknown): readonly Condition[] {
  if (value === undefined) return [];
  if (!isFields(value)) throw malformed('Syntax errors in policy.');
  return Object.entries(value).flatMap(([name, keys]) => {
    const operator = parseOperator(name);
    if (operator === undefined) throw malformed(`Invalid Condition type : ${name}.`);
    if (!isFields(keys)) throw malformed('Syntax errors in policy.');
    return Object.entries(keys).map(([key, values]) => {
      if (!key.includes(':')) {
        throw malformed('Actions/Conditions must be prefaced with a vendor, e.g., iam, sdb, ec2, etc.');
      }
      return { operator, key, values: textList(values) };
    });
  });
}

function parsePrincipals(value: unknown): readonly string[] {
  if (value === '*') return ['*'];
  if (!isFields(value)) throw malformed('Missing required field Principal');
  return Object.entries(value).flatMap(([type, names]) => textList(names).map((name) => `${type}:${name}`));
}

function textList(value: unknown): readonly string[] {
  const items = Array.isArray(value) ? (value as readonly unknown[]) : [value];
  return items.map((item) => {
    if (typeof item === 'boolean' || typeof item === 'number') return String(item);
    if (typeof item !== 'string') throw malformed('Syntax errors in policy.');
    return item;
  });
}

const malformed = (message: string): AwsError => new AwsError('MalformedPolicyDocument', message, 400);
