import type { DataKey } from '../../protocol/data-channel-types.ts';
import type { KmsPort } from '../ports.ts';

/** What the agent asks for in its handshake. */
export interface DataKeyRequest {
  readonly kmsKeyId: string;
  /** Base64; the agent checks that it was part of the encryption context. Undefined for agents without it. */
  readonly challenge: string | undefined;
}

/** Calls GenerateDataKey with the encryption context that the agent uses for Decrypt (src/protocol/SPEC.md §4). */
export async function generateDataKey(
  kms: KmsPort,
  session: { readonly sessionId: string; readonly target: string },
  { kmsKeyId, challenge }: DataKeyRequest,
): Promise<DataKey> {
  const key = await kms.generateDataKey(kmsKeyId, {
    'aws:ssm:SessionId': session.sessionId,
    'aws:ssm:TargetId': session.target,
    ...(challenge === undefined ? {} : { 'aws:ssm:RandomChallenge': challenge }),
  });
  return { ...key, acknowledgeChallenge: challenge !== undefined };
}
