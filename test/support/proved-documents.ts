import type { PlaceholderValues } from '../../src/provision/policy/policy-documents.ts';
import { withRequiredTags } from '../../src/provision/policy/required-tags.ts';
import type { PolicyKindName } from '../../src/provision/policy/policy-kinds.ts';
import { DEFAULT_TYPES } from '../../src/provision/capacity/pool.ts';
import { type Image, ORGANISATION_IMAGES } from '../../src/sandbox/services/ec2/ec2-catalog.ts';
import { DEFAULT_KEY_ID } from '../../src/sandbox/services/kms/kms.ts';
import { databaseResourceId } from '../../src/sandbox/services/rds/rds.ts';
import { SEED_DATABASES } from '../../src/sandbox/world/seed-databases.ts';
import { GROUP, VPC } from '../../src/sandbox/world/seed-network.ts';
import { ACCOUNT, EXEC_KEY_ID, REGION } from '../../src/sandbox/world/seed-roles.ts';
import { type Document, shippedDocument } from './grants.ts';

/**
 * Who uses a document, and therefore which test removes its grants: people-proof, doctor-proof (readers), policy-proof
 * (operators), role-proof.
 */
export type User = 'operator' | 'person' | 'reader' | 'role';

interface Proved {
  readonly by: User;
  /** Values for all of its placeholders: an optional statement that is left out would not be proved by any test. */
  readonly values: PlaceholderValues;
}

const keyArn = (id: string): string => `arn:aws:kms:${REGION}:${ACCOUNT}:key/${id}`;

const OPERATOR = {
  bastion: 'default',
  cluster: 'demo',
  vpc: VPC.main,
  'client-security-group': GROUP.dbClients,
  'database-security-group': GROUP.billingDb,
  role: 'ops-bastion',
  'instance-types': DEFAULT_TYPES,
} as const;
const [IMAGE_BY_PARAMETER, IMAGE_BY_ID] = ORGANISATION_IMAGES as [Image, Image];
const IMAGE_PARAMETER = IMAGE_BY_PARAMETER.parameters[0] ?? '';
/** `--image` of the documents for operators: one image of another account by its parameter, one by its id. */
export const PROVED_IMAGES = `${IMAGE_PARAMETER},${IMAGE_BY_ID.id}`;
const VOLUME_KEY = keyArn(DEFAULT_KEY_ID);
/** Values for an account that encrypts every session: those on the bastion and those of ECS Exec. */
const ENCRYPTED = { cluster: 'demo', 'session-key': keyArn(DEFAULT_KEY_ID) } as const;
const ANY_BASTION = { bastion: '*' } as const;

/** The key that the documents for operators allow for volumes. */
export const provedVolumeKey = (): string => VOLUME_KEY;

export const SESSION_DOCUMENT = 'fargate-connect-orders-db';
export const LOG_GROUP = '/ecs/exec';
export const LOG_BUCKET = 'exec-logs';
export const TOKEN_USER = 'orders_app';
/** Name of the secret with the login of the same database, under a customer key. */
export const DATABASE_SECRET = 'demo/orders-db-own-key';
/** The DbiResourceId of the database that the forwards use. */
const RESOURCES = SEED_DATABASES.filter(({ id }) => id === 'orders-db').map(databaseResourceId);

/**
 * Every IAM document that is shipped; test/provision/policy/proved-documents.test.ts checks that the list is complete.
 */
