/** A command of the AWS CLI. Profile and region are added when it is displayed. */
export type AwsCommandFacts = {
  readonly service: 'ec2' | 'iam';
  /** The operation and its flags, not quoted. */
  readonly args: readonly string[];
  /** The region of the resource. */
  readonly region: string;
};

/** What teardown could not delete. */
export type RemainingResource = {
  /** Kind and name of the resource. */
  readonly resource: string;
  /** The command of the AWS CLI that deletes it; undefined = AWS deletes it together with another resource. */
  readonly removal?: AwsCommandFacts | undefined;
  /** Why it could not be deleted. */
  readonly reason?: string | undefined;
};
