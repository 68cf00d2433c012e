import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { type PolicyKindName, POLICY_KINDS, printPolicy } from '../../../src/provision/policy-kinds.ts';
import type { PlaceholderValues } from '../../../src/provision/policy-documents.ts';
import type { CliOutcome } from './cli-in-process.ts';

/** Shipped documents, filled in, and what becomes of a flow when one grant is taken out of them. */

const FOLDER = join(import.meta.dirname, '..', '..', '..', 'policies');

export interface Statement {
  readonly Sid: string;
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource?: unknown;
}
export interface Document {
  readonly Version: string;
  readonly Statement: readonly Statement[];
}

const VALUES = { partition: 'aws', account: '111122223333', region: 'eu-west-1', container: '*' };

/** What `policy KIND` prints with these values. */
export function shippedDocument(kind: PolicyKindName, values: PlaceholderValues): Document {
  const templates = Object.fromEntries(
    POLICY_KINDS[kind].files.map((file) => [file, readFileSync(join(FOLDER, `${file}.json`), 'utf8')]),
  );
  return JSON.parse(printPolicy(kind, templates, { ...VALUES, ...values }).text) as Document;
}

export interface Grant {
  readonly sid: string;
  readonly action: string;
}

/** Every action of every statement that allows something. */
export const grantsOf = (document: Document): readonly Grant[] =>
  document.Statement.filter((statement) => statement.Effect === 'Allow').flatMap((statement) =>
    [statement.Action].flat().map((action) => ({ sid: statement.Sid, action })),
  );

/** The document without that one grant. */
export const without = (document: Document, { sid, action }: Grant): Document => ({
  ...document,
  Statement: document.Statement.flatMap((statement) => {
    if (statement.Sid !== sid) return [statement];
    const rest = [statement.Action].flat().filter((each) => each !== action);
    return rest.length === 0 ? [] : [{ ...statement, Action: rest }];
  }),
});

/** Runs the flow with these documents; resolves with the first outcome that is not what the flow wants, or its last. */
export type Flow = (documents: readonly Document[]) => Promise<CliOutcome>;

/** How a missing grant shows. */
export type Symptom = (outcome: CliOutcome, grant: Grant) => boolean;

/** Exit 4 and the action by name, the rule for people. */
export const denied: Symptom = (outcome, { action }) =>
  outcome.status === 4 && outcome.stderr.includes(action);

export interface Proof {
  /** Grants taken out, one at a time. */
  readonly tried: number;
  /** Grants whose absence did not show. */
  readonly idle: readonly string[];
}

/** Takes each grant out of each document in turn. `elsewhere`: `Sid action` → how or why its absence shows otherwise. */
export async function proveGrants(
  documents: readonly Document[],
  flow: Flow,
  options: {
    readonly symptom?: Symptom;
    readonly elsewhere?: Readonly<Record<string, Symptom | string>>;
    readonly after?: (grant: Grant) => Promise<void>;
  } = {},
): Promise<Proof> {
  const idle: string[] = [];
  let tried = 0;
  for (const [index, part] of documents.entries()) {
    for (const grant of grantsOf(part)) {
      const other = options.elsewhere?.[`${grant.sid} ${grant.action}`];
      if (typeof other === 'string') continue;
      const outcome = await flow(documents.map((each, at) => (at === index ? without(each, grant) : each)));
      tried++;
      if (!(other ?? options.symptom ?? denied)(outcome, grant))
        idle.push(`${grant.sid} ${grant.action}: exit ${outcome.status} ${outcome.stderr.slice(-300)}`);
      await options.after?.(grant);
    }
  }
  return { tried, idle };
}

/** One line for the log of the run: what was proved, and what not, with the reason. */
export function tellProof(
  what: string,
  proof: Proof,
  elsewhere: Readonly<Record<string, Symptom | string>> = {},
): void {
  const reasons = new Map<string, string[]>();
  for (const [grant, reason] of Object.entries(elsewhere)) {
    if (typeof reason === 'string') reasons.set(reason, [...(reasons.get(reason) ?? []), grant]);
  }
  const exempt = [...reasons].map(([reason, grants]) => `; ${grants.length} not tried: ${reason}`).join('');
  process.stdout.write(
    `policy proof of ${what}: ${proof.tried} grants, ${proof.idle.length} not needed${exempt}\n`,
  );
}
