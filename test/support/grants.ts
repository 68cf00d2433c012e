import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { DEFAULT_TYPES } from '../../src/provision/capacity/pool.ts';
import { type PolicyKindName, POLICY_KINDS, printPolicy } from '../../src/provision/policy/policy-kinds.ts';
import type { PlaceholderValues } from '../../src/provision/policy/policy-documents.ts';
import type { CliOutcome } from './cli-in-process.ts';

/** Shipped documents with their values filled in, and the outcome of a flow when one grant is removed from them. */

export const POLICIES = join(import.meta.dirname, '..', '..', 'policies');

export interface Statement {
  readonly Sid: string;
  readonly Effect: 'Allow' | 'Deny';
  readonly Action: string | readonly string[];
  readonly Resource?: unknown;
}
export interface Document {
  readonly Version: string;
  readonly Statement: readonly Statement[];
}

const VALUES = {
  partition: 'aws',
  account: '111122223333',
  'vpc-owner': '111122223333',
  region: 'eu-west-1',
  container: '*',
  'instance-types': DEFAULT_TYPES,
  'ec2-principals': ['ec2.amazonaws.com'],
};

/** The document that `policy KIND` prints with these values. */
export function shippedDocument(kind: PolicyKindName, values: PlaceholderValues): Document {
  const templates = Object.fromEntries(
    POLICY_KINDS[kind].files.map((file) => [file, readFileSync(join(POLICIES, `${file}.json`), 'utf8')]),
  );
  return JSON.parse(printPolicy(kind, templates, { ...VALUES, ...values }).text) as Document;
}

export interface Grant {
  readonly sid: string;
  readonly action: string;
}

/** Every action of every statement with this effect. */
export const grantsOf = (document: Document, effect: Statement['Effect'] = 'Allow'): readonly Grant[] =>
  document.Statement.filter((statement) => statement.Effect === effect).flatMap((statement) =>
    [statement.Action].flat().map((action) => ({ sid: statement.Sid, action })),
  );

/**
 * The document without that action of that statement. IAM accepts no empty document, so the last statement stays with
 * an action that does not exist.
 */
export function without(document: Document, { sid, action }: Grant): Document {
  const kept = document.Statement.flatMap((statement) => {
    if (statement.Sid !== sid) return [statement];
    const rest = [statement.Action].flat().filter((each) => each !== action);
    return rest.length === 0 ? [] : [{ ...statement, Action: rest }];
  });
  const [only] = document.Statement;
  const Statement = kept.length > 0 || only === undefined ? kept : [{ ...only, Action: 'nothing:AtAll' }];
  return { ...document, Statement };
}

/**
 * Runs the flow with these documents; resolves with the first outcome that is not the expected one, or with the last
 * outcome.
 */
export type Flow = (documents: readonly Document[]) => Promise<CliOutcome>;

/** How the absence of a grant shows. */
export type Symptom = (outcome: CliOutcome, grant: Grant) => boolean;

/** The default symptom: exit 4 with the name of the action. */
export const denied: Symptom = (outcome, { action }) =>
  outcome.status === 4 && outcome.stderr.includes(action);

/** Grants that AWS refuses to a machine and never to us, so that the flow itself cannot name them. */
export interface Unnamed {
  /** `Sid action` → the symptom of its absence. */
  readonly shows: Readonly<Record<string, Symptom>>;
  /** The flow that names it with exit 4: `policy KIND --check`. */
  readonly check: Flow;
}

export interface Proof {
  /** The number of grants that were removed, one at a time. */
  readonly tried: number;
  /** Grants whose absence had no effect. */
  readonly idle: readonly string[];
}

/** Removes each grant of each document in turn. */
export async function proveGrants(
  documents: readonly Document[],
  flow: Flow,
  options: {
    readonly unnamed?: Unnamed | undefined;
    /** Documents that the flow also needs, and that are not changed. */
    readonly beside?: readonly Document[];
    readonly after?: (grant: Grant) => Promise<void>;
  } = {},
): Promise<Proof> {
  const { unnamed, beside = [] } = options;
  const idle: string[] = [];
  let tried = 0;
  for (const [index, part] of documents.entries()) {
    for (const grant of grantsOf(part)) {
      const reduced = [
        ...documents.map((each, at) => (at === index ? without(each, grant) : each)),
        ...beside,
      ];
      const name = `${grant.sid} ${grant.action}`;
      const expectShown = (outcome: CliOutcome, symptom: Symptom): void => {
        if (!symptom(outcome, grant))
          idle.push(`${name}: exit ${outcome.status} ${outcome.stderr.slice(-300)}`);
      };
      const symptom = unnamed?.shows[name];
      expectShown(await flow(reduced), symptom ?? denied);
      if (unnamed !== undefined && symptom !== undefined) expectShown(await unnamed.check(reduced), denied);
      tried++;
      await options.after?.(grant);
    }
  }
  return { tried, idle };
}

/** One line for the log of the test run. */
export function tellProof(what: string, proof: Proof): void {
  process.stdout.write(`policy proof of ${what}: ${proof.tried} grants, ${proof.idle.length} not needed\n`);
}
