import { base64 } from '../../core/bytes.ts';
import type { Clock } from '../../core/clock.ts';
import { ProtocolError } from '../../core/errors.ts';
import { type AgentHandshake, DataChannel, type DataChannelEvent } from '../../protocol/data-channel.ts';
import type { AccessControl } from '../contracts.ts';
import type { AgentEnd, AgentUplink, TaskResult } from '../gateway/gateway-session.ts';
import { uuidMaker } from '../gateway/identifiers.ts';
import type { RandomBytes } from '../random.ts';
import type { SessionRequest } from '../gateway/session-plan.ts';
import type { LogStore } from '../world/log-store.ts';
import { AgentChannel } from './agent-channel.ts';
import { AgentRole, channelResource, gatewayRefusal, roleSessionName } from './agent-role.ts';
import { runBasicPort } from './basic-port-runner.ts';
import { runCommand } from './command-runner.ts';
import { runMuxPort } from './mux-port-runner.ts';
import type { AgentTraits } from './agent-traits.ts';
import { Outlet } from './outlet.ts';
import type { AgentPace, RunnerContext, SessionRunner } from './runner.ts';
import { SessionLog } from './session-log.ts';
import { failedTask } from './start-error.ts';
import { runTerminal } from './terminal-runner.ts';

export type { AgentPace } from './runner.ts';

/** Old agents send no random challenge; newer ones offer it, and can be configured to require it (SPEC.md §4). */
export type AgentChallenge = 'absent' | 'offered' | 'demanded';

/** The agent's request to KMS for decryption of a data key. */
export interface KeyDecryption {
  decrypt(
    ciphertextBlob: Uint8Array,
    context: Readonly<Record<string, string>>,
  ): { readonly plaintext: Uint8Array; readonly keyArn: string };
}

export interface AgentDeps {
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  readonly access: AccessControl;
  readonly kms: KeyDecryption;
  readonly logs: LogStore;
  readonly region: string;
  readonly accountId: string;
  readonly pace: AgentPace;
  readonly traits: AgentTraits;
  readonly challenge: AgentChallenge;
  /** Undefined = 1024, as in the official agent. */
  readonly payloadSize: number | undefined;
  readonly connect: (end: AgentEnd) => AgentUplink | undefined;
  readonly complete: (result: TaskResult) => void;
}

export interface RunningAgent {
  /** Ends the session's work: kills programs and closes connections. */
  cancel(): void;
  /** Settles when all programs and connections of the session have ended; never rejects. */
  readonly done: Promise<void>;
}

const DEFAULT_PAYLOAD_SIZE = 1024;
const OFFICIAL_PAUSE_MS = 1;
/**
 * The official agent sends the output of a program without any window (SPEC.md §3). In a port session the window of the
 * protocol core keeps the connections from delaying each other, but a program has only one output.
 */
const OUTPUT_WINDOW = 128 * 1024;
/** How long the agent waits for the acknowledgements of its last messages. */
const DRAIN_MS = 2000;

/**
 * Plays `ssm-session-worker` for one session: does on the machine what the plan says, and exchanges frames with the
 * gateway.
 */
export function startAgent(request: SessionRequest, deps: AgentDeps): RunningAgent {
  const role = new AgentRole(deps.access, request.roleName, roleSessionName(request.target));
  const refused = dataChannelRefusal(role, deps);
  if (refused !== undefined) {
    const output = failedTask(`Setting up data channel with id ${request.sessionId} failed: ${refused}`);
    const cancel = deps.clock.timer(0, () => deps.complete({ status: 'Failed', output }));
    return { cancel, done: Promise.resolve() };
  }
  const agent = new Agent(request, role, deps);
  const endSession = request.machine.beginSession?.(request.sessionId);
  void agent.done.then(() => endSession?.());
  return agent;
}

/**
 * The error with which the agent cannot open a data channel, as the official agent words it (amazon-ssm-agent issue
 * 272); undefined if it can.
 */
