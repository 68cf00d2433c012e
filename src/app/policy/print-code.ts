import { formatArn, nameOfArn } from '../../core/arn.ts';
import { fleetRequest, launchTemplateRequest } from '../../aws/ec2-requests.ts';
import { imageParameter } from '../../aws/image-parameter.ts';
import { usage } from '../../core/errors.ts';
import { wantedEgress } from '../../provision/network/egress.ts';
import {
  type ExportedBastion,
  type ExportedDocuments,
  type Json,
  referenceTo,
} from '../../provision/export/exported-bastion.ts';
import { launchTemplateContent, launchTemplateSpec } from '../../provision/capacity/launch-template.ts';
import { type CodeFormat, exportBastion } from '../../provision/export/export-code.ts';
import type { IamNaming } from '../../provision/roles/iam-names.ts';
import { givenTags, parseTag } from '../../provision/bastion/given-tags.ts';
import { checkBastionName, commonName, resourceTags, TAG } from '../../provision/bastion/names.ts';
import { groupDescription } from '../../provision/network/own-group.ts';
import { architecturesOf, DEFAULT_TYPES, overrides } from '../../provision/capacity/pool.ts';
import type { Image } from '../../provision/ports/images.ts';
import type { Tags } from '../../provision/ports/tags.ts';
import {
  type BastionSpec,
  DEFAULT_IDLE_MINUTES,
  DEFAULT_TTL_MS,
  parsePort,
} from '../../provision/plan/spec.ts';
import { renderUserData, type UserDataFiles } from '../../provision/bastion/user-data.ts';
import type { PlaceholderValues } from '../../provision/policy/policy-documents.ts';
import { type PolicyKindName, printPolicy } from '../../provision/policy/policy-kinds.ts';
import { readPolicy, readUserDataFiles } from '../asset-files.ts';
import { iamNaming } from '../bastion/iam-naming.ts';
import type { Needs } from '../collaborators.ts';
import { withIdsForArns } from './policy-arns.ts';
import type { PolicyRequest } from './policy-request.ts';
import { checkKeys, locationOf } from './print-policy.ts';
import { databaseNotFound } from '../database/database-not-found.ts';

type CodeNeeds = Needs<
  'account' | 'assets' | 'version',
  'cluster' | 'container' | 'iamPath' | 'iamPrefix' | 'region' | 'service' | 'tags' | 'task'
>;

/**
 * `policy bastion --format`: the spec and the requests of `up`, with references in place of ids that only the deployed
 * code knows.
 */

interface CodeOptions {
  /** Name of the bastion, for the tags of what is launched. */
  readonly name: string;
  readonly region: string;
  /** Undefined = tunnels only. */
  readonly cluster: string | undefined;
  readonly account: string;
  readonly partition: string;
  /** An existing role and profile; undefined = `documents` are exported. */
  readonly role: string | undefined;
  readonly documents: ExportedDocuments;
  readonly vpc: string | undefined;
  readonly subnet: string | undefined;
  readonly database: { readonly port: number; readonly groupId: string } | undefined;
  readonly clientGroupId: string | undefined;
  readonly userDataFiles: UserDataFiles;
  readonly volumeKey: string | undefined;
  readonly version: string;
  readonly iam: IamNaming;
  readonly tags: Tags;
}

/** Name of the bastions launched from exported code, unless a name is given. */
const CODE_NAME = 'code';

