import type { DenialFacts } from '../core/facts/account-facts.ts';

/**
 * What AWS reports about a refusal. The name of the error shows that a call was refused; only its message shows whose
 * policy refused it (IAM User Guide, "Troubleshoot access denied error messages", lists the wordings). A message
 * without one of these wordings tells nothing about the reason.
 */

const BY: Readonly<Record<string, NonNullable<DenialFacts['deniedBy']>>> = {
  'service control policy': 'service-control-policy',
  'resource control policy': 'resource-control-policy',
  'vpc endpoint policy': 'vpc-endpoint-policy',
  'permissions boundary': 'permissions-boundary',
  'session policy': 'session-policy',
  'resource-based policy': 'resource-policy',
  'identity-based policy': 'identity-policy',
};
const KINDS = Object.keys(BY).join('|');
const EXPLICIT = new RegExp(`with an explicit deny in an? (${KINDS})`, 'i');
const IMPLICIT = new RegExp(`because no (${KINDS}) allows`, 'i');
const ACTION = /not authorized to perform:? ([a-z0-9-]+:[A-Za-z]+)/;
/** The whole message of Secrets Manager if the caller may not use the key of the secret. */
const KEY_REFUSED = /^Access to KMS is not allowed/;
const ENCODED = /\s*Encoded authorization failure message: ([\w+/=-]+)\.?/;

/** What AWS's message says about a denial; the message is text for people, so that every part may be missing. */
export interface Denial extends DenialFacts {
  /** The message without its encoded part, which can be more than a thousand characters long. */
  readonly message: string;
  /** The IAM action that was refused, which may differ from that of the call: `iam:PassRole` for a launch. */
  readonly action: string | undefined;
}

/** Reads the message of an access-denied error. */
export function denialOf(message: string): Denial {
  const explicit = EXPLICIT.exec(message)?.[1];
  const wording = explicit ?? IMPLICIT.exec(message)?.[1];
  const encoded = ENCODED.exec(message)?.[1];
  return {
    message: message.replace(ENCODED, ''),
    action: ACTION.exec(message)?.[1] ?? (KEY_REFUSED.test(message) ? 'kms:Decrypt' : undefined),
    deniedBy: wording === undefined ? undefined : BY[wording.toLowerCase()],
    explicitDeny: wording === undefined ? undefined : explicit !== undefined,
    encoded,
  };
}
