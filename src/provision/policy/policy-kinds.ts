import type { Tags } from '../ports/tags.ts';
import { fillDocument, type PlaceholderValues } from './policy-documents.ts';
import { withRequiredTags } from './required-tags.ts';

/** What `policy KIND` prints: which files a kind is made of, and what it is for. */

export interface PolicyKind {
  /** Files in policies/, without `.json`; several are merged. */
  readonly files: readonly string[];
  readonly purpose: string;
}

export const POLICY_KINDS = {
  bastion: { files: ['bastion'], purpose: "the bastion's role" },
  'bastion-tunnel-only': { files: ['bastion-tunnel-only'], purpose: "the bastion's role, for tunnels only" },
  'bastion-trust': { files: ['bastion-trust'], purpose: "trust of the bastion's role" },
  'bastion-boundary': {
    files: ['bastion-boundary'],
    purpose: 'boundary; an administrator creates it once as fargate-connect-bastion-boundary',
  },
  'bastion-boundary-tunnel-only': {
    files: ['bastion-boundary-tunnel-only'],
    purpose: 'the same for bastions for tunnels only',
  },
  operator: {
    files: ['operator-ec2', 'operator-iam', 'operator-volume-key', 'operator-image'],
    purpose: 'people who may run up, status and down',
  },
  'operator-ec2': { files: ['operator-ec2'], purpose: 'the EC2 half of operator' },
  'operator-iam': { files: ['operator-iam'], purpose: 'the IAM half of operator' },
  'operator-guardrail': {
    files: ['operator-guardrail'],
    purpose: 'besides operator: forbids launches without metadata tokens or not spot (unconfirmed, see docs)',
  },
  'operator-given-role': {
    files: ['operator-given-role'],
    purpose: 'instead of operator-iam, with a given role: no IAM write',
  },
  'operator-db-rule': {
    files: ['operator-db-rule'],
    purpose: "besides operator: may add a rule to a database's security group",
  },
  'operator-image': {
    files: ['operator-image'],
    purpose: "besides operator-ec2: may launch from images that are not Amazon's",
  },
  'operator-volume-key': {
    files: ['operator-volume-key'],
    purpose: 'besides operator-ec2: may launch with a KMS key for the root volume',
  },
  exec: { files: ['exec'], purpose: 'people who may exec into containers of one cluster' },
  'enable-exec': {
    files: ['enable-exec'],
    purpose: 'people who may enable ECS Exec for services of one cluster, which replaces their tasks',
  },
  logs: { files: ['logs'], purpose: 'people who may read the logs of the services of one cluster' },
  forward: { files: ['forward-bastion', 'forward-task'], purpose: 'people who may forward ports' },
  'forward-bastion': { files: ['forward-bastion'], purpose: 'forward through a bastion only' },
  'forward-document': {
    files: ['forward-document'],
    purpose: 'tunnel through a bastion with one own session document only, see session-document',
  },
  'forward-task': { files: ['forward-task'], purpose: 'forward through tasks only' },
  shell: { files: ['shell'], purpose: 'people who may open a shell on the bastion' },
  db: {
    files: ['db'],
    purpose:
      'people who use databases with db, besides forward; --db-resource for tokens, --secret for a secret',
  },
  'task-role': { files: ['task-role'], purpose: 'a task role, so that ECS Exec works' },
  'task-trust': { files: ['task-trust'], purpose: 'trust of a task role' },
  'deny-unlogged': {
    files: ['deny-unlogged'],
    purpose: 'forbids sessions into tasks past the logging of ECS Exec (and forwards through tasks)',
  },
  check: { files: ['check'], purpose: 'people who may check what a role or user lacks' },
  doctor: {
    files: ['doctor'],
    purpose: 'people who may run doctor for the services of one cluster (read only)',
  },
  'doctor-fix': {
    files: ['doctor-fix'],
    purpose: 'besides doctor: may run doctor --fix and --undo; --role limits the task roles',
  },
  'session-document': {
    files: ['session-document'],
    purpose: 'a Session document with host and port fixed: people choose only the local port',
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
