export type Architecture = 'arm64' | 'x86_64';

export interface Image {
  readonly id: string;
  readonly architecture: Architecture;
  /** e.g. `/dev/xvda`. */
  readonly rootDevice: string;
  /** Smallest size of the root volume, given by its snapshot. */
  readonly volumeGiB: number;
}

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
  /** DescribeSpotPriceHistory since `since` (ms); with `since` = now only the current price of each pool. */
  spotPrices(types: readonly string[], since: number): Promise<readonly SpotPrice[]>;
}
