import { AwsError } from '../../contracts.ts';
import { count, type Fields, flag, optionalText, structure, structures, texts } from '../../wire/fields.ts';
import {
  hasCredits,
  type Image,
  IMAGES,
  imageParameter,
  type InstanceType,
  instanceType,
} from './ec2-catalog.ts';
import { LAUNCH_TAG_TYPES } from './ec2-launch-templates.ts';
import type { Pool } from './ec2-market.ts';
import { tagSpecifications, type TagsByType } from './ec2-request-tags.ts';
import type { Ec2State, LaunchTemplate, MetadataOptions, Subnet } from './ec2-state.ts';
import { checkUserData } from './ec2-user-data.ts';
import type { Tags } from '../tags.ts';

/** A complete launch: template data, overridden by the request or by a fleet override. */
export interface LaunchPlan {
  readonly template: LaunchTemplate | undefined;
  readonly type: InstanceType;
  readonly image: Image;
  readonly subnet: Subnet;
  readonly groupIds: readonly string[];
  readonly publicIp: boolean;
  /** The instance gets one IPv6 address, because it was requested or the subnet has nothing else. */
  readonly ipv6: boolean;
  /** ARN or name of the instance profile, as given. */
  readonly profile: { readonly field: 'arn' | 'name'; readonly value: string } | undefined;
  /** Base64. */
  readonly userData: string | undefined;
  readonly metadata: MetadataOptions;
  readonly shutdownBehavior: 'stop' | 'terminate';
  readonly keyName: string | undefined;
  readonly volume: {
    readonly device: string;
    readonly sizeGiB: number;
    readonly type: string;
    readonly encrypted: boolean;
    /** Id, alias or ARN, as given; undefined = the account's default key. */
    readonly kmsKeyId: string | undefined;
    readonly deleteOnTermination: boolean;
  };
  readonly market: Pool['market'];
  readonly maxPrice: number | undefined;
  readonly tags: TagsByType;
}

export interface PlanRequest {
  /** Merged members of RunInstances or LaunchTemplateData. */
  readonly data: Fields;
  readonly template: LaunchTemplate | undefined;
  readonly market: Pool['market'];
  readonly maxPrice?: number | undefined;
  /** Tags of the request; they override the template's. */
  readonly tags: TagsByType;
}

/** Throws AwsError for a launch whose form EC2 refuses before it checks capacity. */
export function planLaunch(state: Ec2State, request: PlanRequest): LaunchPlan {
  const { data } = request;
  const [primary] = structures(data, 'NetworkInterface');
  const type = typeOf(data);
  const image = imageOf(data);
  if (image.architecture !== type.architecture) {
    throw new AwsError(
      'InvalidParameterValue',
      `The architecture '${type.architecture}' of the specified instance type does not match the architecture '${image.architecture}' of the specified AMI.`,
    );
  }
  if (structure(data, 'CreditSpecification') !== undefined && !hasCredits(type)) {
    throw new AwsError(
      'InstanceCreditSpecification.NotSupported',
      `The ${type.name} instance type does not support T2 Unlimited.`,
    );
  }
  const subnet = subnetOf(state, data, primary);
  const userData = optionalText(data, 'UserData');
  checkUserData(userData);
  const metadata = structure(data, 'MetadataOptions') ?? {};
  const explicitPublicIp = primary === undefined ? undefined : flag(primary, 'AssociatePublicIpAddress');
  const ipv6 = ipv6Of(data, primary, subnet);
  if (explicitPublicIp !== undefined && subnet.ipv6?.only === true) {
    throw new AwsError(
      'InvalidParameterCombination',
      `The associatePublicIPAddress parameter cannot be specified for the IPv6-only subnet '${subnet.id}'.`,
    );
  }
  return {
    template: request.template,
    type,
    image,
    subnet,
    groupIds: groupsOf(state, data, primary, subnet),
    publicIp: explicitPublicIp ?? (subnet.mapPublicIp && subnet.ipv6?.only !== true),
    ipv6,
    profile: profileOf(data),
    userData,
    metadata: {
      httpTokens: optionalText(metadata, 'HttpTokens') ?? 'required',
      hopLimit: optionalText(metadata, 'HttpPutResponseHopLimit') ?? '2',
      httpEndpoint: optionalText(metadata, 'HttpEndpoint') ?? 'enabled',
      httpProtocolIpv6: optionalText(metadata, 'HttpProtocolIpv6') ?? 'disabled',
      instanceTags: optionalText(metadata, 'InstanceMetadataTags') ?? 'disabled',
    },
    shutdownBehavior:
      optionalText(data, 'InstanceInitiatedShutdownBehavior') === 'terminate' ? 'terminate' : 'stop',
    keyName: optionalText(data, 'KeyName'),
    volume: volumeOf(data, image),
    market: request.market,
    maxPrice: request.maxPrice,
    tags: mergeTags(tagSpecifications(data, LAUNCH_TAG_TYPES), request.tags),
  };
}

