import { formatArn, nameOfArn } from '../../core/arn.ts';
import { ToolError, usage } from '../../core/errors.ts';
import { checkRegion, partitionOf } from '../../core/regions.ts';
import type { PlaceholderValues } from '../../provision/policy/policy-documents.ts';
import {
  POLICY_KINDS,
  type PolicyKindName,
  type PrintedPolicy,
  printPolicy,
} from '../../provision/policy/policy-kinds.ts';
import { withIamNaming } from '../../provision/roles/iam-names.ts';
import { iamNaming } from '../bastion/iam-naming.ts';
import { givenTags, parseTag } from '../../provision/bastion/given-tags.ts';
import { isImageId } from '../../provision/capacity/image.ts';
import { checkTypes, DEFAULT_TYPES } from '../../provision/capacity/pool.ts';
import { ec2Principals } from '../../provision/roles/ec2-principals.ts';
import { parseKeyArn } from '../../provision/plan/kms-key.ts';
import { readPolicy } from '../asset-files.ts';
import type { Needs } from '../collaborators.ts';
import { withIdsForArns } from './policy-arns.ts';
import type { Location, PolicyRequest } from './policy-request.ts';
import { databaseNotFound } from '../database/database-not-found.ts';

/** Prints a policy document of policies/ and fills all placeholders whose values are known. */

type PolicyNeeds = Needs<
  'account' | 'assets',
  'cluster' | 'container' | 'iamPath' | 'iamPrefix' | 'region' | 'service' | 'tags' | 'task'
>;

/**
 * The document with all known values. Throws `check-kind` for a check of a document that IAM cannot simulate, and what
 * `withIdsForArns` throws.
 */
export async function fillPolicy(asked: PolicyRequest, deps: PolicyNeeds): Promise<PrintedPolicy> {
  if (asked.kind === 'session-document' && asked.check !== undefined) {
    throw usage('check-kind', 'a session document is not an IAM document, so IAM cannot check it');
  }
  checkKeys(asked);
  const location = await locationOf(asked, deps);
  const request = await withIdsForArns(asked, deps.settings, location);
  const iam = iamNaming(request.iam, deps.settings);
  const tags = givenTags(request.tags.map(parseTag), deps.settings.tags);
  const templates = Object.fromEntries(
    await Promise.all(
      POLICY_KINDS[request.kind].files.map(
        async (file) => [file, withIamNaming(await readPolicy(deps, file), iam)] as const,
      ),
    ),
  );
  const { cluster, container } = deps.settings;
  const values: PlaceholderValues = {
    'instance-types': DEFAULT_TYPES,
    'ec2-principals': ec2Principals(location.partition),
    ...location,
    ...request.values,
    // A VPC or an image that no flag names the owner of belongs to the account of the document.
    'vpc-owner': request.values['vpc-owner'] ?? location.account ?? '${account}',
    ...imageValues(request, location),
    ...(request.types.length === 0 ? {} : { 'instance-types': checkTypes(request.types) }),
    ...(request.database === undefined || request.kind !== 'session-document'
      ? {}
      : await databaseValues(request.database, deps)),
    bastion: request.name,
    cluster: cluster === undefined ? undefined : nameOfArn(cluster),
    container: container ?? '*',
  };
  return printPolicy(request.kind, templates, values, tags);
}

/** An AMI id is granted itself; the images of a parameter change, so they are granted by their owner. */
function imageValues({ images, values }: PolicyRequest, location: Location): PlaceholderValues {
  const ids = images.filter(isImageId);
  const parameters = images.filter((image) => !isImageId(image)).map((name) => name.replace(/^\/?/, '/'));
  const arn = (service: string, account: string, resource: string): string =>
    formatArn({
      partition: location.partition ?? '${partition}',
      service,
      region: location.region ?? '${region}',
      account,
      resource,
    });
  return {
    images: ids.length === 0 ? undefined : ids.map((id) => arn('ec2', '', `image/${id}`)),
    'image-parameters':
      parameters.length === 0
        ? undefined
        : parameters.map((name) => arn('ssm', location.account ?? '${account}', `parameter${name}`)),
    'image-owner':
      parameters.length === 0 ? undefined : (values['image-owner'] ?? location.account ?? '${account}'),
  };
}

const SESSION_KEY_KINDS: readonly PolicyKindName[] = ['exec', 'bastion', 'bastion-boundary', 'task-role'];
const VOLUME_KEY_KINDS: readonly PolicyKindName[] = ['operator', 'operator-volume-key'];

/**
 * There are three keys: one encrypts the sessions of ECS Exec, one volumes, one the secret of a database. Throws `kms-key` (usage) for a value
 * that is no key ARN, and for the key of the other purpose.
 */
export function checkKeys({ kind, format, values }: PolicyRequest): void {
  const { 'session-key': sessionKey, 'volume-key': volumeKey, 'secret-key': secretKey } = values;
  if (sessionKey !== undefined) parseKeyArn('--session-key', sessionKey);
  if (volumeKey !== undefined) parseKeyArn('--kms-key', volumeKey);
  if (secretKey !== undefined) parseKeyArn('--secret-key', secretKey);
  const takesVolumeKey = VOLUME_KEY_KINDS.includes(kind) || format !== 'json';
  if (volumeKey !== undefined && !takesVolumeKey)
    throw usage('kms-key', `a KMS key of volumes is given, and policy ${kind} is not about volumes`, {
      details: {
        flag: '--kms-key',
        value: volumeKey,
        expected: SESSION_KEY_KINDS.includes(kind)
          ? 'the key of exec sessions'
          : `policy ${VOLUME_KEY_KINDS.join(' or ')}`,
        ...(SESSION_KEY_KINDS.includes(kind) ? { instead: '--session-key' as const } : {}),
      },
    });
}

/**
 * Account, partition and region. Without credentials they stay placeholders, because printing a document needs no
 * account; a check does.
 */
export async function locationOf(
  request: PolicyRequest,
  deps: Needs<'account', 'region'>,
): Promise<Location> {
  const { region } = deps.settings;
  if (request.account !== undefined && region !== undefined) {
    checkRegion(region);
    return { account: request.account, region, partition: partitionOf(region) };
  }
  try {
    const account = await deps.account();
    const caller = await (await account.identity()).caller();
    return {
      account: request.account ?? caller.accountId,
      region: account.region,
      partition: caller.partition,
    };
  } catch (error) {
    if (request.check !== undefined || !(error instanceof ToolError)) throw error;
    if (error.role !== 'access' && error.role !== 'transport') throw error;
    return {
      account: request.account,
      region,
      partition: region === undefined ? undefined : partitionOf(region),
    };
  }
}

async function databaseValues(id: string, deps: Needs<'account'>): Promise<PlaceholderValues> {
  const account = await deps.account();
  const databases = await (await account.databases()).databases();
  const endpoint = databases.find((database) => database.id === id)?.endpoints[0];
  if (endpoint === undefined) throw databaseNotFound([id], account.region, databases);
  return { host: endpoint.host, port: String(endpoint.port) };
}
