import { equal } from '../core/bytes.ts';
import { ProtocolError } from '../core/errors.ts';
import { PAYLOAD_TYPE } from './agent-message.ts';
import type {
  AgentHandshake,
  ChannelRole,
  DataChannelEvent,
  DataKey,
  RoleLink,
} from './data-channel-types.ts';
import {
  ACTION_STATUS,
  decodeChallenge,
  decodeHandshakeResponse,
  decodeKeyResult,
  encodeChallenge,
  encodeHandshakeComplete,
  encodeHandshakeRequest,
  type RequestedAction,
} from './handshake-payloads.ts';
import { asObject, textMember } from './json-payload.ts';
import { SessionEncryption } from './session-encryption.ts';
import { readFlag, readSize } from './stream-payloads.ts';
import { agentMuxFeatures } from './version-gates.ts';

const HANDSHAKE_TIMEOUT = 15_000;
const CHALLENGE_LENGTH = 64;
const ENCRYPTED_MESSAGE = 'This session is encrypted using AWS KMS.';

type Stage = 'new' | 'requested' | 'needs-key' | 'challenged' | 'open';

export interface AgentRoleOptions {
  readonly version: string;
  readonly handshake: AgentHandshake | undefined;
  readonly randomBytes: (length: number) => Uint8Array;
}

/** The agent's side: sends the handshake request, checks the answers, reads input (SPEC.md §4, §5). */
export class AgentRole implements ChannelRole {
  readonly #options: AgentRoleOptions;
  readonly #link: RoleLink;
  #stage: Stage = 'new';
  #startedAt = 0;
  #deadline: number | undefined;
  #clientVersion = '';
  #encryption: SessionEncryption | undefined;
  #challenge: Uint8Array = new Uint8Array();
  #failure: ProtocolError | undefined;

  constructor(options: AgentRoleOptions, link: RoleLink) {
    this.#options = options;
    this.#link = link;
  }

  get isOpen(): boolean {
    return this.#stage === 'open';
  }

  get isHandshaking(): boolean {
    return this.#stage !== 'new' && this.#stage !== 'open';
  }