function dataChannelRefusal(role: AgentRole, { region, accountId }: AgentDeps): string | undefined {
  const resource = channelResource(region, accountId);
  const uncreated = role.refusal('ssmmessages:CreateDataChannel', resource);
  if (uncreated !== undefined)
    return `failed to create websocket for datachannel with error: CreateDataChannel failed with no output or error: createDataChannel request failed: ${gatewayRefusal(uncreated)}`;
  return role.refusal('ssmmessages:OpenDataChannel', resource) === undefined
    ? undefined
    : 'failed to open datachannel with error: failed to connect data channel with error: websocket: bad handshake';
}

class Agent implements RunningAgent {
  readonly done: Promise<void>;
  readonly #request: SessionRequest;
  readonly #deps: AgentDeps;
  readonly #role: AgentRole;
  readonly #log: SessionLog | undefined;
  readonly #handshake: AgentHandshake | undefined;
  readonly #channel: AgentChannel;
  readonly #outlet: Outlet;
  #runner: SessionRunner | undefined;
  #finishing = false;
  #over = false;
  #settle: () => void = () => undefined;

  constructor(request: SessionRequest, role: AgentRole, deps: AgentDeps) {
    this.#request = request;
    this.#deps = deps;
    this.#role = role;
    this.#log = logOf(request, role, deps);
    this.done = new Promise((resolve) => {
      this.#settle = resolve;
    });
    const payloadSize = deps.payloadSize ?? DEFAULT_PAYLOAD_SIZE;
    this.#handshake = handshakeOf(request, deps);
    const channel = new DataChannel({
      role: 'agent',
      randomUuid: uuidMaker(deps.randomBytes),
      randomBytes: deps.randomBytes,
      sessionId: request.sessionId,
      payloadSize,
      ...(this.#handshake === undefined ? {} : { handshake: this.#handshake }),
      ...(request.plan.type === 'Port' ? {} : { limits: { minWindowBytes: OUTPUT_WINDOW } }),
    });
    this.#channel = new AgentChannel({
      clock: deps.clock,
      channel,
      traits: deps.traits,
      connect: deps.connect,
      onEvents: (events) => this.#handleAll(events),
      onRoom: () => this.#outlet.flush(),
      onError: (error) => this.#fail(channelFailure(error)),
    });
    this.#outlet = new Outlet({
      clock: deps.clock,
      channel: this.#channel,
      payloadSize,
      pauseMs: deps.pace === 'official' ? OFFICIAL_PAUSE_MS : 0,
      record: (bytes) => this.#log?.record(bytes),
    });
    this.#channel.start();
  }

  cancel(): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#runner !== undefined) this.#log?.upload();
    this.#runner?.stop();
    this.#outlet.close();
    this.#channel.close();
    this.#settle();
  }

  /** The promise, if there is one, resolves when all input has been delivered. */
  #handleAll(events: readonly DataChannelEvent[]): Promise<unknown> | undefined {
    const taking: Promise<void>[] = [];
    for (const event of events) {
      const taken = event.type === 'input' ? this.#runner?.input(event.bytes) : this.#handle(event);
      if (taken !== undefined) taking.push(taken);
    }
    return taking.length === 0 ? undefined : Promise.all(taking);
  }

  #handle(event: DataChannelEvent): undefined {
    switch (event.type) {
      case 'agent-opened':
        this.#start(event.mux, event.keepAlive);
        return;
      case 'data-key-offered':
        this.#openDataKey(event.ciphertextBlob, event.challengeAcknowledged);
        return;
      case 'size':
        this.#runner?.size(event.columns, event.rows);
        return;
      case 'flag':
        // The flag TerminateSession is for port sessions; a shell is ended by the API call TerminateSession only.
        if (event.flag !== 'TerminateSession') this.#runner?.flag(event.flag);
        else if (this.#request.plan.type === 'Port') void this.#succeed();
        return;
      case 'closed':
        this.cancel();
        return;
      case 'paused':
        this.#runner?.paused?.();
        return;
      case 'input':
      case 'resumed':
      case 'ignored':
      case 'opened':
      case 'data-key-needed':
      case 'output':
      case 'exit-code':
      case 'connect-to-port-error':
        return;
      default:
        event satisfies never;
    }
  }

  #start(mux: boolean, keepAlive: boolean): void {
    const { plan, machine } = this.#request;
    const unlogged = this.#log?.validate();
    if (unlogged !== undefined) {
      this.#fail(unlogged);
      return;
    }
    const context: RunnerContext = {
      machine,
      clock: this.#deps.clock,
      pace: this.#deps.pace,
      traits: this.#deps.traits,
      outlet: this.#outlet,
      channel: this.#channel,
      succeed: () => void this.#succeed(),
      fail: (output) => this.#fail(output),
    };
    switch (plan.type) {
      case 'Standard_Stream':
        this.#runner = runTerminal(context, undefined);
        return;
      case 'InteractiveCommands':
        this.#runner = runTerminal(context, plan.command);
        return;
      case 'NonInteractiveCommands':
        this.#runner = runCommand(context, plan);
        return;
      case 'Port':
        this.#runner = mux
          ? runMuxPort(context, plan.properties, keepAlive)
          : runBasicPort(context, plan.properties);
        return;
      default:
        plan satisfies never;
    }
  }

  /** Sends the queued output, waits up to 2 s for its acknowledgements, sends Terminating, and reports the end. */
  async #succeed(): Promise<void> {
    if (this.#finishing || this.#over) return;
    this.#finishing = true;
    const deadline = this.#deps.clock.now() + DRAIN_MS;
    await this.#outlet.emptied(DRAIN_MS);
    await this.#channel.drained(Math.max(0, deadline - this.#deps.clock.now()));
    if (this.#over) return;
    this.#channel.terminating();
    this.#deps.complete({ status: 'Success', output: '' });
    this.cancel();
  }

  /** The agent sends nothing to the client; the text travels through the control channel (transcript e2). */
  #fail(output: string): void {
    if (this.#over) return;
    this.cancel();
    this.#deps.complete({ status: 'Failed', output });
  }

  #openDataKey(ciphertextBlob: Uint8Array, challengeAcknowledged: boolean): void {
    const { sessionId, target } = this.#request;
    if (this.#deps.challenge === 'demanded' && !challengeAcknowledged) {
      this.#channel.refuseDataKey('the client did not acknowledge the random challenge');
      return;
    }
    const challenge = this.#handshake?.challenge;
    const context = {
      'aws:ssm:SessionId': sessionId,
      'aws:ssm:TargetId': target,
      ...(challengeAcknowledged && challenge !== undefined ? { 'aws:ssm:RandomChallenge': challenge } : {}),
    };
    try {
      const { plaintext, keyArn } = this.#deps.kms.decrypt(ciphertextBlob, context);
      const refusal = this.#role.refusal('kms:Decrypt', keyArn);
      if (refusal !== undefined) throw new Error(`AccessDeniedException: ${refusal}`);
      this.#channel.provideDataKey(plaintext, ciphertextBlob);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#channel.refuseDataKey(
        `Fetching data key failed: Unable to retrieve data key, Error when decrypting data key ${reason}`,
      );
    }
  }
}

