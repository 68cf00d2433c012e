import { formatArn, parseArn } from '../../../core/arn.ts';
import type { Clock } from '../../../core/clock.ts';
import { concat, equal, hex, openAesGcm, sealAesGcm, sha256, utf8 } from '../../../core/bytes.ts';
import { type ApiCall, type AuthorizationCheck, AwsError, type SandboxService } from '../../contracts.ts';
import type { RandomBytes } from '../../random.ts';
import type { ServiceDescription } from '../service-description.ts';
import { optionalCount, optionalText, requiredBlob, requiredText, textList, textMap } from '../members.ts';

export interface KmsDeps {
  readonly accountId: string;
  readonly region: string;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  /** Keys that clusters name, as id or ARN; they exist in addition to the default key. */
  readonly keyIds?: readonly string[];
}

export type EncryptionContext = Readonly<Record<string, string>>;

export interface KmsService extends SandboxService {
  /** ARN of the key that encrypts sessions when the sandbox's option `demandEncryption` is set. */
  readonly defaultKeyArn: string;
  /** The ARN for a key id, ARN or alias. Throws NotFoundException. */
  keyArn(keyId: string): string;
  /** The same; undefined if there is no such key. */
  findKeyArn(keyId: string): string | undefined;
  /** Whether the grantee has a grant to decrypt with the key. */
  hasGrant(keyArn: string, granteeArn: string): boolean;
  /** Throws AwsError `InvalidCiphertextException` for a different context, a different key, or a damaged blob. */
  decrypt(
    ciphertextBlob: Uint8Array,
    context: EncryptionContext,
  ): { readonly plaintext: Uint8Array; readonly keyArn: string };
}

interface Key {
  readonly id: string;
  readonly arn: string;
  readonly secret: Uint8Array;
  readonly createdAt: Date;
}

interface Grant {
  readonly id: string;
  readonly keyArn: string;
  /** ARN of the principal. */
  readonly grantee: string;
  readonly operations: readonly string[];
}

/** The key of the account's own session preferences, `alias/session-manager`. */
export const DEFAULT_KEY_ID = '0fa26a7e-5e55-4a0d-9c0e-fa26a7ec0ec7';
const DEFAULT_ALIAS = 'alias/session-manager';
const KEY_ID_BYTES = 36;
const DIGEST_BYTES = 32;
const MAX_DATA_KEY_BYTES = 1024;

/** AWS ignores the order of the members, so the digest must not depend on it. */
const digestOf = (context: EncryptionContext): Uint8Array =>
  sha256(utf8(JSON.stringify(Object.entries(context).sort(([a], [b]) => (a < b ? -1 : 1)))));

/**
 * Symmetric keys that generate and decrypt data keys. A blob is key id ‖ AES-GCM(digest of the context ‖ plaintext).
 */
