import { IAMClient, ListAccountAliasesCommand } from '@aws-sdk/client-iam';

import type { ClientConfig } from './client-config.ts';
import { withProfileEndpoints } from './profile-endpoints.ts';

/** The alias is shown where it is known by then; nothing waits longer for it. */
const DEADLINE_MS = 1_500;

/**
 * The alias of the account (iam:ListAccountAliases). Undefined if the account has none, if it may not be read, or if
 * the answer takes too long: the alias is only shown beside the account's number.
 */
export async function accountAlias(config: ClientConfig): Promise<string | undefined> {
  const client = withProfileEndpoints(new IAMClient({ ...config, maxAttempts: 1 }), config);
  try {
    const abortSignal = AbortSignal.timeout(DEADLINE_MS);
    return (await client.send(new ListAccountAliasesCommand({}), { abortSignal })).AccountAliases?.[0];
  } catch {
    return undefined;
  }
}
