import { ProtocolError } from '../core/errors.ts';
import { PAYLOAD_TYPE } from './agent-message.ts';
import type { ChannelRole, DataChannelEvent, DataKey, RoleLink, SessionType } from './data-channel-types.ts';
import {
  ACTION_STATUS,
  decodeChallenge,
  decodeHandshakeComplete,
  decodeHandshakeRequest,
  encodeChallenge,
  encodeHandshakeResponse,
  encodeKeyResult,
  type HandshakeRequest,
  type ProcessedAction,
  type RequestedAction,
} from './handshake-payloads.ts';
import { asObject, textMember } from './json-payload.ts';
import { SessionEncryption } from './session-encryption.ts';
import { readExitCode, readFlag } from './stream-payloads.ts';
import { clientMuxFeatures } from './version-gates.ts';

const SESSION_TYPES: readonly string[] = [
  'Standard_Stream',
  'InteractiveCommands',
  'NonInteractiveCommands',
  'Port',
] satisfies readonly SessionType[];

type Stage = 'waiting' | 'needs-key' | 'responded' | 'open';

export interface ClientRoleOptions {
  readonly version: string;
  readonly handshakeTimeoutMs: number;
  readonly randomBytes: (length: number) => Uint8Array;
}

/** The client's side: answers the handshake, or recognises a session without one, and reads output (SPEC.md §4, §5). */
export class ClientRole implements ChannelRole {
  readonly #options: ClientRoleOptions;
  readonly #link: RoleLink;
  #stage: Stage = 'waiting';
  #request: HandshakeRequest | undefined;
  #encryption: SessionEncryption | undefined;
  #deadline: number | undefined;

  constructor(options: ClientRoleOptions, link: RoleLink) {
    this.#options = options;
    this.#link = link;
  }

  get isOpen(): boolean {
    return this.#stage === 'open';
  }

  get isHandshaking(): boolean {
    return this.#stage === 'needs-key' || this.#stage === 'responded';
  }

  start(): void {
    // The agent sends the first message.
  }

  /**
   * During a handshake only handshake messages are accepted; the agent repeats the others until the session is open.
   */
  accepts(payloadType: number): boolean {
    return !this.isHandshaking || isHandshake(payloadType);
  }

