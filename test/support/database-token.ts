import { Sha256 } from '@aws-crypto/sha256-js';
import { SignatureV4 } from '@smithy/signature-v4';

export interface TokenOptions {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly region?: string;
  readonly service?: string;
  readonly action?: string;
  readonly seconds?: number;
  readonly signedAt?: Date;
}

/** An IAM token as the RDS signers create it, with the credentials of an environment. */
export async function databaseToken(
  env: Readonly<Record<string, string>>,
  options: TokenOptions,
): Promise<string> {
  const { host, port, user, region = 'eu-west-1', service = 'rds-db' } = options;
  const signer = new SignatureV4({
    service,
    region,
    sha256: Sha256,
    credentials: {
      accessKeyId: env['AWS_ACCESS_KEY_ID'] ?? '',
      secretAccessKey: env['AWS_SECRET_ACCESS_KEY'] ?? '',
      ...(env['AWS_SESSION_TOKEN'] === undefined ? {} : { sessionToken: env['AWS_SESSION_TOKEN'] }),
    },
  });
  const signed = await signer.presign(
    {
      method: 'GET',
      protocol: 'https:',
      hostname: host,
      port,
      path: '/',
      query: { Action: options.action ?? 'connect', DBUser: user },
      headers: { host: `${host}:${port}` },
    },
    {
      expiresIn: options.seconds ?? 900,
      ...(options.signedAt === undefined ? {} : { signingDate: options.signedAt }),
    },
  );
  const query = Object.entries(signed.query ?? {}).map(
    ([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`,
  );
  return `${host}:${port}/?${query.join('&')}`;
}