export function createKmsService(deps: KmsDeps): KmsService {
  const keys = new Map<string, Key>();
  const arnOf = (keyId: string): string =>
    parseArn(keyId) === undefined
      ? formatArn({
          service: 'kms',
          region: deps.region,
          account: deps.accountId,
          resource: `key/${keyId}`,
        })
      : keyId;
  const addKey = (keyId: string): void => {
    const id = keyId.replace(/^.*key\//, '');
    if (keys.has(id)) return;
    const arn = arnOf(keyId);
    keys.set(id, { id, arn, secret: deps.randomBytes(32), createdAt: new Date(deps.clock.now()) });
  };
  addKey(DEFAULT_KEY_ID);
  for (const keyId of deps.keyIds ?? []) addKey(keyId);

  const grants: Grant[] = [];
  const lookUp = (keyId: string): Key | undefined =>
    keys.get(keyId.endsWith(DEFAULT_ALIAS) ? DEFAULT_KEY_ID : keyId.replace(/^.*key\//, ''));
  const findKey = (keyId: string): Key => {
    const key = lookUp(keyId);
    if (key === undefined) {
      throw new AwsError('NotFoundException', `Key '${arnOf(keyId)}' does not exist`);
    }
    return key;
  };

  const seal = (key: Key, plaintext: Uint8Array, context: EncryptionContext): Uint8Array =>
    concat([
      utf8(key.id.padEnd(KEY_ID_BYTES)),
      sealAesGcm(key.secret, deps.randomBytes(12), concat([digestOf(context), plaintext])),
    ]);

  const decrypt = (
    blob: Uint8Array,
    context: EncryptionContext,
  ): { plaintext: Uint8Array; keyArn: string } => {
    const key = keys.get(Buffer.from(blob.subarray(0, KEY_ID_BYTES)).toString('latin1').trimEnd());
    const opened = key === undefined ? undefined : openAesGcm(key.secret, blob.subarray(KEY_ID_BYTES));
    if (
      key === undefined ||
      opened === undefined ||
      !equal(opened.subarray(0, DIGEST_BYTES), digestOf(context))
    )
      throw new AwsError(
        'InvalidCiphertextException',
        'The ciphertext is invalid or was encrypted under another context.',
      );
    return { plaintext: opened.subarray(DIGEST_BYTES), keyArn: key.arn };
  };

  const check = (action: string, keyArn: string, context: EncryptionContext = {}): AuthorizationCheck => ({
    action: `kms:${action}`,
    resource: keyArn,
    context: Object.fromEntries(
      Object.entries(context).map(([name, value]) => [`kms:EncryptionContext:${name}`, value]),
    ),
  });

  return {
    defaultKeyArn: findKey(DEFAULT_KEY_ID).arn,
    keyArn: (keyId) => findKey(keyId).arn,
    findKeyArn: (keyId) => lookUp(keyId)?.arn,
    hasGrant: (keyArn, grantee) =>
      grants.some(
        (grant) =>
          grant.keyArn === keyArn && grant.grantee === grantee && grant.operations.includes('Decrypt'),
      ),
    decrypt,
    snapshot: () => ({}),
    operations: {
      GenerateDataKey: {
        authorize: (input) => [
          check(
            'GenerateDataKey',
            findKey(requiredText(input, 'KeyId')).arn,
            textMap(input, 'EncryptionContext'),
          ),
        ],
        run(input) {
          const key = findKey(requiredText(input, 'KeyId'));
          const plaintext = deps.randomBytes(dataKeyLength(input));
          return {
            KeyId: key.arn,
            Plaintext: plaintext,
            CiphertextBlob: seal(key, plaintext, textMap(input, 'EncryptionContext')),
          };
        },
      },
      Decrypt: {
        authorize: (input) => {
          const context = textMap(input, 'EncryptionContext');
          return [check('Decrypt', decrypt(requiredBlob(input, 'CiphertextBlob'), context).keyArn, context)];
        },
        run(input) {
          const opened = decrypt(requiredBlob(input, 'CiphertextBlob'), textMap(input, 'EncryptionContext'));
          const keyId = optionalText(input, 'KeyId');
          if (keyId !== undefined && findKey(keyId).arn !== opened.keyArn)
            throw new AwsError(
              'IncorrectKeyException',
              'The key ID in the request does not identify the key of the ciphertext.',
            );
          return {
            KeyId: opened.keyArn,
            Plaintext: opened.plaintext,
            EncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
          };
        },
      },
      CreateGrant: {
        authorize: (input) => [check('CreateGrant', findKey(requiredText(input, 'KeyId')).arn)],
        run(input) {
          const id = hex(deps.randomBytes(32));
          grants.push({
            id,
            keyArn: findKey(requiredText(input, 'KeyId')).arn,
            grantee: requiredText(input, 'GranteePrincipal'),
            operations: textList(input, 'Operations'),
          });
          return { GrantId: id, GrantToken: Buffer.from(deps.randomBytes(64)).toString('base64') };
        },
      },
      RevokeGrant: {
        authorize: (input) => [check('RevokeGrant', findKey(requiredText(input, 'KeyId')).arn)],
        run(input) {
          const { arn } = findKey(requiredText(input, 'KeyId'));
          const id = requiredText(input, 'GrantId');
          const at = grants.findIndex((grant) => grant.id === id && grant.keyArn === arn);
          if (at < 0) throw new AwsError('NotFoundException', `Grant ID ${id} not found`);
          grants.splice(at, 1);
          return {};
        },
      },
      DescribeKey: {
        authorize: (input) => [check('DescribeKey', findKey(requiredText(input, 'KeyId')).arn)],
        run(input, call: ApiCall) {
          const key = findKey(requiredText(input, 'KeyId'));
          return {
            KeyMetadata: {
              AWSAccountId: call.principal.accountId,
              KeyId: key.id,
              Arn: key.arn,
              CreationDate: key.createdAt,
              Enabled: true,
              Description: '',
              KeyUsage: 'ENCRYPT_DECRYPT',
              KeyState: 'Enabled',
              Origin: 'AWS_KMS',
              KeyManager: 'CUSTOMER',
              CustomerMasterKeySpec: 'SYMMETRIC_DEFAULT',
              KeySpec: 'SYMMETRIC_DEFAULT',
              EncryptionAlgorithms: ['SYMMETRIC_DEFAULT'],
              MultiRegion: false,
            },
          };
        },
      },
    },
  };
}

export const kmsDescription: ServiceDescription<KmsService> = {
  name: 'kms',
  title: 'KMS',
  wire: { kind: 'json', target: 'TrentService' },
  errors: {
    throttling: { code: 'ThrottlingException', status: 400 },
    internal: 'KMSInternalException',
  },
  create: ({ seed, region, accountId, clock, secretBytes }) =>
    createKmsService({
      accountId,
      region,
      clock,
      randomBytes: secretBytes,
      keyIds: seed.clusters.flatMap((cluster) => cluster.kmsKeyId ?? []),
    }),
};

function dataKeyLength(input: Readonly<Record<string, unknown>>): number {
  const bytes = optionalCount(input, 'NumberOfBytes');
  const spec = optionalText(input, 'KeySpec');
  if ((bytes === undefined) === (spec === undefined))
    throw new AwsError('ValidationException', 'Please specify either number of bytes or key spec.');
  if (bytes === undefined) return spec === 'AES_128' ? 16 : 32;
  if (bytes < 1 || bytes > MAX_DATA_KEY_BYTES)
    throw new AwsError('ValidationException', `NumberOfBytes must be between 1 and ${MAX_DATA_KEY_BYTES}.`);
  return bytes;
}
