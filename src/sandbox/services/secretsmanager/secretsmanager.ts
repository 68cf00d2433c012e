import { createHash } from 'node:crypto';
import type { Clock } from '../../../core/clock.ts';
import { type AuthorizationCheck, AwsError, type Operations, type SandboxService } from '../../contracts.ts';
import type { ResourceIds } from '../../random.ts';
import type { Seed } from '../../seed-shapes.ts';
import { list } from '../../wire/fields.ts';
import { paginate } from '../../wire/pages.ts';
import { optionalCount, optionalText, requiredText, structList, textList } from '../members.ts';
import { kmsDescription } from '../kms/kms.ts';
import type { ServiceDescription } from '../service-description.ts';
import { parseTags, requestTagContext, resourceTagContext, tagMembers, type Tags } from '../tags.ts';

export interface SecretsManagerDeps {
  readonly seed: Seed;
  readonly clock: Clock;
  readonly ids: ResourceIds;
  /** `arn:aws:secretsmanager:REGION:ACCOUNT:…` */
  readonly arn: (resource: string) => string;
  /** ARN of a KMS key by id, ARN or alias. Throws NotFoundException. */
  keyArn(keyId: string): string;
}

export interface SecretsManagerService extends SandboxService {
  /** ARN of a secret by name; undefined if there is none. */
  arnOf(name: string): string | undefined;
  /** The value that a container gets for `valueFrom`, a name or an ARN; undefined if there is no such secret. */
  textOf(id: string): string | undefined;
}

interface Secret {
  readonly name: string;
  readonly arn: string;
  readonly description: string | undefined;
  /** Undefined = the AWS managed key, which requires no permission. */
  readonly kmsKeyArn: string | undefined;
  readonly createdAt: Date;
  readonly tags: Tags;
  readonly versionId: string;
  readonly value: { readonly text: string } | { readonly bytes: string };
  readonly owningService: string | undefined;
}

type Input = Readonly<Record<string, unknown>>;

const MAX_PAGE = 100;
const MAX_BYTES = 65_536;
const CURRENT = 'AWSCURRENT';

const invalid = (message: string): AwsError => new AwsError('InvalidParameterException', message);
const notFound = (): AwsError =>
  new AwsError('ResourceNotFoundException', "Secrets Manager can't find the specified secret.");

/** The six characters that AWS appends to a name in the ARN; always the same for a name. */
const suffixOf = (name: string): string =>
  createHash('sha256')
    .update(name)
    .digest('base64')
    .replace(/[^A-Za-z0-9]/g, '')
    .slice(0, 6);

/** Secrets with one version each. */
function createSecretsManagerService(deps: SecretsManagerDeps): SecretsManagerService {
  const secrets = new Map<string, Secret>();
  const add = (of: Pick<Secret, 'name' | 'value'> & Partial<Secret>): Secret => {
    const secret: Secret = {
      arn: deps.arn(`secret:${of.name}-${suffixOf(of.name)}`),
      description: undefined,
      kmsKeyArn: undefined,
      createdAt: new Date(deps.clock.now()),
      tags: new Map(),
      versionId: deps.ids.uuid(),
      owningService: undefined,
      ...of,
    };
    secrets.set(secret.name, secret);
    return secret;
  };
  for (const { name, value, kmsKeyId, owningService, tags = [] } of deps.seed.secrets ?? [])
    add({
      name,
      value: { text: value },
      kmsKeyArn: kmsKeyId === undefined ? undefined : deps.keyArn(kmsKeyId),
      owningService,
      tags: new Map(tags.map((tag) => [tag.key, tag.value])),
    });
  const before = new Set(secrets.keys());
  /** Finds a secret by name, by ARN, or by ARN without its last six characters. */
  const find = (id: string): Secret | undefined =>
    secrets.get(id) ??
    [...secrets.values()].find(({ arn }) => arn === id || (id.startsWith('arn:') && arn.slice(0, -7) === id));
  return {
    arnOf: (name) => secrets.get(name)?.arn,
    textOf(id) {
      const value = find(id)?.value;
      return value !== undefined && 'text' in value ? value.text : undefined;
    },
    operations: operationsOf(deps, secrets, { find, add, remove: (name) => secrets.delete(name) }),
    // Secrets of the seed are left out.
    snapshot: () => [...secrets.keys()].filter((name) => !before.has(name)).sort(),
  };
}