function logOf(request: SessionRequest, role: AgentRole, deps: AgentDeps): SessionLog | undefined {
  const { logging, plan, sessionId } = request;
  if (logging === undefined || plan.type === 'Port') return undefined;
  const { logs: store, region, accountId } = deps;
  return new SessionLog({ logging, store, role, sessionId, region, accountId });
}

/** The session type decides whether there is a handshake (SPEC.md §4); Port sessions are never encrypted. */
function handshakeOf(request: SessionRequest, deps: AgentDeps): AgentHandshake | undefined {
  const { plan } = request;
  const kmsKeyId = plan.type === 'Port' ? undefined : request.kmsKeyId;
  const hasHandshake = plan.type === 'Port' || plan.type === 'NonInteractiveCommands';
  if (kmsKeyId === undefined && !hasHandshake) return undefined;
  return {
    sessionType: plan.type,
    ...(plan.type === 'Port' ? { properties: plan.properties } : {}),
    ...(kmsKeyId === undefined ? {} : { kmsKeyId }),
    ...(kmsKeyId === undefined || deps.challenge === 'absent'
      ? {}
      : { challenge: base64(deps.randomBytes(16)) }),
  };
}

const HANDSHAKE = 'Encountered error while initiating handshake.';

function channelFailure(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const isHandshake = error instanceof ProtocolError && error.code.startsWith('handshake-');
  if (!isHandshake) return message;
  return failedTask(message.startsWith(HANDSHAKE) ? message : `${HANDSHAKE} ${message}`);
}
