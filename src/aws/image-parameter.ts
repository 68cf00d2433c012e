import type { Architecture } from '../provision/ports/images.ts';

/**
 * Name of the public SSM parameter of the standard AL2023 image: the minimal one has no SSM agent
 * (docs/reference/ec2-spot.md §4).
 */
export const imageParameter = (architecture: Architecture): string =>
  `/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-${architecture}`;