/** The program text. Throws what `withIdsForArns` throws, `code-format`, `placeholder-unfilled`, `bastion-name`, `bad-arguments`, `port`, `database-not-found`. */
export async function bastionCode(
  asked: PolicyRequest,
  format: CodeFormat,
  deps: CodeNeeds,
): Promise<string> {
  const { kind, name } = asked;
  if (kind !== 'bastion' && kind !== 'bastion-tunnel-only') {
    throw usage(
      'code-format',
      `${kind} is printed as JSON only; ${format} exists for the kinds bastion and bastion-tunnel-only`,
      {
        details: { kind, format },
      },
    );
  }
  checkKeys(asked);
  const location = await locationOf(asked, deps);
  const request = await withIdsForArns(asked, deps.settings, location);
  const { values } = request;
  const installs = kind === 'bastion';
  const cluster = deps.settings.cluster === undefined ? undefined : nameOfArn(deps.settings.cluster);
  // A value that is not known remains an open placeholder in the template too.
  const bastion = exportedBastion({
    name: name === '*' ? CODE_NAME : checkBastionName(name),
    region: location.region ?? '${region}',
    account: location.account ?? '${account}',
    partition: location.partition ?? '${partition}',
    cluster: installs ? (cluster ?? '${cluster}') : undefined,
    role: values['role'],
    documents: await documentsOf(kind, { ...location, ...values, bastion: name, cluster }, deps),
    vpc: values['vpc'] === '*' ? undefined : values['vpc'],
    subnet: values['subnet'],
    database: await databaseOf(request, deps),
    clientGroupId: values['client-security-group'],
    userDataFiles: await readUserDataFiles(deps),
    volumeKey: values['volume-key'],
    version: deps.version,
    iam: iamNaming(request.iam, deps.settings),
    tags: givenTags(request.tags.map(parseTag), deps.settings.tags),
  });
  return exportBastion(format, bastion);
}

async function documentsOf(
  kind: 'bastion' | 'bastion-tunnel-only',
  values: PlaceholderValues,
  deps: Needs<'assets'>,
): Promise<ExportedDocuments> {
  const document = async (name: PolicyKindName): Promise<string> =>
    printPolicy(name, { [name]: await readPolicy(deps, name) }, values).text;
  const [trust, policy, boundary] = await Promise.all([
    document('bastion-trust'),
    document(kind),
    document(kind === 'bastion' ? 'bastion-boundary' : 'bastion-boundary-tunnel-only'),
  ]);
  return { trust, policy, boundary };
}

/** The database that --db names, or the one whose security group and port are given. */
async function databaseOf(
  { database, kind, values }: PolicyRequest,
  deps: Needs<'account'>,
): Promise<CodeOptions['database']> {
  const { port, 'database-security-group': groupId } = values;
  if (database !== undefined) {
    const account = await deps.account();
    const listed = await (await account.databases()).databases();
    const found = listed.find((each) => each.id === database);
    const [group] = found?.securityGroups ?? [];
    const [endpoint] = found?.endpoints ?? [];
    if (group !== undefined && endpoint !== undefined) return { port: endpoint.port, groupId: group };
    throw databaseNotFound([database], account.region, listed);
  }
  if (port === undefined && groupId === undefined) return undefined;
  if (port !== undefined && groupId !== undefined) return { port: parsePort(port, '--port'), groupId };
  throw usage('bad-arguments', 'the security group of a database and its port belong together', {
    details: {
      port,
      group: groupId,
      instead: [
        [kind, '--db-security-group', groupId ?? 'GROUP', '--port', port ?? 'PORT'],
        [kind, '--db', 'ID'],
      ],
    },
  });
}