export const secretsManagerDescription: ServiceDescription<SecretsManagerService> = {
  name: 'secretsmanager',
  title: 'Secrets Manager',
  wire: { kind: 'json', target: 'secretsmanager' },
  errors: {
    throttling: { code: 'ThrottlingException', status: 400 },
    internal: 'InternalServiceError',
  },
  create: (context) =>
    createSecretsManagerService({
      seed: context.seed,
      clock: context.clock,
      ids: context.ids,
      arn: (resource) => context.arn(resource),
      keyArn: (keyId) => context.peer(kmsDescription).keyArn(keyId),
    }),
};

interface SecretAccess {
  readonly remove: (name: string) => void;
  readonly find: (id: string) => Secret | undefined;
  readonly add: (of: Pick<Secret, 'name' | 'value'> & Partial<Secret>) => Secret;
}

function operationsOf(
  deps: SecretsManagerDeps,
  secrets: ReadonlyMap<string, Secret>,
  { find, add, remove }: SecretAccess,
): Operations {
  const found = (input: Input): Secret => {
    const secret = find(requiredText(input, 'SecretId', 'InvalidParameterException'));
    if (secret === undefined) throw notFound();
    return secret;
  };
  /**
   * This check comes before the look-up, so that a caller without permission does not learn whether the secret
   * exists.
   */
  const check = (action: string, input: Input): readonly AuthorizationCheck[] => {
    const id = requiredText(input, 'SecretId', 'InvalidParameterException');
    const secret = find(id);
    const version = optionalText(input, 'VersionId');
    return [
      {
        action: `secretsmanager:${action}`,
        resource: secret?.arn ?? id,
        context: {
          'secretsmanager:SecretId': secret?.arn ?? id,
          'secretsmanager:VersionStage': optionalText(input, 'VersionStage') ?? CURRENT,
          ...(version === undefined ? {} : { 'secretsmanager:VersionId': version }),
          ...resourceTagContext(secret?.tags ?? new Map<string, string>(), 'secretsmanager'),
        },
      },
    ];
  };
  return {
    GetSecretValue: {
      authorize(input, { region }) {
        const secret = find(optionalText(input, 'SecretId') ?? '');
        const checks = check('GetSecretValue', input);
        if (secret?.kmsKeyArn === undefined) return checks;
        return [
          ...checks,
          {
            action: 'kms:Decrypt',
            resource: secret.kmsKeyArn,
            context: {
              'kms:ViaService': `secretsmanager.${region}.amazonaws.com`,
              'kms:EncryptionContext:SecretARN': secret.arn,
            },
            refusal: 'Access to KMS is not allowed',
          },
        ];
      },
      run(input) {
        const secret = found(input);
        const stage = optionalText(input, 'VersionStage') ?? CURRENT;
        const version = optionalText(input, 'VersionId') ?? secret.versionId;
        if (stage !== CURRENT || version !== secret.versionId)
          throw new AwsError(
            'ResourceNotFoundException',
            `Secrets Manager can't find the specified secret value for staging label: ${stage}`,
          );
        return {
          ARN: secret.arn,
          Name: secret.name,
          VersionId: secret.versionId,
          ...('text' in secret.value
            ? { SecretString: secret.value.text }
            : { SecretBinary: secret.value.bytes }),
          VersionStages: [CURRENT],
          CreatedDate: secret.createdAt,
        };
      },
    },
    PutSecretValue: {
      authorize: (input) => check('PutSecretValue', input),
      run(input) {
        const secret = found(input);
        const versionId = optionalText(input, 'ClientRequestToken') ?? deps.ids.uuid();
        add({ ...secret, value: valueOf(input), versionId });
        return { ARN: secret.arn, Name: secret.name, VersionId: versionId, VersionStages: [CURRENT] };
      },
    },
    // Terraform calls this operation; secrets have no resource policy here.
    GetResourcePolicy: {
      authorize: (input) => check('GetResourcePolicy', input),
      run(input) {
        const { arn, name } = found(input);
        return { ARN: arn, Name: name };
      },
    },
    // The secret is deleted at once, whatever recovery window was requested.
    DeleteSecret: {
      authorize: (input) => check('DeleteSecret', input),
      run(input) {
        const { arn, name } = found(input);
        remove(name);
        return { ARN: arn, Name: name, DeletionDate: new Date(deps.clock.now()) };
      },
    },
    DescribeSecret: {
      authorize: (input) => check('DescribeSecret', input),
      run(input) {
        const secret = found(input);
        return { ...shapeOf(secret), VersionIdsToStages: { [secret.versionId]: [CURRENT] } };
      },
    },
    ListSecrets: {
      authorize: () => [{ action: 'secretsmanager:ListSecrets', resource: '*' }],
      run(input) {
        const size = optionalCount(input, 'MaxResults') ?? MAX_PAGE;
        if (size < 1 || size > MAX_PAGE) throw invalid(`MaxResults must be between 1 and ${MAX_PAGE}.`);
        const wanted = structList(input, 'Filters').map(filterOf);
        const all = [...secrets.values()]
          .filter((secret) => wanted.every((fits) => fits(secret)))
          .sort((a, b) => (a.name < b.name ? -1 : 1));
        if (optionalText(input, 'SortOrder') === 'desc') all.reverse();
        const page = paginate(all, optionalText(input, 'NextToken'), size, 'InvalidNextTokenException');
        return {
          SecretList: page.items.map((secret) => ({
            ...shapeOf(secret),
            SecretVersionsToStages: { [secret.versionId]: [CURRENT] },
          })),
          NextToken: page.next,
        };
      },
    },
    CreateSecret: {
      authorize(input) {
        const name = requiredText(input, 'Name', 'InvalidParameterException');
        const tags = parseTags(list(input, 'Tags'), 'InvalidParameterException');
        return [
          {
            action: 'secretsmanager:CreateSecret',
            resource: deps.arn(`secret:${name}-${suffixOf(name)}`),
            context: { 'secretsmanager:Name': name, ...requestTagContext(tags) },
          },
        ];
      },
      run(input) {
        const name = requiredText(input, 'Name', 'InvalidParameterException');
        if (!/^[A-Za-z0-9/_+=.@-]{1,512}$/.test(name))
          throw new AwsError(
            'ValidationException',
            'Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!',
          );
        if (secrets.has(name))
          throw new AwsError(
            'ResourceExistsException',
            `The operation failed because the secret ${name} already exists.`,
          );
        const keyId = optionalText(input, 'KmsKeyId');
        const secret = add({
          name,
          value: valueOf(input),
          description: optionalText(input, 'Description'),
          kmsKeyArn: keyId === undefined ? undefined : deps.keyArn(keyId),
          tags: parseTags(list(input, 'Tags'), 'InvalidParameterException'),
          versionId: optionalText(input, 'ClientRequestToken') ?? deps.ids.uuid(),
        });
        return { ARN: secret.arn, Name: secret.name, VersionId: secret.versionId };
      },
    },
  };
}

