import type { Operations } from '../../contracts.ts';
import { type Fields, optionalText, texts } from '../../wire/fields.ts';
import { AMAZON, IMAGES, type Image, INSTANCE_TYPES, type InstanceType, REGIONS } from './ec2-catalog.ts';
import { describeOperation } from './ec2-describe.ts';
import type { Ec2Market } from './ec2-market.ts';
import { zoneId } from './ec2-network.ts';
import type { Ec2State } from './ec2-state.ts';

/** Instance types, images and prices: what can be launched, where, and for how much. */
export function offerOperations(state: Ec2State, market: Ec2Market): Operations {
  const zones = ['a', 'b', 'c'].map((letter) => `${state.region}${letter}`);
  return {
    DescribeRegions: describeOperation<string>({
      action: 'DescribeRegions',
      answer: 'regionInfo',
      items: () => REGIONS,
      ids: { parameter: 'RegionName', of: (name) => name, notFound: 'InvalidParameterValue' },
      filters: { 'region-name': (name) => name, 'opt-in-status': () => 'opt-in-not-required' },
      shape: (name) => ({
        optInStatus: 'opt-in-not-required',
        regionName: name,
        regionEndpoint: `ec2.${name}.amazonaws.com`,
      }),
    }),
    DescribeAvailabilityZones: describeOperation<string>({
      action: 'DescribeAvailabilityZones',
      answer: 'availabilityZoneInfo',
      items: () => zones,
      ids: { parameter: 'ZoneName', of: (zone) => zone, notFound: 'InvalidParameterValue' },
      filters: {
        'zone-name': (zone) => zone,
        'zone-id': zoneId,
        state: () => 'available',
        'region-name': () => state.region,
        'zone-type': () => 'availability-zone',
        'opt-in-status': () => 'opt-in-not-required',
      },
      shape: (zone) => ({
        optInStatus: 'opt-in-not-required',
        messageSet: [],
        regionName: state.region,
        zoneName: zone,
        zoneId: zoneId(zone),
        groupName: state.region,
        networkBorderGroup: state.region,
        zoneType: 'availability-zone',
        zoneState: 'available',
      }),
    }),
    DescribeInstanceTypes: describeOperation<InstanceType>({
      action: 'DescribeInstanceTypes',
      answer: 'instanceTypeSet',
      items: () => INSTANCE_TYPES,
      ids: { parameter: 'InstanceType', of: (type) => type.name, notFound: 'InvalidInstanceType' },
      filters: {
        'instance-type': (type) => type.name,
        'processor-info.supported-architecture': (type) => type.architecture,
        'current-generation': () => true,
        'supported-usage-class': () => ['spot', 'on-demand'],
        'vcpu-info.default-vcpus': (type) => String(type.vcpus),
        'memory-info.size-in-mib': (type) => String(type.memoryMiB),
      },
      shape: (type) => ({
        instanceType: type.name,
        currentGeneration: true,
        supportedUsageClasses: ['on-demand', 'spot'],
        supportedRootDeviceTypes: ['ebs'],
        supportedVirtualizationTypes: ['hvm'],
        bareMetal: false,
        hypervisor: 'nitro',
        processorInfo: { supportedArchitectures: [type.architecture] },
        vCpuInfo: { defaultVCpus: type.vcpus },
        memoryInfo: { sizeInMiB: type.memoryMiB },
        burstablePerformanceSupported: type.name.startsWith('t'),
      }),
    }),
    DescribeInstanceTypeOfferings: describeOperation<{ type: InstanceType; location: string; kind: string }>({
      action: 'DescribeInstanceTypeOfferings',
      answer: 'instanceTypeOfferingSet',
      items: (input) => offerings(state, zones, optionalText(input, 'LocationType') ?? 'region'),
      filters: { 'instance-type': ({ type }) => type.name, location: ({ location }) => location },
      shape: ({ type, location, kind }) => ({
        instanceType: type.name,
        locationType: kind,
        location,
      }),
    }),
    DescribeImages: describeOperation<Image>({
      action: 'DescribeImages',
      answer: 'imagesSet',
      items: (input) => {
        const owners = texts(input, 'Owner');
        return IMAGES.filter(
          ({ owner }) =>
            owners.length === 0 || owners.includes(owner) || (owner === AMAZON && owners.includes('amazon')),
        );
      },
      ids: { parameter: 'ImageId', of: (image) => image.id, notFound: 'InvalidAMIID.NotFound' },
      filters: {
        'image-id': (image) => image.id,
        name: (image) => image.name,
        architecture: (image) => image.architecture,
        'owner-alias': ({ owner }) => (owner === AMAZON ? 'amazon' : undefined),
        'owner-id': ({ owner }) => owner,
        state: () => 'available',
        'is-public': ({ owner }) => owner === AMAZON,
        'root-device-type': () => 'ebs',
        'virtualization-type': () => 'hvm',
      },
      shape: imageMembers,
    }),
    DescribeSpotPriceHistory: describeOperation<SpotPrice>({
      action: 'DescribeSpotPriceHistory',
      answer: 'spotPriceHistorySet',
      items: (input) => spotPrices(state, market, zones, input),
      minPage: 1,
      filters: {
        'availability-zone': (price) => price.zone,
        'instance-type': (price) => price.type.name,
        'product-description': (price) => price.product,
      },
      shape: (price) => ({
        availabilityZone: price.zone,
        availabilityZoneId: zoneId(price.zone),
        instanceType: price.type.name,
        productDescription: price.product,
        spotPrice: price.dollars.toFixed(6),
        timestamp: price.at,
      }),
    }),
  };
}

