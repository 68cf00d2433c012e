/** What EC2 offers in a region: instance types with prices, and Amazon's images. */

export type Architecture = 'arm64' | 'x86_64';

export interface InstanceType {
  readonly name: string;
  readonly architecture: Architecture;
  readonly vcpus: number;
  readonly memoryMiB: number;
  /** Dollars per hour in eu-west-1. */
  readonly onDemandPrice: number;
  readonly spotPrice: number;
}

const type = (
  name: string,
  architecture: Architecture,
  memoryMiB: number,
  onDemandPrice: number,
  spotPrice: number,
): InstanceType => ({ name, architecture, vcpus: 2, memoryMiB, onDemandPrice, spotPrice });

export const INSTANCE_TYPES: readonly InstanceType[] = [
  type('t4g.nano', 'arm64', 512, 0.0046, 0.0015),
  type('t4g.micro', 'arm64', 1024, 0.0092, 0.0031),
  type('t4g.small', 'arm64', 2048, 0.0184, 0.0062),
  type('t4g.medium', 'arm64', 4096, 0.0368, 0.0125),
  type('t2.medium', 'x86_64', 4096, 0.05, 0.0163),
  type('t3a.nano', 'x86_64', 512, 0.0051, 0.0017),
  type('t3a.micro', 'x86_64', 1024, 0.0102, 0.0034),
  type('t3a.small', 'x86_64', 2048, 0.0204, 0.0069),
  type('t3.nano', 'x86_64', 512, 0.0057, 0.0019),
  type('t3.micro', 'x86_64', 1024, 0.0114, 0.0038),
  type('t3.small', 'x86_64', 2048, 0.0228, 0.0077),
  type('m7g.medium', 'arm64', 4096, 0.0455, 0.0172),
  type('m5.large', 'x86_64', 8192, 0.107, 0.0421),
];

/**
 * Only burstable types have CPU credits. Types before Nitro have no console output that can be read while they run.
 */
export const hasCredits = ({ name }: InstanceType): boolean => name.startsWith('t');
export const isBeforeNitro = (name: string): boolean => name.startsWith('t2.');

export const instanceType = (name: string): InstanceType | undefined =>
  INSTANCE_TYPES.find((candidate) => candidate.name === name);

export interface Image {
  readonly id: string;
  readonly name: string;
  readonly architecture: Architecture;
  readonly snapshotId: string;
  readonly volumeGiB: number;
  /** Id of the account that owns it. */
  readonly owner: string;
  /** The minimal image has no SSM agent. */
  readonly hasAgent: boolean;
  /** The parameters that name the image: the last segments of public ones, else whole names. */
  readonly parameters: readonly string[];
}

/** Amazon's account, as owner of images. */
export const AMAZON = '137112412989';

const image = (
  suffix: string,
  architecture: Architecture,
  kernels: readonly string[],
  minimal: boolean,
): Image => {
  const family = minimal ? 'al2023-ami-minimal' : 'al2023-ami';
  return {
    id: `ami-0${suffix.padStart(16, '0')}`,
    name: `${family}-2023.12.20260831.0-kernel-${kernels.at(-1) ?? ''}-${architecture}`,
    architecture,
    snapshotId: `snap-0${suffix.padStart(16, '0')}`,
    volumeGiB: minimal ? 2 : 8,
    owner: AMAZON,
    hasAgent: !minimal,
    parameters: kernels.map((kernel) => `${family}-kernel-${kernel}-${architecture}`),
  };
};

/** Accounts of the same organisation, which share their images with this one. */
const IMAGE_ACCOUNTS = { arm64: '444455556666', x86_64: '777788889999' } as const;

const organisationImage = (suffix: string, architecture: Architecture): Image => ({
  id: `ami-0${suffix.padStart(16, '0')}`,
  name: `golden-al2023-${architecture}`,
  architecture,
  snapshotId: `snap-0${suffix.padStart(16, '0')}`,
  volumeGiB: 12,
  owner: IMAGE_ACCOUNTS[architecture],
  hasAgent: true,
  parameters: [`/golden/al2023/${architecture}`],
});

/** Hardened images, as organisations make them that forbid public ones. */
export const ORGANISATION_IMAGES: readonly Image[] = [
  organisationImage('901de2a64', 'arm64'),
  organisationImage('901de2b86', 'x86_64'),
];

export const IMAGES: readonly Image[] = [
  image('a12023a64', 'arm64', ['default', '6.1'], false),
  image('a12023b86', 'x86_64', ['default', '6.1'], false),
  image('a12023c64', 'arm64', ['6.12'], false),
  image('a12023d86', 'x86_64', ['6.12'], false),
  image('a12023e64', 'arm64', ['default', '6.1'], true),
  image('a12023f86', 'x86_64', ['default', '6.1'], true),
  ...ORGANISATION_IMAGES,
];

/** Value of an SSM parameter that holds an image id, e.g. `/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64`. */
export function imageParameter(name: string): string | undefined {
  const prefix = '/aws/service/ami-amazon-linux-latest/';
  if (!name.startsWith(prefix)) return ORGANISATION_IMAGES.find((each) => each.parameters.includes(name))?.id;
  return IMAGES.find((candidate) => candidate.parameters.includes(name.slice(prefix.length)))?.id;
}

/** Regions that exist: those that every account may use. The seed's network is in one of them; the others are empty. */
export const REGIONS = [
  'ap-northeast-1',
  'ap-northeast-2',
  'ap-northeast-3',
  'ap-south-1',
  'ap-southeast-1',
  'ap-southeast-2',
  'ca-central-1',
  'eu-central-1',
  'eu-north-1',
  'eu-west-1',
  'eu-west-2',
  'eu-west-3',
  'sa-east-1',
  'us-east-1',
  'us-east-2',
  'us-west-1',
  'us-west-2',
];
