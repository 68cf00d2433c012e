/** The configuration of an SDK client, from the environment variables of a sandbox. */
export function clientConfig(env: Readonly<Record<string, string>>) {
  return {
    endpoint: env['AWS_ENDPOINT_URL'] ?? '',
    region: env['AWS_REGION'] ?? '',
    credentials: {
      accessKeyId: env['AWS_ACCESS_KEY_ID'] ?? '',
      secretAccessKey: env['AWS_SECRET_ACCESS_KEY'] ?? '',
    },
    maxAttempts: 1,
  };
}
