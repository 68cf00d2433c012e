/**
 * Amazon Resource Names: `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE` (AWS IAM User Guide, "Amazon Resource Names").
 */

export interface Arn {
  /** `aws`, `aws-cn`, `aws-us-gov`. */
  readonly partition: string;
  /** e.g. `ecs`. */
  readonly service: string;
  /** Empty for services without regions, such as IAM. */
  readonly region: string;
  /** Twelve digits; empty for resources without an account in the ARN, such as an S3 bucket. */
  readonly account: string;
  /** Everything after the fifth colon, which may contain further colons and slashes: `task/demo/0123`, `db:orders`. */
  readonly resource: string;
}

/** Undefined for text that is not an ARN. The parts are not checked. */
export function parseArn(text: string): Arn | undefined {
  const [prefix, partition, service, region, account, ...rest] = text.split(':');
  const resource = rest.join(':');
  if (prefix !== 'arn' || !partition || !service || resource === '') return undefined;
  return { partition, service, region: region ?? '', account: account ?? '', resource };
}

/** Without `partition`, uses that of the commercial regions; without `region` or `account`, leaves that part empty. */
export const formatArn = ({
  partition = 'aws',
  service,
  region = '',
  account = '',
  resource,
}: Partial<Arn> & Pick<Arn, 'service' | 'resource'>): string =>
  `arn:${partition}:${service}:${region}:${account}:${resource}`;

/** The name at the end of an ARN or a path, after the last slash; text without a slash is returned unchanged. */
export const nameOfArn = (text: string): string => text.slice(text.lastIndexOf('/') + 1);

/** The id at the end of an ARN, after the last slash or colon: `orders` for `…:db:orders`; other text is returned unchanged. */
export const idOfArn = (text: string): string => parseArn(text)?.resource.split(/[:/]/).at(-1) ?? text;

/**
 * The type in the resource of an ARN: `cluster` for `…:cluster/demo`, `db` for `…:db:orders`; undefined for other text.
 */
export const typeOfArn = (text: string): string | undefined => parseArn(text)?.resource.split(/[:/]/)[0];

/** The parts of an ARN's resource between slashes, e.g. `task`, `demo`, `0123`; empty for text that is not an ARN. */
export const resourceSegments = (text: string): readonly string[] =>
  parseArn(text)?.resource.split('/') ?? [];
