import { base64, fromBase64, text, utf8 } from '../core/bytes.ts';
import { ProtocolError } from '../core/errors.ts';
import { asObject, listMember, numberMember, parseObject, textMember } from './json-payload.ts';

/**
 * The JSON of payload types 5 to 9 (SPEC.md §4). Every reader throws `handshake-malformed` when it cannot use the
 * payload.
 */

/** Limit; official agents ask for two. */
const MAX_ACTIONS = 16;

/** ActionStatus of a processed action. Other values are possible: official clients leave 0 for an unknown action. */
export const ACTION_STATUS = { success: 1, failed: 2, unsupported: 3 } as const;

/** One element of RequestedClientActions. */
export type RequestedAction =
  | { readonly type: 'SessionType'; readonly sessionType: string; readonly properties: unknown }
  | { readonly type: 'KMSEncryption'; readonly kmsKeyId: string; readonly challenge: string | undefined }
  | { readonly type: 'unknown'; readonly name: string };

/** What the agent asks of the client before the session starts: payload type 5. */
export interface HandshakeRequest {
  readonly agentVersion: string;
  readonly actions: readonly RequestedAction[];
}

/** One element of ProcessedClientActions, in the order of the requested ones. */
export interface ProcessedAction {
  readonly actionType: string;
  readonly status: number;
  readonly result: unknown;
  /** Empty on success. */
  readonly error: string;
}

/** The client's answer, payload type 6: one processed action for each requested one. */
export interface HandshakeResponse {
  readonly clientVersion: string;
  readonly actions: readonly ProcessedAction[];
  readonly errors: readonly string[];
}

export function encodeHandshakeRequest(request: HandshakeRequest): Uint8Array {
  const actions = request.actions.map((action) => {
    switch (action.type) {
      case 'SessionType':
        return {
          ActionType: action.type,
          ActionParameters: { SessionType: action.sessionType, Properties: action.properties ?? null },
        };
      case 'KMSEncryption':
        return {
          ActionType: action.type,
          ActionParameters: { KMSKeyId: action.kmsKeyId, Challenge: action.challenge },
        };
      case 'unknown':
        return { ActionType: action.name, ActionParameters: null };
    }
  });
  return json({ AgentVersion: request.agentVersion, RequestedClientActions: actions });
}

/** Actions that this client does not know are kept as `unknown`, so that it can answer them as unsupported. */
export function decodeHandshakeRequest(payload: Uint8Array): HandshakeRequest {
  const request = parseObject(text(payload));
  const actions = listMember(request, 'RequestedClientActions');
  if (request === undefined || actions === undefined) throw malformed('HandshakeRequest');
  return {
    agentVersion: textMember(request, 'AgentVersion') ?? '',
    actions: bounded(actions, 'HandshakeRequest').map(decodeRequestedAction),
  };
}

function decodeRequestedAction(value: unknown): RequestedAction {
  const action = asObject(value);
  const name = textMember(action, 'ActionType');
  const parameters = asObject(action?.['ActionParameters']);
  if (name === 'SessionType') {
    const sessionType = textMember(parameters, 'SessionType');
    if (sessionType === undefined) throw malformed('SessionType action');
    return { type: 'SessionType', sessionType, properties: parameters?.['Properties'] ?? null };
  }
  if (name === 'KMSEncryption') {
    const kmsKeyId = textMember(parameters, 'KMSKeyId');
    if (kmsKeyId === undefined) throw malformed('KMSEncryption action');
    return { type: 'KMSEncryption', kmsKeyId, challenge: textMember(parameters, 'Challenge') };
  }
  return { type: 'unknown', name: name ?? '' };
}

export function encodeHandshakeResponse(response: HandshakeResponse): Uint8Array {
  return json({
    ClientVersion: response.clientVersion,
    ProcessedClientActions: response.actions.map((action) => ({
      ActionType: action.actionType,
      ActionStatus: action.status,
      ActionResult: action.result,
      Error: action.error,
    })),
    Errors: response.errors.length === 0 ? null : response.errors,
  });
}

/** Members that are absent count as empty; the status of an action may have any value. */
export function decodeHandshakeResponse(payload: Uint8Array): HandshakeResponse {
  const response = parseObject(text(payload));
  const actions = listMember(response, 'ProcessedClientActions');
  if (response === undefined || actions === undefined) throw malformed('HandshakeResponse');
  return {
    clientVersion: textMember(response, 'ClientVersion') ?? '',
    actions: bounded(actions, 'HandshakeResponse').map((value) => {
      const action = asObject(value);
      return {
        actionType: textMember(action, 'ActionType') ?? '',
        // Official clients leave the status 0 for an action that they do not know; 0 does not mean success either.
        status: numberMember(action, 'ActionStatus') ?? 0,
        result: action?.['ActionResult'],
        error: textMember(action, 'Error') ?? '',
      };
    }),
    errors: (listMember(response, 'Errors') ?? []).map(String),
  };
}

/**
 * The ActionResult of a KMSEncryption action. `acknowledgeChallenge`: the challenge was bound into the encryption
 * context.
 */
export const encodeKeyResult = (ciphertextBlob: Uint8Array, acknowledgeChallenge: boolean): unknown => ({
  KMSCipherTextKey: base64(ciphertextBlob),
  KMSCipherTextHash: null,
  ...(acknowledgeChallenge ? { ChallengeAcknowledgement: true } : {}),
});

/** The ActionResult of a KMSEncryption action. */
export function decodeKeyResult(value: unknown): {
  readonly ciphertextBlob: Uint8Array;
  readonly challengeAcknowledged: boolean;
} {
  const result = asObject(value);
  const key = textMember(result, 'KMSCipherTextKey');
  if (key === undefined || key === '') throw malformed('KMSEncryption result');
  return {
    ciphertextBlob: fromBase64(key),
    challengeAcknowledged: result?.['ChallengeAcknowledgement'] === true,
  };
}

/** Payload type 7; the wire has the time in nanoseconds. */
export const encodeHandshakeComplete = (elapsedMs: number, customerMessage: string): Uint8Array =>
  json({ HandshakeTimeToComplete: Math.round(elapsedMs * 1_000_000), CustomerMessage: customerMessage });

/** The CustomerMessage, a text for users; the time in the payload is not needed. */
export function decodeHandshakeComplete(payload: Uint8Array): string {
  const complete = parseObject(text(payload));
  if (complete === undefined) throw malformed('HandshakeComplete');
  return textMember(complete, 'CustomerMessage') ?? '';
}

/** Encodes EncChallengeRequest and EncChallengeResponse, which have the same form. */
export const encodeChallenge = (sealed: Uint8Array): Uint8Array => json({ Challenge: base64(sealed) });

/** The bytes of an EncChallengeRequest or EncChallengeResponse, still encrypted. */
export function decodeChallenge(payload: Uint8Array): Uint8Array {
  const challenge = textMember(parseObject(text(payload)), 'Challenge');
  if (challenge === undefined) throw malformed('encryption challenge');
  return fromBase64(challenge);
}

const json = (value: unknown): Uint8Array => utf8(JSON.stringify(value));

const malformed = (what: string): ProtocolError =>
  new ProtocolError('handshake-malformed', `${what} cannot be read`);

function bounded(actions: readonly unknown[], what: string): readonly unknown[] {
  if (actions.length > MAX_ACTIONS)
    throw new ProtocolError(
      'handshake-malformed',
      `${what} with ${actions.length} actions, at most ${MAX_ACTIONS}`,
    );
  return actions;
}
