import {
  alternativesOf,
  type Condition,
  listOf,
  type Point,
  type Question,
  type Statement,
  statementsOf,
} from './grants.ts';
import { matches, namesAction } from './statement-match.ts';
import type { ContextEntry } from '../../provision/ports/simulator.ts';

/**
 * Checks whether a role's trust policy allows what a trust document of the package allows. IAM's simulator does not
 * evaluate trust policies, so that the role's own policy is compared. Both are JSON. The `resource` of a point is the
 * service.
 */
export function trustPoints(document: string, roleTrust: string): readonly Point[] {
  const own = statementsOf(roleTrust);
  return statementsOf(document)
    .flatMap(({ Sid, Effect, Principal, Action, Condition }) =>
      servicesOf(Principal).flatMap((resource) =>
        listOf(Action).flatMap((action) =>
          alternativesOf(Condition).map((when) => ({
            statement: Sid,
            effect: Effect,
            action,
            resource,
            when,
          })),
        ),
      ),
    )
    .map((question) => judged(question, own));
}

function judged(question: Question, trust: readonly Statement[]): Point {
  const { action, resource, when } = question;
  const about = trust.filter((each) => namesService(each, resource) && namesAction(each, action));
  const applicable = about.filter((each) => holds(each.Condition, when));
  const trusted = applicable.length > 0 && applicable.every(({ Effect }) => Effect === 'Allow');
  return {
    ...question,
    verdict: trusted ? 'allowed' : 'not-trusted',
    missingContext: trusted ? [] : unknownKeys(about, when),
  };
}

const servicesOf = (principal: Statement['Principal']): readonly string[] =>
  listOf(typeof principal === 'object' ? principal['Service'] : principal);

/** `{"AWS": "*"}` means every principal, as `*` does. */
const namesService = ({ Principal }: Statement, service: string): boolean =>
  servicesOf(Principal).some((each) => each === '*' || each === service) ||
  (typeof Principal === 'object' && listOf(Principal['AWS']).includes('*'));

function holds(condition: Condition = {}, context: readonly ContextEntry[]): boolean {
  return Object.entries(condition).every(([operator, keys]) =>
    Object.entries(keys).every(([key, wanted]) => {
      const value = valueOf(context, key);
      const negated = operator.includes('Not');
      if (value === undefined) return negated || operator.endsWith('IfExists');
      const fits = /Like|Arn/.test(operator) ? matches : (one: string, other: string) => one === other;
      return listOf(wanted).some((each) => fits(each, value)) !== negated;
    }),
  );
}

const valueOf = (context: readonly ContextEntry[], key: string): string | undefined =>
  context.find((entry) => entry.key.toLowerCase() === key.toLowerCase())?.values[0];

function unknownKeys(statements: readonly Statement[], context: readonly ContextEntry[]): readonly string[] {
  const keys = statements.flatMap(({ Condition }) => Object.values(Condition ?? {}).flatMap(Object.keys));
  return [...new Set(keys)].filter((key) => valueOf(context, key) === undefined);
}
