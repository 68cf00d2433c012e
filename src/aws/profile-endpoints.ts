import { loadConfig } from '@smithy/core/config';

import type { ClientConfig } from './client-config.ts';
import type { Profile } from './profiles.ts';

/** The part of an SDK client that finds its endpoint before the first call. */
interface Client {
  readonly config: { readonly serviceId: string };
}

interface EndpointConfig {
  serviceConfiguredEndpoint?: () => Promise<string | undefined>;
}

/**
 * Lets a client use the endpoints (`endpoint_url`, `services`) of the profile of its account. The SDK reads those of the
 * profile that AWS_PROFILE names, also when the client has another profile: `getEndpointFromConfig` of
 * @smithy/core/endpoints does not receive it. Precedence as there, and as in the AWS CLI:
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
 */
export function withProfileEndpoints<C extends Client>(client: C, { profile }: ClientConfig): C {
  if (profile === undefined) return client;
  const { serviceId } = client.config;
  let endpoint: Promise<string | undefined> | undefined;
  (client.config as EndpointConfig).serviceConfiguredEndpoint = () =>
    (endpoint ??= endpointOf(serviceId, profile));
  return client;
}

async function endpointOf(serviceId: string, profile: string): Promise<string | undefined> {
  const isIgnored = await loadConfig<string | undefined>(
    {
      environmentVariableSelector: (env) => env['AWS_IGNORE_CONFIGURED_ENDPOINT_URLS'],
      configFileSelector: (section) => section['ignore_configured_endpoint_urls'],
      default: undefined,
    },
    { profile },
  )();
  if (isIgnored === 'true') return undefined;
  const name = serviceId.replaceAll(' ', '_');
  return loadConfig<string | undefined>(
    {
      environmentVariableSelector: (env) =>
        env[`AWS_ENDPOINT_URL_${name.toUpperCase()}`] || env['AWS_ENDPOINT_URL'] || undefined,
      configFileSelector: (section: Profile, sections?: Readonly<Record<string, Profile>>) =>
        sections?.[`services.${section['services']}`]?.[`${name.toLowerCase()}.endpoint_url`] ||
        section['endpoint_url'] ||
        undefined,
      default: undefined,
    },
    { profile },
  )();
}
