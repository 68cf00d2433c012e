/**
 * The values of `iam:PassedToService` when a role is passed to EC2. In China, AddRoleToInstanceProfile is asked with the
 * name that all partitions have, and a launch with the one that ends in `.cn` (docs/reference/iam.md §2).
 */
export const ec2Principals = (partition: string | undefined): readonly string[] =>
  partition === 'aws-cn' ? ['ec2.amazonaws.com', 'ec2.amazonaws.com.cn'] : ['ec2.amazonaws.com'];
