import { EC2Client } from '@aws-sdk/client-ec2';
import { IAMClient } from '@aws-sdk/client-iam';
import { RDSClient } from '@aws-sdk/client-rds';
import { STSClient } from '@aws-sdk/client-sts';

/** The real SDK clients for a sandbox, with the credentials of an environment and without retries. */
export function sandboxClients(
  env: Readonly<Record<string, string>>,
  options: { readonly maxAttempts?: number; readonly region?: string } = {},
) {
  const config = {
    endpoint: env['AWS_ENDPOINT_URL']!,
    region: options.region ?? env['AWS_REGION']!,
    credentials: {
      accessKeyId: env['AWS_ACCESS_KEY_ID']!,
      secretAccessKey: env['AWS_SECRET_ACCESS_KEY']!,
      ...(env['AWS_SESSION_TOKEN'] === undefined ? {} : { sessionToken: env['AWS_SESSION_TOKEN'] }),
    },
    maxAttempts: options.maxAttempts ?? 1,
  };
  return {
    config,
    ec2: new EC2Client(config),
    iam: new IAMClient(config),
    rds: new RDSClient(config),
    sts: new STSClient(config),
  };
}

/** The AWS error name of a rejected call, or `resolved`. */
export async function errorName(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'resolved',
    (error: unknown) => (error as Error).name,
  );
}
