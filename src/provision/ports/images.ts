export type Architecture = 'arm64' | 'x86_64';

export interface Image {
  readonly id: string;
  readonly architecture: Architecture;
  /** e.g. `/dev/xvda`. */
  readonly rootDevice: string;
  /** Smallest root volume, from the snapshot. */
  readonly volumeGiB: number;
}

export interface SpotPrice {
  readonly instanceType: string;
  readonly zone: string;
  readonly dollarsPerHour: number;
  /** Milliseconds since the epoch; the price holds from then on. */
  readonly at: number;
}

export interface ImagesPort {
  /** GetParameter of the public AL2023 parameter (standard image: the minimal one has no agent), then DescribeImages. */
  latest(architecture: Architecture): Promise<Image>;
  /** DescribeSpotPriceHistory since `since` (ms); with `since` = now only the current price of each pool. */
  spotPrices(types: readonly string[], since: number): Promise<readonly SpotPrice[]>;
}
