import type { FindingOf } from '../finding.ts';
import type { NetworkPath } from './hops.ts';

type PathFinding = FindingOf<'path-blocked'> | FindingOf<'path-not-visible'>;

/**
 * The findings about the paths to one target. A target that is reached over one address family needs no other: a
 * blocked path counts only if no path is open.
 */
export function pathFindings(paths: readonly NetworkPath[]): readonly PathFinding[] {
  if (paths.some(({ verdict }) => verdict === 'passes')) return [];
  const best = paths.filter(({ verdict }) => verdict === 'not-visible');
  return (best.length > 0 ? best : paths).flatMap((path) =>
    path.hops.flatMap((hop): readonly PathFinding[] => {
      if (hop.verdict === 'passes') return [];
      const { from, to, port, family } = path;
      const evidence = { from, to, port, family, hop: hop.kind, resource: hop.resource, rule: hop.rule };
      return hop.verdict === 'blocked'
        ? [{ id: 'path-blocked', severity: 'blocking', evidence, fixes: hop.fixes }]
        : path.verdict === 'not-visible'
          ? [{ id: 'path-not-visible', severity: 'could-not-tell', evidence, fixes: [] }]
          : [];
    }),
  );
}