export const PROVED = {
  'operator-ec2': { by: 'operator', values: OPERATOR },
  'operator-iam': { by: 'operator', values: OPERATOR },
  'operator-image': {
    by: 'operator',
    values: {
      images: [`arn:aws:ec2:${REGION}::image/${IMAGE_BY_ID.id}`],
      'image-parameters': [`arn:aws:ssm:${REGION}:${ACCOUNT}:parameter${IMAGE_PARAMETER}`],
      'image-owner': IMAGE_BY_PARAMETER.owner,
    },
  },
  'operator-volume-key': { by: 'operator', values: { 'volume-key': VOLUME_KEY } },
  'operator-db-rule': { by: 'operator', values: OPERATOR },
  'operator-guardrail': { by: 'operator', values: {} },
  'operator-given-role': { by: 'operator', values: OPERATOR },
  exec: { by: 'person', values: { cluster: 'sealed', 'session-key': keyArn(EXEC_KEY_ID) } },
  'enable-exec': { by: 'person', values: { cluster: 'demo' } },
  logs: { by: 'person', values: { cluster: 'demo', 'log-group': '/ecs/orders-api' } },
  'forward-bastion': { by: 'person', values: ANY_BASTION },
  'forward-document': { by: 'person', values: { ...ANY_BASTION, 'session-document': SESSION_DOCUMENT } },
  'forward-task': { by: 'person', values: { cluster: 'demo' } },
  shell: { by: 'person', values: ANY_BASTION },
  db: {
    by: 'person',
    values: {
      'database-resource': RESOURCES[0],
      'database-user': TOKEN_USER,
      'database-secret': `arn:aws:secretsmanager:${REGION}:${ACCOUNT}:secret:${DATABASE_SECRET}-??????`,
      'secret-key': keyArn(DEFAULT_KEY_ID),
    },
  },
  'deny-unlogged': { by: 'person', values: {} },
  check: { by: 'person', values: {} },
  doctor: { by: 'reader', values: { cluster: 'shop' } },
  'doctor-fix': { by: 'reader', values: { role: 'orders-task' } },
  bastion: { by: 'role', values: ENCRYPTED },
  'bastion-boundary': { by: 'role', values: ENCRYPTED },
  'bastion-tunnel-only': { by: 'role', values: {} },
  'bastion-boundary-tunnel-only': { by: 'role', values: {} },
  'bastion-trust': { by: 'role', values: {} },
  'task-role': {
    by: 'role',
    values: { 'session-key': keyArn(EXEC_KEY_ID), 'log-group': LOG_GROUP, 'log-bucket': LOG_BUCKET },
  },
  'task-trust': { by: 'role', values: {} },
} as const satisfies Partial<Readonly<Record<PolicyKindName, Proved>>>;

export type ProvedKind = keyof typeof PROVED;
/** The documents for one kind of user, typed so that a table of flows that lacks one of them does not compile. */
export type ProvedBy<U extends User> = {
  [K in ProvedKind]: (typeof PROVED)[K]['by'] extends U ? K : never;
}[ProvedKind];

/** Placeholders whose flag has another name. */
const FLAGS: Readonly<Record<string, string>> = {
  bastion: 'name',
  'database-security-group': 'db-security-group',
  'database-resource': 'db-resource',
  'database-user': 'db-user',
  'database-secret': 'secret',
  'session-document': 'document',
  'instance-types': 'type',
  'volume-key': 'kms-key',
};

/** The flags with which `policy KIND` prints the proved document. */
export const flagsOf = (kind: ProvedKind): readonly string[] =>
  kind === 'operator-image'
    ? ['--image', PROVED_IMAGES, '--image-owner', IMAGE_BY_PARAMETER.owner]
    : flagsOfValues(kind);

const flagsOfValues = (kind: ProvedKind): readonly string[] =>
  Object.entries<PlaceholderValues[string]>(PROVED[kind].values).flatMap(([name, value]) => [
    `--${FLAGS[name] ?? name}`,
    [value ?? ''].flat().join(','),
  ]);

export const checkCommand = (kind: ProvedKind, principal: string): readonly string[] => [
  'policy',
  kind,
  ...flagsOf(kind),
  '--check',
  principal,
];

/** A document as `--tag` restricts it. */
export const requiringTags = (document: Document, tags: Readonly<Record<string, string>>): Document =>
  withRequiredTags({ ...document }, tags) as unknown as Document;

export const provedDocument = (kind: ProvedKind): Document => shippedDocument(kind, PROVED[kind].values);

/**
 * The further actions that `status` needs to show more than the bastions that people may use; operators have them.
 * Sorted.
 */
export const FOR_OPERATORS = [
  'ec2:DescribeLaunchTemplates',
  'ec2:DescribeSecurityGroupRules',
  'ec2:DescribeSecurityGroups',
  'ec2:DescribeSpotPriceHistory',
  'ec2:DescribeTags',
  'iam:ListInstanceProfiles',
  'iam:ListPolicies',
  'iam:ListRoles',
  'ssm:DescribeSessions',
] as const;