/** The bastion in the form that `exportBastion` takes. */
function exportedBastion(options: CodeOptions): ExportedBastion {
  const spec = specOf(options);
  const { role, name, region } = options;
  const own = role === undefined;
  const profileArn = own
    ? referenceTo('profile')
    : formatArn({
        partition: options.partition,
        service: 'iam',
        account: options.account,
        resource: `instance-profile${options.iam.path}${role}`,
      });
  const wanted = launchTemplateSpec(
    launchTemplateContent(spec),
    { profileArn, groupId: referenceTo('group') },
    spec.market,
  );
  const { LaunchTemplateData: data } = launchTemplateRequest({ ...wanted, clientToken: '' });
  const { ClientToken: _token, ...fleet } = fleetRequest({
    clientToken: '',
    launchTemplateId: referenceTo('template'),
    market: spec.market,
    overrides: overrides(spec.types, [referenceTo('subnet')], spec.images),
    tags: spec.tags,
  });
  const [network] = data?.NetworkInterfaces ?? [];
  const [launch] = fleet.LaunchTemplateConfigs ?? [];
  return {
    region,
    iam: options.iam,
    name: `${commonName(name)}-code`,
    description: groupDescription(name),
    documents: own ? options.documents : undefined,
    egress: wantedEgress(spec),
    tags: ownTags(spec.tags),
    template: plain({
      ...data,
      // A template that is launched directly, without the pools of a fleet, also needs an image and a type.
      ImageId: spec.images[0]?.id,
      // The Terraform provider drops the credit specification of a template without a type.
      InstanceType: spec.types[0],
      NetworkInterfaces: [{ ...network, AssociatePublicIpAddress: referenceTo('public-ip') }],
      UserData: referenceTo('user-data'),
    }),
    userData: spec.userData,
    fleet: plain({
      ...fleet,
      // Deployed code creates new versions of the template and does not change the default version, which stays the
      // first.
      LaunchTemplateConfigs: [
        {
          ...launch,
          LaunchTemplateSpecification: { ...launch?.LaunchTemplateSpecification, Version: '$Latest' },
        },
      ],
    }),
    defaults: { vpc: options.vpc, subnet: options.subnet },
  };
}

/** Removes members that are undefined. */
const plain = (value: unknown): Json => JSON.parse(JSON.stringify(value)) as Json;

/**
 * A separate `Name` tag distinguishes it in the console. The tag of the bastion stays, because it allows operators to
 * launch with it.
 */
const ownTags = (tags: Tags): Tags => ({ ...tags, [TAG.name]: `${tags[TAG.name] ?? ''}-code` });

function specOf(options: CodeOptions): BastionSpec {
  const { name, region, cluster, database, clientGroupId } = options;
  const images = architecturesOf(DEFAULT_TYPES).map((architecture): Image => ({
    id: `resolve:ssm:${imageParameter(architecture)}`,
    architecture,
    rootDevice: '/dev/xvda',
    volumeGiB: 8,
  }));
  return {
    name,
    region,
    cluster,
    network: {
      vpcId: referenceTo('vpc'),
      subnets: [],
      stack: 'ipv4',
      publicIp: false,
      reason: 'decided by who deploys it',
      considered: [],
    },
    role: { kind: 'given', profileArn: referenceTo('profile'), profileName: options.role ?? '' },
    types: DEFAULT_TYPES,
    images,
    iam: options.iam,
    market: 'spot',
    databases: database === undefined ? [] : [{ id: '', host: '', ...database, admit: false, ingress: [] }],
    egressPorts: [],
    vpcCidrs: [],
    clientGroups: clientGroupId === undefined ? [] : [{ id: clientGroupId, vpcId: '', egress: [] }],
    expiresAt: 0,
    extends: false,
    asked: { idle: false, types: false, subnets: false },
    idleMinutes: DEFAULT_IDLE_MINUTES,
    userData: renderUserData(options.userDataFiles, {
      bastion: name,
      region,
      cluster,
      expiresAt: { afterBootMs: DEFAULT_TTL_MS },
      idleMinutes: DEFAULT_IDLE_MINUTES,
    }),
    volumeKey: options.volumeKey,
    givenTags: options.tags,
    tags: resourceTags({
      name,
      owner: 'exported code',
      given: options.tags,
      expiresAt: { afterLaunchMs: DEFAULT_TTL_MS },
      idleMinutes: DEFAULT_IDLE_MINUTES,
      cluster,
      roleIsGiven: true,
      iam: options.iam,
      ports: clientGroupId === undefined ? (database === undefined ? [] : [database.port]) : undefined,
      version: options.version,
    }),
  };
}
