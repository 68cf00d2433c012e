import { secretNameOf, type Seed, type SeedSecret } from '../seed-shapes.ts';
import {
  SEED_CACHES,
  SEED_DATABASE_SECRETS,
  SEED_DATABASES,
  SEED_PROXIES,
  SEED_SEARCH_DOMAINS,
} from './seed-databases.ts';
import { SEED_ENDPOINTS, SEED_SECURITY_GROUPS, SEED_SUBNETS, SEED_VPCS } from './seed-network.ts';
import { ACCOUNT, ACCOUNT_ALIAS, REGION, SEED_ROLES } from './seed-roles.ts';
import { SEED_CLUSTERS, SEED_SERVICES } from './seed-services.ts';
import { SEED_TASK_DEFINITIONS } from './seed-task-definitions.ts';

/** The secrets that the task definitions name, with the values that their containers get. */
const containerSecrets = (): readonly SeedSecret[] =>
  [
    ...new Set(
      SEED_TASK_DEFINITIONS.flatMap(({ containers }) => containers.flatMap((item) => item.secretNames)),
    ),
  ].map((name) => ({ name: secretNameOf(name), value: `sandbox-secret-${name.toLowerCase()}` }));

/**
 * The initial contents of a sandbox's account. Cluster `demo` is healthy except for the services that each show one
 * state (`legacy-admin`: exec off, `search-indexer`: agent stopped, `nightly-reports`: no task, `payments-api`:
 * pending). The other clusters have the form, and the faults, of the five documents in the seeds folder.
 */
export function defaultSeed(): Seed {
  return {
    accountId: ACCOUNT,
    accountAlias: ACCOUNT_ALIAS,
    region: REGION,
    vpcs: SEED_VPCS,
    subnets: SEED_SUBNETS,
    securityGroups: SEED_SECURITY_GROUPS,
    endpoints: SEED_ENDPOINTS,
    roles: SEED_ROLES,
    clusters: SEED_CLUSTERS,
    taskDefinitions: SEED_TASK_DEFINITIONS,
    services: SEED_SERVICES,
    databases: SEED_DATABASES,
    proxies: SEED_PROXIES,
    caches: SEED_CACHES,
    searchDomains: SEED_SEARCH_DOMAINS,
    secrets: [...SEED_DATABASE_SECRETS, ...containerSecrets()],
  };
}