function offerings(
  state: Ec2State,
  zones: readonly string[],
  kind: string,
): readonly { type: InstanceType; location: string; kind: string }[] {
  const locations =
    kind === 'region' ? [state.region] : kind === 'availability-zone-id' ? zones.map(zoneId) : zones;
  return INSTANCE_TYPES.flatMap((type) => locations.map((location) => ({ type, location, kind })));
}

interface SpotPrice {
  readonly type: InstanceType;
  readonly zone: string;
  readonly product: string;
  readonly dollars: number;
  readonly at: Date;
}

/** One price for each pool, set an hour ago: EC2 returns the latest change even if it is before StartTime. */
function spotPrices(
  state: Ec2State,
  market: Ec2Market,
  zones: readonly string[],
  input: Fields,
): readonly SpotPrice[] {
  const types = texts(input, 'InstanceType');
  const products = texts(input, 'ProductDescription');
  const zone = optionalText(input, 'AvailabilityZone');
  const at = new Date(Math.floor(state.now / 3_600_000) * 3_600_000);
  if (products.length > 0 && !products.some((product) => product.startsWith('Linux/UNIX'))) return [];
  return INSTANCE_TYPES.filter((type) => types.length === 0 || types.includes(type.name)).flatMap((type) =>
    zones
      .filter((candidate) => zone === undefined || candidate === zone)
      .map((candidate) => ({
        type,
        zone: candidate,
        product: 'Linux/UNIX',
        dollars: market.price({ type, zone: candidate, subnetId: '', market: 'spot' }),
        at,
      })),
  );
}

function imageMembers(image: Image): Fields {
  return {
    platformDetails: 'Linux/UNIX',
    usageOperation: 'RunInstances',
    blockDeviceMapping: [
      {
        deviceName: '/dev/xvda',
        ebs: {
          deleteOnTermination: true,
          snapshotId: image.snapshotId,
          volumeSize: image.volumeGiB,
          volumeType: 'gp3',
          encrypted: false,
        },
      },
    ],
    description: `Amazon Linux 2023 AMI ${image.architecture}`,
    enaSupport: true,
    hypervisor: 'xen',
    imageOwnerAlias: image.owner === AMAZON ? 'amazon' : undefined,
    name: image.name,
    rootDeviceName: '/dev/xvda',
    rootDeviceType: 'ebs',
    virtualizationType: 'hvm',
    bootMode: 'uefi-preferred',
    imdsSupport: 'v2.0',
    imageId: image.id,
    imageLocation: `${image.owner === AMAZON ? 'amazon' : image.owner}/${image.name}`,
    imageState: 'available',
    imageOwnerId: image.owner,
    creationDate: '2026-08-31T21:00:00.000Z',
    isPublic: image.owner === AMAZON,
    architecture: image.architecture,
    imageType: 'machine',
  };
}
