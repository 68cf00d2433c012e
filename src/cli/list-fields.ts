import type { ListKind } from '../app/listing/listing.ts';

/**
 * The fields of `ls --json`, in their order: the names that `--sort`, `--columns` and `--filter` take. A test compares
 * them with the records.
 */
export const LIST_FIELDS: Readonly<Record<ListKind, readonly string[]>> = {
  clusters: ['name', 'arn', 'status', 'activeServices', 'runningTasks'],
  services: [
    'name',
    'arn',
    'cluster',
    'status',
    'desired',
    'running',
    'pending',
    'launchType',
    'execEnabled',
    'taskDefinition',
    'createdAt',
  ],
  tasks: [
    'id',
    'arn',
    'cluster',
    'service',
    'status',
    'health',
    'execEnabled',
    'execReady',
    'taskDefinition',
    'privateIp',
    'startedAt',
    'containers',
    'waitsFor',
  ],
  containers: [
    'name',
    'task',
    'cluster',
    'service',
    'image',
    'status',
    'health',
    'runtimeId',
    'execAgent',
    'execReady',
    'target',
  ],
  databases: [
    'id',
    'role',
    'cluster',
    'arn',
    'service',
    'kind',
    'engine',
    'status',
    'host',
    'port',
    'databaseName',
    'masterUsername',
    'vpcId',
    'securityGroups',
    'iamAuthentication',
    'tls',
    'publiclyAccessible',
    'reach',
    'reachFrom',
    'missingRule',
  ],
};

/** The fields that come before these in a list of several accounts or regions. */
export const PLACE_FIELDS: readonly string[] = ['profile', 'account', 'accountAlias', 'region'];
