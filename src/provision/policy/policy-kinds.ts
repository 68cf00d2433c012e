import type { Tags } from '../ports/tags.ts';
import { fillDocument, type PlaceholderValues } from './policy-documents.ts';
import { withRequiredTags } from './required-tags.ts';

/** What `policy KIND` prints: which files a kind is made of. */

export interface PolicyKind {
  /** Files in policies/, without `.json`; several are merged. */
  readonly files: readonly string[];
}

export const POLICY_KINDS = {
  bastion: { files: ['bastion'] },
  'bastion-tunnel-only': { files: ['bastion-tunnel-only'] },
  'bastion-trust': { files: ['bastion-trust'] },
  'bastion-boundary': {
    files: ['bastion-boundary'],
  },
  'bastion-boundary-tunnel-only': {
    files: ['bastion-boundary-tunnel-only'],
  },
  operator: {
    files: ['operator-ec2', 'operator-iam', 'operator-volume-key', 'operator-image'],
  },
  'operator-ec2': { files: ['operator-ec2'] },
  'operator-iam': { files: ['operator-iam'] },
  'operator-guardrail': {
    files: ['operator-guardrail'],
  },
  'operator-given-role': {
    files: ['operator-given-role'],
  },
  'operator-db-rule': {
    files: ['operator-db-rule'],
  },
  'operator-image': {
    files: ['operator-image'],
  },
  'operator-volume-key': {
    files: ['operator-volume-key'],
  },
  exec: { files: ['exec'] },
  'enable-exec': {
    files: ['enable-exec'],
  },
  logs: { files: ['logs'] },
  forward: { files: ['forward-bastion', 'forward-task'] },
  'forward-bastion': { files: ['forward-bastion'] },
  'forward-document': {
    files: ['forward-document'],
  },
  'forward-task': { files: ['forward-task'] },
  shell: { files: ['shell'] },
  db: {
    files: ['db'],
  },
  'task-role': { files: ['task-role'] },
  'task-trust': { files: ['task-trust'] },
  'deny-unlogged': {
    files: ['deny-unlogged'],
  },
  check: { files: ['check'] },
  doctor: {
    files: ['doctor'],
  },
  'doctor-fix': {
    files: ['doctor-fix'],
  },
  'session-document': {
    files: ['session-document'],
  },
} as const satisfies Readonly<Record<string, PolicyKind>>;

export type PolicyKindName = keyof typeof POLICY_KINDS;

export const POLICY_KIND_NAMES = Object.keys(POLICY_KINDS) as readonly PolicyKindName[];

/** Statements that grant nothing without the value of a placeholder, and so are left out when it is not known. */
const OPTIONAL_STATEMENTS: Readonly<Record<string, string>> = {
  ExecSessionKey: 'session-key',
  SessionKey: 'session-key',
  EncryptVolumesWithThisKey: 'volume-key',
  GrantVolumeKeyToEc2Only: 'volume-key',
  LaunchFromTheseImages: 'images',
  ReadTheImageParameters: 'image-parameters',
  LaunchFromImagesOfThisAccount: 'image-owner',
  LogGroups: 'log-group',
  LogStreams: 'log-group',
  LogBucketEncryption: 'log-bucket',
  LogBucketObjects: 'log-bucket',
  LaunchWithClientSecurityGroup: 'client-security-group',
  LogInWithIamToken: 'database-resource',
  ReadDatabaseSecret: 'database-secret',
  DecryptDatabaseSecret: 'secret-key',
};

/** The number of characters, without white space, that a managed policy may have. */
export const MANAGED_POLICY_LIMIT = 6_144;

export interface PrintedPolicy {
  /** Indented JSON. */
  readonly text: string;
  /** Characters as IAM counts them. */
  readonly size: number;
  /** Placeholders for which no value was known; they remain in the text. */
  readonly unfilled: readonly string[];
}

/**
 * `templates` holds the kind's files by name without `.json`; `tags` are the tags that every created resource must
 * carry. Throws `policy-document-invalid`.
 */
export function printPolicy(
  kind: PolicyKindName,
  templates: Readonly<Record<string, string>>,
  values: PlaceholderValues,
  tags: Tags = {},
): PrintedPolicy {
  const omit = Object.entries(OPTIONAL_STATEMENTS)
    .filter(([, placeholder]) => values[placeholder] === undefined)
    .map(([sid]) => sid);
  const documents = POLICY_KINDS[kind].files.map(
    (file) =>
      JSON.parse(
        fillDocument(`${file}.json`, templates[file] ?? '', values, { omit, keepUnknown: true }),
      ) as Readonly<Record<string, unknown>>,
  );
  const merged = withRequiredTags(merge(documents), tags);
  const text = JSON.stringify(merged, undefined, 2);
  const left = [...text.matchAll(/\$\{([a-z][a-z0-9-]*)\}/g)].map((match) => match[1] ?? '');
  return { text, size: text.replace(/\s/g, '').length, unfilled: [...new Set(left)] };
}

/**
 * The statements of all documents, without duplicates. A single document, which need not be an IAM document, is
 * returned unchanged.
 */
function merge(documents: readonly Readonly<Record<string, unknown>>[]): Readonly<Record<string, unknown>> {
  const [first] = documents;
  if (first !== undefined && documents.length === 1) return first;
  const statements = documents.flatMap((document) =>
    Array.isArray(document['Statement']) ? (document['Statement'] as readonly unknown[]) : [],
  );
  const byText = new Map(statements.map((statement) => [JSON.stringify(statement), statement]));
  return { Version: '2012-10-17', Statement: [...byText.values()] };
}
