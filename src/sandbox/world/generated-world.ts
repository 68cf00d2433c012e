import type { WorldFile } from './world-schema.ts';

const KINDS = ['api', 'worker', 'web', 'cron', 'consumer', 'gateway', 'indexer', 'exporter'];

const AREAS =
  'orders billing catalog search payments shipping inventory accounts fraud pricing reviews returns loyalty notifications sessions reports ledger media support taxes'.split(
    ' ',
  );

/**
 * The world that `--services` and `--tasks` request, in a cluster and a network of its own: with names as teams use
 * them, and with some unhealthy tasks.
 */
export function generatedWorld(services: number, tasks: number): WorldFile {
  const [area, kind] = [AREAS.length, KINDS.length];
  return {
    networks: [
      {
        name: 'large',
        cidr: '10.128.0.0/9',
        subnets: [
          { name: 'large-a', zone: 'a', cidr: '10.128.0.0/15' },
          { name: 'large-b', zone: 'b', cidr: '10.130.0.0/15' },
          { name: 'large-c', zone: 'c', cidr: '10.132.0.0/15' },
        ],
      },
    ],
    clusters: [{ name: 'large' }],
    services: Array.from({ length: services }, (_, index) => {
      const turn = Math.floor(index / (area * kind));
      const count = Math.floor(tasks / services) + (index < tasks % services ? 1 : 0);
      const name = `${AREAS[index % area]}-${KINDS[Math.floor(index / area) % kind]}${turn === 0 ? '' : `-${turn + 1}`}`;
      const health = index % 50 === 7 ? 'UNHEALTHY' : 'HEALTHY';
      return {
        name,
        cluster: 'large',
        network: 'large',
        containers: [{ name: 'app', image: `${name}:1.${index % 40}`, ports: [8080] }],
        tasks: count === 0 ? [] : [{ count, health, age: 600 + ((index * 7919) % 2_000_000) }],
      };
    }),
  };
}