  process(payloadType: number, payload: Uint8Array, now: number): readonly DataChannelEvent[] {
    if (isHandshake(payloadType)) return this.#respondToHandshake(payloadType, payload, now);
    const opened = this.isOpen ? [] : [this.#open(undefined, '')];
    return [...opened, ...this.#read(payloadType, payload)];
  }

  seal(payload: Uint8Array): Uint8Array {
    return this.#encryption === undefined ? payload : this.#encryption.seal(payload);
  }

  provideDataKey(key: DataKey, now: number): void {
    if (this.#stage !== 'needs-key') return;
    this.#encryption = new SessionEncryption('client', key.plaintext, this.#options.randomBytes);
    this.#respond(
      {
        actionType: 'KMSEncryption',
        status: ACTION_STATUS.success,
        result: encodeKeyResult(key.ciphertextBlob, key.acknowledgeChallenge === true),
        error: '',
      },
      now,
    );
  }

  /** The agent then ends the session and sends the reason with channel_closed. */
  refuseDataKey(reason: string, now: number): void {
    if (this.#stage !== 'needs-key') return;
    this.#respond(failedAction('KMSEncryption', reason), now);
  }

  nextTimeout(): number | undefined {
    return this.#deadline;
  }

  tick(now: number): readonly DataChannelEvent[] {
    if (this.#deadline !== undefined && now >= this.#deadline)
      throw new ProtocolError(
        'handshake-timeout',
        `the agent did not complete the handshake within ${this.#options.handshakeTimeoutMs} ms`,
      );
    return [];
  }

  #respondToHandshake(payloadType: number, payload: Uint8Array, now: number): readonly DataChannelEvent[] {
    if (this.isOpen) return [ignored(`payload type ${payloadType} after the handshake`)];
    switch (payloadType) {
      case PAYLOAD_TYPE.handshakeRequest:
        return this.#begin(payload, now);
      case PAYLOAD_TYPE.encChallengeRequest:
        this.#answerChallenge(payload, now);
        return [];
      default:
        return [this.#complete(payload)];
    }
  }

  #begin(payload: Uint8Array, now: number): readonly DataChannelEvent[] {
    if (this.#request !== undefined) throw outOfOrder('a second HandshakeRequest');
    this.#request = decodeHandshakeRequest(payload);
    this.#deadline = now + this.#options.handshakeTimeoutMs;
    const encryption = this.#request.actions.find((action) => action.type === 'KMSEncryption');
    if (encryption === undefined) {
      this.#respond(undefined, now);
      return [];
    }
    this.#stage = 'needs-key';
    return [{ type: 'data-key-needed', kmsKeyId: encryption.kmsKeyId, challenge: encryption.challenge }];
  }

  #respond(encryption: ProcessedAction | undefined, now: number): void {
    this.#stage = 'responded';
    const actions = (this.#request?.actions ?? []).map((action) => processAction(action, encryption));
    const response = encodeHandshakeResponse({
      clientVersion: this.#options.version,
      actions,
      errors: actions.map((action) => action.error).filter((error) => error !== ''),
    });
    this.#link.sendStream(PAYLOAD_TYPE.handshakeResponse, response, now);
  }

  #answerChallenge(payload: Uint8Array, now: number): void {
    if (this.#encryption === undefined) throw outOfOrder('an encryption challenge before the data key');
    const challenge = this.#encryption.open(decodeChallenge(payload));
    if (challenge === undefined) throw undecipherable('encryption challenge');
    const answer = encodeChallenge(this.#encryption.seal(challenge));
    this.#link.sendStream(PAYLOAD_TYPE.encChallengeResponse, answer, now);
  }

  #complete(payload: Uint8Array): DataChannelEvent {
    if (this.#stage !== 'responded') throw outOfOrder('HandshakeComplete before the response');
    const customerMessage = decodeHandshakeComplete(payload);
    const session = this.#request?.actions.find((action) => action.type === 'SessionType');
    if (session === undefined || !isSessionType(session.sessionType))
      throw new ProtocolError(
        'session-type-unknown',
        'the agent named no session type that this client knows',
      );
    return this.#open(session, customerMessage);
  }

  #open(
    session: Extract<RequestedAction, { readonly type: 'SessionType' }> | undefined,
    customerMessage: string,
  ): DataChannelEvent {
    this.#stage = 'open';
    this.#deadline = undefined;
    const agentVersion = this.#request?.agentVersion ?? '';
    const sessionType = session?.sessionType;
    const isForwarding =
      sessionType === 'Port' && textMember(asObject(session?.properties), 'type') === 'LocalPortForwarding';
    return {
      type: 'opened',
      sessionType: sessionType !== undefined && isSessionType(sessionType) ? sessionType : undefined,
      agentVersion,
      properties: session?.properties ?? null,
      customerMessage,
      ...clientMuxFeatures(agentVersion, isForwarding),
    };
  }

  #read(payloadType: number, payload: Uint8Array): readonly DataChannelEvent[] {
    switch (payloadType) {
      case PAYLOAD_TYPE.output:
        return [{ type: 'output', stream: 'stdout', bytes: this.#unseal(payload) }];
      case PAYLOAD_TYPE.stdErr:
        return [{ type: 'output', stream: 'stderr', bytes: this.#unseal(payload) }];
      case PAYLOAD_TYPE.exitCode: {
        const code = readExitCode(this.#unseal(payload));
        return [code === undefined ? ignored('exit code that cannot be read') : { type: 'exit-code', code }];
      }
      case PAYLOAD_TYPE.flag:
        return [
          readFlag(payload) === 'ConnectToPortError'
            ? { type: 'connect-to-port-error' }
            : ignored('flag that means nothing to a client'),
        ];
      default:
        return [ignored(`payload type ${payloadType}`)];
    }
  }

  #unseal(payload: Uint8Array): Uint8Array {
    if (this.#encryption === undefined || payload.byteLength === 0) return payload;
    const plaintext = this.#encryption.open(payload);
    if (plaintext === undefined) throw undecipherable('output');
    return plaintext;
  }
}

function processAction(action: RequestedAction, encryption: ProcessedAction | undefined): ProcessedAction {
  switch (action.type) {
    case 'SessionType':
      return isSessionType(action.sessionType)
        ? { actionType: action.type, status: ACTION_STATUS.success, result: null, error: '' }
        : failedAction(action.type, `Unknown session type ${action.sessionType}`);
    case 'KMSEncryption':
      return encryption ?? failedAction(action.type, 'no data key');
    case 'unknown':
      return {
        actionType: action.name,
        status: ACTION_STATUS.unsupported,
        result: null,
        error: `Unsupported action ${action.name}`,
      };
  }
}

const failedAction = (actionType: string, reason: string): ProcessedAction => ({
  actionType,
  status: ACTION_STATUS.failed,
  result: null,
  error: `Failed to process action ${actionType}: ${reason}`,
});

const isSessionType = (name: string): name is SessionType => SESSION_TYPES.includes(name);

const isHandshake = (payloadType: number): boolean =>
  payloadType === PAYLOAD_TYPE.handshakeRequest ||
  payloadType === PAYLOAD_TYPE.handshakeComplete ||
  payloadType === PAYLOAD_TYPE.encChallengeRequest;

const ignored = (reason: string): DataChannelEvent => ({ type: 'ignored', reason });

const outOfOrder = (what: string): ProtocolError =>
  new ProtocolError('handshake-out-of-order', `the agent sent ${what}`);

const undecipherable = (what: string): ProtocolError =>
  new ProtocolError('decryption-failed', `${what} was not encrypted with the key of this session`);
