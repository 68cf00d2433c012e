export type Architecture = 'arm64' | 'x86_64';

/** An AMI, as DescribeImages shows it. */
export interface Image {
  readonly id: string;
  readonly architecture: Architecture;
  /** e.g. `/dev/xvda`. */
  readonly rootDevice: string;
  /** Smallest size of the root volume, given by its snapshot. */
  readonly volumeGiB: number;
}

/** One entry of the price history of a pool: a type in an availability zone. */
export interface SpotPrice {
  readonly instanceType: string;
  readonly zone: string;
  readonly dollarsPerHour: number;
  /** Time from which the price applies, in milliseconds since the epoch. */
  readonly at: number;
}

export interface ImagesPort {
  /** GetParameter of the public AL2023 parameter (standard image: the minimal one has no agent), then DescribeImages. */
  latest(architecture: Architecture): Promise<Image>;
  /** DescribeImages; undefined if it does not exist, or is not shared with this account. */
  byId(id: string): Promise<Image | undefined>;
  /** GetParameter of a parameter that holds an AMI id, then DescribeImages; undefined if either does not exist. */
  byParameter(name: string): Promise<Image | undefined>;
  /** DescribeSpotPriceHistory since `since` (ms); with `since` = now only the current price of each pool. */
  spotPrices(types: readonly string[], since: number): Promise<readonly SpotPrice[]>;
}