function valueOf(input: Input): Secret['value'] {
  const text = optionalText(input, 'SecretString');
  const bytes = optionalText(input, 'SecretBinary');
  if (text !== undefined && bytes !== undefined)
    throw invalid('You can only provide one of SecretString or SecretBinary.');
  if (Buffer.byteLength(text ?? bytes ?? '') > MAX_BYTES)
    throw invalid(`A secret has at most ${MAX_BYTES} bytes.`);
  return bytes === undefined ? { text: text ?? '' } : { bytes };
}

/**
 * A secret matches if one of the key's texts begins with one of the wanted values; for `description` each word is such
 * a text. `!` before a value inverts it.
 */
function filterOf(filter: Input): (secret: Secret) => boolean {
  const key = requiredText(filter, 'Key', 'InvalidParameterException');
  const values = textList(filter, 'Values');
  const read = FILTERS[key];
  if (read === undefined) throw invalid(`Invalid filter key: ${key}`);
  return (secret) => {
    const own = read(secret);
    return values.some((value) => {
      const inverted = value.startsWith('!');
      const wanted = inverted ? value.slice(1) : value;
      return own.some((text) => text.startsWith(wanted)) !== inverted;
    });
  };
}

const FILTERS: Readonly<Record<string, (secret: Secret) => readonly string[]>> = {
  name: ({ name }) => [name],
  description: ({ description = '' }) => description.split(' '),
  'tag-key': ({ tags }) => [...tags.keys()],
  'tag-value': ({ tags }) => [...tags.values()],
  'owning-service': ({ owningService }) => (owningService === undefined ? [] : [owningService]),
  all: ({ name, description = '', tags }) => [
    name,
    ...description.split(' '),
    ...tags.keys(),
    ...tags.values(),
  ],
};

const shapeOf = (secret: Secret): Readonly<Record<string, unknown>> => ({
  ARN: secret.arn,
  Name: secret.name,
  ...(secret.description === undefined ? {} : { Description: secret.description }),
  ...(secret.kmsKeyArn === undefined ? {} : { KmsKeyId: secret.kmsKeyArn }),
  ...(secret.owningService === undefined ? {} : { OwningService: secret.owningService }),
  RotationEnabled: false,
  LastChangedDate: secret.createdAt,
  CreatedDate: secret.createdAt,
  Tags: tagMembers(secret.tags),
});
