import type { Finding } from '../finding.ts';
import type { Change } from '../change.ts';
import { isRight, type Point, type Verdict } from './grants.ts';

/**
 * Turns the points of a document that do not hold into findings: one for each cause, with the statements that fix it.
 */

/**
 * `principal` is its ARN. The findings are in the order of the causes; those without which nothing works come first.
 */
export function grantFindings(principal: string, points: readonly Point[]): readonly Finding[] {
  const wrong = points.filter((point) => !isRight(point));
  const certain = (verdict: Verdict): readonly Point[] =>
    wrong.filter((point) => point.verdict === verdict && point.missingContext.length === 0);
  const undecided = (verdict: Verdict): readonly Point[] =>
    wrong.filter((point) => point.verdict === verdict && point.missingContext.length > 0);
  const found = (about: readonly Point[], make: (about: readonly Point[]) => Finding): readonly Finding[] =>
    about.length === 0 ? [] : [make(about)];
  const actions = (about: readonly Point[]) => ({ principal, actions: distinct(about, 'action') });
  const services = (about: readonly Point[]) => ({
    ...actions(about),
    services: distinct(about, 'resource'),
  });
  const unknownKeys = (about: readonly Point[]): readonly string[] => [
    ...new Set(about.flatMap(({ missingContext }) => missingContext)),
  ];
  const change = (
    kind: 'allow-actions' | 'deny-actions' | 'withdraw-denial',
    policy: 'identity' | 'permissions-boundary' | 'service-control' | undefined,
    about: readonly Point[],
  ): Finding['fixes'] => [
    byStatement(about).map((same): Change => {
      const [{ statement, when }] = same;
      const resources = distinct(same, 'resource');
      return { kind, principal, policy, statement, actions: distinct(same, 'action'), resources, when };
    }),
  ];
  const trust = (about: readonly Point[]): Finding['fixes'] => [
    distinct(about, 'resource').map((service): Change => {
      const same = about.filter(({ resource }) => resource === service);
      return { kind: 'trust-service', role: principal, service, actions: distinct(same, 'action') };
    }),
  ];
  return [
    ...found(certain('not-granted'), (about) => ({
      id: 'action-not-granted',
      severity: 'blocking',
      evidence: actions(about),
      fixes: change('allow-actions', 'identity', about),
    })),
    ...found(undecided('not-granted'), (about) => ({
      id: 'action-undecided',
      severity: 'could-not-tell',
      evidence: { ...actions(about), unknownKeys: unknownKeys(about) },
      fixes: change('allow-actions', 'identity', about),
    })),
    ...found(certain('boundary'), (about) => ({
      id: 'action-outside-boundary',
      severity: 'blocking',
      evidence: actions(about),
      fixes: change('allow-actions', 'permissions-boundary', about),
    })),
    ...found(certain('organization'), (about) => ({
      id: 'action-forbidden-by-organization',
      severity: 'blocking',
      evidence: actions(about),
      fixes: change('allow-actions', 'service-control', about),
    })),
    ...found(certain('explicitly-denied'), (about) => ({
      id: 'action-explicitly-denied',
      severity: 'blocking',
      evidence: actions(about),
      fixes: change('withdraw-denial', undefined, about),
    })),
    ...found(certain('not-trusted'), (about) => ({
      id: 'service-not-trusted',
      severity: 'blocking',
      evidence: services(about),
      fixes: trust(about),
    })),
    ...found(undecided('not-trusted'), (about) => ({
      id: 'trust-undecided',
      severity: 'could-not-tell',
      evidence: { ...services(about), unknownKeys: unknownKeys(about) },
      fixes: trust(about),
    })),
    ...found(certain('not-denied'), (about) => ({
      id: 'action-not-denied',
      severity: 'warning',
      evidence: actions(about),
      fixes: change('deny-actions', 'identity', about),
    })),
    ...found(certain('unproved'), (about) => ({
      id: 'denial-undecided',
      severity: 'could-not-tell',
      evidence: actions(about),
      fixes: change('deny-actions', 'identity', about),
    })),
    ...found(certain('not-answered'), (about) => ({
      id: 'action-not-answered',
      severity: 'could-not-tell',
      evidence: actions(about),
      fixes: [],
    })),
  ];
}

const distinct = (points: readonly Point[], member: 'action' | 'resource'): readonly string[] => [
  ...new Set(points.map((point) => point[member])),
];

/** Groups the points by statement and condition: each group becomes one statement to write. */
function byStatement(points: readonly Point[]): readonly (readonly [Point, ...Point[]])[] {
  const groups = new Map<string, [Point, ...Point[]]>();
  for (const point of points) {
    const key = JSON.stringify([point.statement, point.when]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [point]);
    else group.push(point);
  }
  return [...groups.values()];
}
