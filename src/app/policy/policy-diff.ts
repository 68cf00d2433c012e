import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { nameOfArn, parseArn } from '../../core/arn.ts';
import { noMatch, usage } from '../../core/errors.ts';
import { type PolicyDifference, policyDifference } from '../../diagnose/iam/policy-difference.ts';
import { POLICY_KIND_NAMES, type PolicyKindName } from '../../provision/policy/policy-kinds.ts';
import { placeInUse, refuseElsewhere } from '../arn-scope.ts';
import type { Needs } from '../collaborators.ts';
import { fillPolicy } from './print-policy.ts';

/** Compares what two sides allow: a document, a role with all of its policies, or a kind of `policy`. */

export interface PolicyDiffRequest {
  /** A kind, `role/NAME` or the ARN of a role, or the path of a file. */
  readonly left: string;
  readonly right: string;
  /** Name of the bastion in the documents of kinds; `*` = any. */
  readonly name: string;
  /** Relative paths start here. */
  readonly cwd: string;
}

export interface PolicyDiff extends PolicyDifference {
  /** Placeholders of kinds whose values are not known, and that are compared as they are. */
  readonly unfilled: readonly string[];
}

type DiffNeeds = Needs<
  'account' | 'assets',
  'cluster' | 'container' | 'iamPath' | 'iamPrefix' | 'region' | 'service' | 'tags' | 'task'
>;

/** Throws `invalid-argument` (usage) for a file that is no IAM document, and `principal-not-found` (exit 3). */
export async function diffPolicies(request: PolicyDiffRequest, deps: DiffNeeds): Promise<PolicyDiff> {
  const [left, right] = await Promise.all([
    sideOf(request.left, request, deps),
    sideOf(request.right, request, deps),
  ]);
  return {
    ...policyDifference(left.documents, right.documents),
    unfilled: [...new Set([...left.unfilled, ...right.unfilled])],
  };
}

interface Side {
  /** JSON. */
  readonly documents: readonly string[];
  readonly unfilled: readonly string[];
}

async function sideOf(source: string, request: PolicyDiffRequest, deps: DiffNeeds): Promise<Side> {
  const kind = POLICY_KIND_NAMES.find((name) => name === source);
  if (kind !== undefined) return ofKind(kind, request, deps);
  if (/^(?:arn:[\w-]+:iam::\d{12}:)?role\/.+/.test(source)) return ofRole(source, deps);
  const text = await textOf(source, request.cwd);
  if (!isPolicy(text))
    throw usage('invalid-argument', `${source} is no IAM policy document`, {
      details: { expected: 'JSON with Statement' },
    });
  return { documents: [text], unfilled: [] };
}

async function ofKind(kind: PolicyKindName, { name }: PolicyDiffRequest, deps: DiffNeeds): Promise<Side> {
  const printed = await fillPolicy(
    {
      kind,
      name,
      account: undefined,
      database: undefined,
      format: 'json',
      check: undefined,
      iam: {},
      tags: [],
      types: [],
      images: [],
      values: { vpc: '*', 'database-user': '*' },
    },
    deps,
  );
  return { documents: [printed.text], unfilled: printed.unfilled };
}

async function ofRole(source: string, deps: Needs<'account'>): Promise<Side> {
  const account = await deps.account();
  const arn = parseArn(source);
  if (arn !== undefined) await refuseElsewhere([{ kind: 'role', value: source, arn }], placeInUse(account));
  const name = nameOfArn(source);
  const [iam, diagnosis] = await Promise.all([account.iam(), account.diagnosis()]);
  const role = await iam.role(name);
  if (role === undefined)
    throw noMatch('principal-not-found', `there is no role ${name} in this account`, {
      details: { principal: `role/${name}`, kind: 'role' },
    });
  // A boundary grants nothing; what it takes away is not part of the comparison.
  const { documents } = await diagnosis.rolePolicies(role.name, undefined);
  return { documents, unfilled: [] };
}

async function textOf(path: string, cwd: string): Promise<string> {
  try {
    return await readFile(resolve(cwd, path), 'utf8');
  } catch (error) {
    throw usage('invalid-argument', `there is no kind, role or file ${path}`, {
      details: { expected: 'a kind of document, role/NAME, or the path of a document' },
      cause: error,
    });
  }
}

function isPolicy(text: string): boolean {
  try {
    const document: unknown = JSON.parse(text);
    return typeof document === 'object' && document !== null && 'Statement' in document;
  } catch {
    return false;
  }
}
