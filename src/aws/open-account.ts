import type { AwsAccount } from './account.ts';
import type { AccountSettings, AccountCallbacks } from './client-config.ts';
import { mapped } from './errors.ts';
import type { Env } from './profiles.ts';

/**
 * Throws as `clientConfig` does. Each port loads its SDK client when it is first requested, and stays the same object
 * from then on.
 */
export async function openAwsAccount(
  settings: AccountSettings,
  env: Env,
  callbacks?: AccountCallbacks,
): Promise<AwsAccount> {
  const { clientConfig } = await import('./client-config.ts');
  const config = await clientConfig(settings, env, callbacks);
  const { agents, time } = config.requestHandler;
  const ecs = {
    retried: once(async () => (await import('./ecs.ts')).createEcsPort(config)),
    thrown: once(async () => (await import('./ecs.ts')).createEcsPort(config, { throttling: 'thrown' })),
  };
  return {
    region: config.region,
    agents,
    clockOffsetMs: () => time.offsetMs,

    alias: once(async () => (await import('./account-alias.ts')).accountAlias(config)),
    ssmEndpoint: once(async () => {
      if (config.endpoint !== undefined) return config.endpoint;
      const { ssmEndpoint } = await import('./ssm.ts');
      return ssmEndpoint(config);
    }),

    async credentialEnv() {
      const identity = await mapped('sts:GetCallerIdentity', () => config.credentials());
      return {
        AWS_ACCESS_KEY_ID: identity.accessKeyId,
        AWS_SECRET_ACCESS_KEY: identity.secretAccessKey,
        ...(identity.sessionToken === undefined ? {} : { AWS_SESSION_TOKEN: identity.sessionToken }),
        AWS_REGION: config.region,
        AWS_DEFAULT_REGION: config.region,
      };
    },

    credentialsEndAt: async () => (await config.credentials()).expiration?.getTime(),
    renewCredentials: (beforeMs) => config.credentials.renew(beforeMs),

    ecs: (throttling = 'retried') => ecs[throttling](),
    ssm: once(async () => (await import('./ssm.ts')).createSsmPort(config)),
    databases: once(async () => (await import('./databases.ts')).createDatabasesPort(config)),
    databaseTokens: once(async () => (await import('./database-tokens.ts')).createDatabaseTokensPort(config)),
    secrets: once(async () => (await import('./secrets.ts')).createSecretsPort(config)),
    kms: once(async () => (await import('./kms.ts')).createKmsPort(config)),
    logs: once(async () => (await import('./logs.ts')).createLogsPort(config)),
    signer: once(async () => (await import('./signer.ts')).createUpgradeSigner(config)),
    ec2: once(async () => (await import('./ec2.ts')).createEc2Port(config)),
    iam: once(async () => (await import('./iam.ts')).createIamPort(config)),
    identity: once(async () => (await import('./identity.ts')).createIdentityPort(config)),
    images: once(async () => (await import('./images.ts')).createImagesPort(config)),
    nodes: once(async () => (await import('./nodes.ts')).createNodesPort(config)),
    diagnosis: once(async () => (await import('./diagnosis.ts')).createDiagnosisPort(config)),
    simulator: once(async () => (await import('./policy-simulator.ts')).createSimulatorPort(config)),
  };
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}
