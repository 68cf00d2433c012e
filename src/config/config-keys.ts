import type { ConfiguredConnection, ConfiguredDatabase, ConfiguredTag } from './settings.ts';

/** Keys a config file may hold. */
export const CONFIG_KEYS = [
  'profile',
  'region',
  'cluster',
  'service',
  'container',
  'transport',
  'ssmmessages',
  'iam-path',
  'iam-prefix',
  'database-ca',
] as const;
export type ConfigKey = (typeof CONFIG_KEYS)[number];

/** These keys hold maps, every other key a string. */
export const TAGS_KEY = 'tags';
export const DATABASES_KEY = 'databases';
export const CONNECTIONS_KEY = 'connections';

export interface ConfigFile {
  readonly path: string;
  /** `line` counts from 1. */
  readonly values: Readonly<Partial<Record<ConfigKey, { readonly value: string; readonly line: number }>>>;
  readonly tags: readonly ConfiguredTag[];
  readonly databases: readonly ConfiguredDatabase[];
  readonly connections: readonly ConfiguredConnection[];
}
