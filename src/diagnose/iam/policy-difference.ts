import { type Condition, listOf, type Statement, statementsOf } from './grants.ts';

/**
 * What the policies of one side allow and those of the other side do not, by comparing patterns. Pure. A grant counts as
 * covered only if one statement of the other side allows every action and resource that its patterns stand for, under
 * the same conditions or none; so that what is reported may be covered by several statements together, and what is not
 * reported is covered.
 */

/** Actions on the same resources under the same conditions. */
export interface Grant {
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  /** Undefined = none. */
  readonly condition: Condition | undefined;
  /** The statement names what it does not allow (`NotAction`): these; `actions` is then `*`. */
  readonly except: readonly string[];
}

export interface PolicyDifference {
  readonly onlyLeft: readonly Grant[];
  readonly onlyRight: readonly Grant[];
  /** Statements with `Deny`, which are not compared. */
  readonly denials: { readonly left: number; readonly right: number };
}

/** Policy documents as JSON. Throws `policy-document-invalid` as `statementsOf` does. */
export function policyDifference(left: readonly string[], right: readonly string[]): PolicyDifference {
  const [ours, theirs] = [left.flatMap(statements), right.flatMap(statements)];
  return {
    onlyLeft: beyond(ours, theirs),
    onlyRight: beyond(theirs, ours),
    denials: { left: denialsIn(ours), right: denialsIn(theirs) },
  };
}

type AnyStatement = Statement & { readonly NotResource?: string | readonly string[] };

const statements = (text: string): readonly AnyStatement[] => statementsOf(text);

const denialsIn = (all: readonly AnyStatement[]): number =>
  all.filter(({ Effect }) => Effect === 'Deny').length;

function beyond(own: readonly AnyStatement[], other: readonly AnyStatement[]): readonly Grant[] {
  const covering = other.filter(isComparable);
  const grants = own
    .filter(({ Effect }) => Effect === 'Allow')
    .flatMap((statement) => {
      const { Action, Condition: condition, NotAction } = statement;
      const actions = NotAction === undefined ? listOf(Action) : ['*'];
      const except = NotAction === undefined ? [] : listOf(NotAction);
      return resourcesOf(statement).map((resource): Grant => {
        const left = actions.filter(
          (action) => !covering.some((each) => covers(each, action, resource, condition)),
        );
        return { actions: left, resources: [resource], condition, except };
      });
    });
  return joined(grants.filter(({ actions }) => actions.length > 0));
}

/** What an exception leaves is not compared, so that such a statement covers nothing. */
const isComparable = ({ Effect, NotAction, NotResource }: AnyStatement): boolean =>
  Effect === 'Allow' && NotAction === undefined && NotResource === undefined;

/** A statement that names what it does not concern is shown as one about everything. */
const resourcesOf = ({ NotResource, Resource }: AnyStatement): readonly string[] =>
  NotResource !== undefined || Resource === undefined ? ['*'] : listOf(Resource);

function covers(
  { Action, Condition: condition, Resource }: AnyStatement,
  action: string,
  resource: string,
  wanted: Condition | undefined,
): boolean {
  return (
    listOf(Action).some((pattern) => contains(pattern.toLowerCase(), action.toLowerCase())) &&
    listOf(Resource).some((pattern) => contains(pattern, resource)) &&
    (condition === undefined || textOf(condition) === textOf(wanted ?? {}))
  );
}

/** True if everything that matches the pattern `inner` matches `outer` too. */
export function contains(outer: string, inner: string): boolean {
  const literal = outer.replace(/[.+^${}()|[\]\\]/g, String.raw`\$&`);
  // A star of `inner` stands for several characters, and a question mark of `outer` for one.
  return new RegExp(`^${literal.replaceAll('*', '.*').replaceAll('?', '[^*]')}$`).test(inner);
}

/** Operators and keys in order, so that equal conditions have equal texts. */
const textOf = (condition: Condition): string =>
  JSON.stringify(
    Object.entries(condition)
      .map(([operator, keys]) => [
        operator,
        Object.entries(keys)
          .map(([key, values]) => [
            key.toLowerCase(),
            [...listOf(values)].toSorted((a, b) => (a < b ? -1 : 1)),
          ])
          .toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1)),
      ])
      .toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1)),
  );

/** Grants with the same actions and conditions are one grant on several resources. */
function joined(grants: readonly Grant[]): readonly Grant[] {
  const byRest = new Map<string, Grant>();
  for (const { resources, ...rest } of grants) {
    const key = JSON.stringify(rest);
    byRest.set(key, { ...rest, resources: [...(byRest.get(key)?.resources ?? []), ...resources] });
  }
  return [...byRest.values()].map((grant) => ({ ...grant, resources: [...new Set(grant.resources)] }));
}
