import { quoteWords } from '../../core/shell-words.ts';
import type { AwsCommand } from './kinds/resource-kind.ts';

/** The command as somebody types it, e.g. `aws ec2 --region eu-west-1 delete-security-group --group-id sg-1`. */
export function awsCommandLine(
  { service, args }: AwsCommand,
  { region, profile }: { readonly region: string; readonly profile: string | undefined },
): string {
  return quoteWords([
    'aws',
    ...(profile === undefined ? [] : ['--profile', profile]),
    service,
    // IAM has no regions.
    ...(service === 'iam' ? [] : ['--region', region]),
    ...args,
  ]);
}
