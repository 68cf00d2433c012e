import { Sha256 } from '@aws-crypto/sha256-js';
import { SignatureV4 } from '@smithy/signature-v4';

import type { UpgradeSigner } from '../connect/ports.ts';
import type { Clock } from '../core/clock.ts';
import type { ClientConfig } from './client-config.ts';

/**
 * Each of these in the query means that the URL is signed already; a second signature would make it invalid
 * (SPEC.md §9).
 */
const PRESIGNED = [
  'X-Amz-Algorithm',
  'X-Amz-Credential',
  'X-Amz-Date',
  'X-Amz-Expires',
  'X-Amz-SignedHeaders',
  'X-Amz-Signature',
  'X-Amz-Security-Token',
];

/**
 * Signs the WebSocket upgrade as session-manager-plugin ≥ 1.2.764 does. The signature uses AWS's time, which is known
 * from the API call that opened the session. Without credentials the upgrade is sent unsigned.
 */
export function createUpgradeSigner(
  config: ClientConfig,
  clock: Pick<Clock, 'now'> = config.requestHandler.time,
): UpgradeSigner {
  const signer = new SignatureV4({
    service: 'ssmmessages',
    region: config.region,
    credentials: config.credentials,
    sha256: Sha256,
  });
  return {
    async headers(url) {
      if (PRESIGNED.some((name) => url.searchParams.has(name))) return {};
      try {
        await config.credentials();
      } catch {
        return {};
      }
      const signed = await signer.sign(
        {
          method: 'GET',
          protocol: url.protocol,
          hostname: url.hostname,
          path: url.pathname,
          query: Object.fromEntries(url.searchParams),
          headers: { host: url.host },
        },
        { signingDate: new Date(clock.now()) },
      );
      return Object.fromEntries(
        Object.entries(signed.headers).filter(([name]) => name.toLowerCase() !== 'host'),
      );
    },
  };
}