function mergeTags(under: TagsByType, over: TagsByType): TagsByType {
  const merged = new Map<string, Tags>(under);
  for (const [type, tags] of over) merged.set(type, new Map([...(merged.get(type) ?? []), ...tags]));
  return merged;
}

function typeOf(data: Fields): InstanceType {
  const name = optionalText(data, 'InstanceType') ?? 'm1.small';
  const type = instanceType(name);
  if (type === undefined) {
    throw new AwsError('InvalidParameterValue', `Invalid value '${name}' for InstanceType.`);
  }
  return type;
}

/**
 * The image for an id, or for a public parameter given as `resolve:ssm:…`. Throws AwsError `InvalidAMIID.NotFound`.
 */
function imageOf(data: Fields): Image {
  const given = optionalText(data, 'ImageId');
  if (given === undefined)
    throw new AwsError('MissingParameter', 'The request must contain the parameter ImageId');
  const id = given.startsWith('resolve:ssm:') ? imageParameter(given.slice('resolve:ssm:'.length)) : given;
  const image = IMAGES.find((candidate) => candidate.id === id);
  if (image === undefined) {
    throw new AwsError('InvalidAMIID.NotFound', `The image id '[${given}]' does not exist`);
  }
  return image;
}

function subnetOf(state: Ec2State, data: Fields, primary: Fields | undefined): Subnet {
  const id = optionalText(data, 'SubnetId') ?? (primary && optionalText(primary, 'SubnetId'));
  if (id !== undefined) return state.subnet(id);
  const zone = optionalText(structure(data, 'Placement') ?? {}, 'AvailabilityZone');
  const defaults = [...state.subnets.values()].filter(
    (subnet) =>
      state.vpcs.get(subnet.vpcId)?.isDefault === true && (zone === undefined || subnet.zone === zone),
  );
  const [first] = defaults;
  if (first === undefined) throw new AwsError('VPCIdNotSpecified', 'No default VPC for this user');
  return first;
}

function ipv6Of(data: Fields, primary: Fields | undefined, subnet: Subnet): boolean {
  const wanted = count(primary ?? data, 'Ipv6AddressCount') ?? 0;
  if (wanted > 0 && subnet.ipv6 === undefined) {
    throw new AwsError('InvalidParameterValue', `Subnet '${subnet.id}' has no IPv6 CIDR block.`);
  }
  return wanted > 0 || subnet.ipv6?.only === true;
}

function groupsOf(
  state: Ec2State,
  data: Fields,
  primary: Fields | undefined,
  subnet: Subnet,
): readonly string[] {
  const atInterface = primary === undefined ? [] : texts(primary, 'SecurityGroupId');
  const atTop = texts(data, 'SecurityGroupId');
  if (primary !== undefined && atTop.length > 0) {
    throw new AwsError(
      'InvalidParameterCombination',
      'Network interfaces and an instance-level security groups may not be specified on the same request',
    );
  }
  const given = atInterface.length > 0 ? atInterface : atTop;
  const ids =
    given.length > 0
      ? given
      : [...state.groups.values()]
          .filter((group) => group.name === 'default' && group.vpcId === subnet.vpcId)
          .map((group) => group.id);
  for (const id of ids) {
    const group = state.group(id);
    if (group.vpcId !== subnet.vpcId) {
      throw new AwsError(
        'InvalidParameter',
        `Security group ${id} and subnet ${subnet.id} belong to different networks.`,
      );
    }
  }
  return ids;
}

export function profileOf(data: Fields): LaunchPlan['profile'] {
  const profile = structure(data, 'IamInstanceProfile') ?? {};
  const arn = optionalText(profile, 'Arn');
  if (arn !== undefined) return { field: 'arn', value: arn };
  const name = optionalText(profile, 'Name');
  return name === undefined ? undefined : { field: 'name', value: name };
}

function volumeOf(data: Fields, image: Image): LaunchPlan['volume'] {
  const device = '/dev/xvda';
  const mapping = structures(data, 'BlockDeviceMapping').find(
    (candidate) => optionalText(candidate, 'DeviceName') === device,
  );
  const ebs = structure(mapping ?? {}, 'Ebs') ?? {};
  const sizeGiB = Number(optionalText(ebs, 'VolumeSize') ?? image.volumeGiB);
  if (!(sizeGiB >= image.volumeGiB)) {
    throw new AwsError(
      'InvalidBlockDeviceMapping',
      `Volume of size ${sizeGiB}GB is smaller than snapshot '${image.snapshotId}', expect size>= ${image.volumeGiB}GB`,
    );
  }
  return {
    device,
    sizeGiB,
    type: optionalText(ebs, 'VolumeType') ?? 'gp3',
    encrypted: flag(ebs, 'Encrypted') ?? false,
    kmsKeyId: optionalText(ebs, 'KmsKeyId'),
    deleteOnTermination: flag(ebs, 'DeleteOnTermination') ?? true,
  };
}
