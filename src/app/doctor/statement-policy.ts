import { createHash } from 'node:crypto';
import type { Change } from '../../diagnose/change.ts';

/** The inline policy that adds one statement to a role or user, for the printed command and for `doctor --fix`. */

export interface StatementPolicy {
  /** Starts with `POLICY_NAME_PREFIX`; the same statement has the same name. */
  readonly name: string;
  /** JSON on one line. */
  readonly document: string;
  readonly statement: unknown;
}

/** Every policy that this tool attaches or prints for attaching starts so; `doctor --undo` finds them by it. */
export const POLICY_NAME_PREFIX = 'fargate-connect-';

type Statement = Pick<
  Extract<Change, { readonly policy: unknown }>,
  'statement' | 'actions' | 'resources' | 'when'
>;

export function statementPolicy(
  Effect: 'Allow' | 'Deny',
  { statement: sid, actions, resources, when }: Statement,
): StatementPolicy {
  const statement = {
    ...(sid === undefined ? {} : { Sid: sid }),
    Effect,
    Action: oneOrAll(actions),
    Resource: oneOrAll(resources),
    ...(when.length === 0
      ? {}
      : { Condition: { StringEquals: Object.fromEntries(when.map(({ key, values }) => [key, values])) } }),
  };
  const document = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
  // A name of its own for each document, because a second policy of the same name would replace the first one.
  const digest = createHash('sha256').update(document).digest('hex').slice(0, 6);
  return {
    name: `${POLICY_NAME_PREFIX}${[...(sid === undefined ? [] : [sid]), digest].join('-')}`,
    document,
    statement,
  };
}

/** An IAM list of one is written as a text. */
export const oneOrAll = (values: readonly string[]): string | readonly string[] =>
  values.length === 1 ? (values[0] ?? '') : values;