  start(now: number): void {
    if (this.#stage !== 'new') return;
    this.#startedAt = now;
    this.#link.sendSessionState('Connected', now);
    const handshake = this.#options.handshake;
    if (handshake === undefined) {
      this.#link.emit(this.#open());
      return;
    }
    this.#stage = 'requested';
    this.#deadline = now + this.#timeoutMs;
    const request = encodeHandshakeRequest({
      agentVersion: this.#options.version,
      actions: requestedActions(handshake),
    });
    this.#link.sendStream(PAYLOAD_TYPE.handshakeRequest, request, now);
  }

  /**
   * An answer that does not match the challenge is never acknowledged; the session fails when the handshake times out.
   */
  accepts(payloadType: number, payload: Uint8Array): boolean {
    if (this.#stage !== 'challenged' || payloadType !== PAYLOAD_TYPE.encChallengeResponse) return true;
    const answer = this.#encryption?.open(decodeChallenge(payload));
    return answer !== undefined && equal(answer, this.#challenge);
  }

  process(payloadType: number, payload: Uint8Array, now: number): readonly DataChannelEvent[] {
    if (this.isOpen) return [this.#read(payloadType, payload)];
    if (payloadType === PAYLOAD_TYPE.handshakeResponse && this.#stage === 'requested')
      return this.#receiveResponse(payload, now);
    if (payloadType === PAYLOAD_TYPE.encChallengeResponse && this.#stage === 'challenged')
      return this.#complete(now);
    return [ignored(`payload type ${payloadType} during the handshake`)];
  }

  seal(payload: Uint8Array): Uint8Array {
    return this.#encryption === undefined ? payload : this.#encryption.seal(payload);
  }

  provideDataKey(key: DataKey, now: number): void {
    if (this.#stage !== 'needs-key') return;
    this.#encryption = new SessionEncryption('agent', key.plaintext, this.#options.randomBytes);
    this.#challenge = this.#options.randomBytes(CHALLENGE_LENGTH);
    this.#stage = 'challenged';
    this.#deadline = now + this.#timeoutMs;
    this.#link.sendStream(
      PAYLOAD_TYPE.encChallengeRequest,
      encodeChallenge(this.#encryption.seal(this.#challenge)),
      now,
    );
  }

  /** Makes the next tick throw `handshake-failed`. */
  refuseDataKey(reason: string, now: number): void {
    if (this.#stage !== 'needs-key') return;
    this.#failure = handshakeFailed(reason);
    this.#deadline = now;
  }

  nextTimeout(): number | undefined {
    return this.#deadline;
  }

  tick(now: number): readonly DataChannelEvent[] {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#deadline !== undefined && now >= this.#deadline)
      throw new ProtocolError(
        'handshake-timeout',
        'Handshake timed out. Please ensure that you have the latest version of the session manager plugin.',
      );
    return [];
  }

  #receiveResponse(payload: Uint8Array, now: number): readonly DataChannelEvent[] {
    const response = decodeHandshakeResponse(payload);
    const failed = response.actions.find((action) => action.status !== ACTION_STATUS.success);
    if (failed !== undefined)
      throw handshakeFailed(failed.error === '' ? `${failed.actionType} failed on the client` : failed.error);
    this.#clientVersion = response.clientVersion;
    if (this.#options.handshake?.kmsKeyId === undefined) return this.#complete(now);
    const encryption = response.actions.find((action) => action.actionType === 'KMSEncryption');
    if (encryption === undefined) throw handshakeFailed('KMSEncryption was not processed by the client');
    this.#stage = 'needs-key';
    return [{ type: 'data-key-offered', ...decodeKeyResult(encryption.result) }];
  }

  #complete(now: number): readonly DataChannelEvent[] {
    const message =
      this.#options.handshake?.customerMessage ?? (this.#encryption === undefined ? '' : ENCRYPTED_MESSAGE);
    this.#link.sendStream(
      PAYLOAD_TYPE.handshakeComplete,
      encodeHandshakeComplete(Math.max(0, now - this.#startedAt), message),
      now,
    );
    return [this.#open()];
  }

  #open(): DataChannelEvent {
    this.#stage = 'open';
    this.#deadline = undefined;
    const handshake = this.#options.handshake;
    const isForwarding =
      handshake?.sessionType === 'Port' &&
      textMember(asObject(handshake.properties), 'type') === 'LocalPortForwarding';
    return {
      type: 'agent-opened',
      clientVersion: this.#clientVersion,
      ...agentMuxFeatures(this.#clientVersion, isForwarding),
    };
  }

  #read(payloadType: number, payload: Uint8Array): DataChannelEvent {
    switch (payloadType) {
      case PAYLOAD_TYPE.output:
        return { type: 'input', bytes: this.#unseal(payload) };
      case PAYLOAD_TYPE.size: {
        const size = readSize(payload);
        return size === undefined ? ignored('size that cannot be read') : { type: 'size', ...size };
      }
      case PAYLOAD_TYPE.flag: {
        const flag = readFlag(payload);
        return flag === 'DisconnectToPort' || flag === 'TerminateSession'
          ? { type: 'flag', flag }
          : ignored('flag that means nothing to an agent');
      }
      default:
        return ignored(`payload type ${payloadType}`);
    }
  }

  #unseal(payload: Uint8Array): Uint8Array {
    if (this.#encryption === undefined || payload.byteLength === 0) return payload;
    const plaintext = this.#encryption.open(payload);
    if (plaintext === undefined)
      throw new ProtocolError('decryption-failed', 'input was not encrypted with the key of this session');
    return plaintext;
  }

  get #timeoutMs(): number {
    return this.#options.handshake?.timeoutMs ?? HANDSHAKE_TIMEOUT;
  }
}

function requestedActions(handshake: AgentHandshake): readonly RequestedAction[] {
  const session: RequestedAction = {
    type: 'SessionType',
    sessionType: handshake.sessionType,
    properties: handshake.properties ?? null,
  };
  if (handshake.kmsKeyId === undefined) return [session];
  return [session, { type: 'KMSEncryption', kmsKeyId: handshake.kmsKeyId, challenge: handshake.challenge }];
}

const ignored = (reason: string): DataChannelEvent => ({ type: 'ignored', reason });

const handshakeFailed = (reason: string): ProtocolError =>
  new ProtocolError('handshake-failed', `Encountered error while initiating handshake. ${reason}`);
