import { randomBytes, randomUUID } from 'node:crypto';
import { WebSocket } from 'ws';
import type { Clock } from '../../../core/clock.ts';
import { DataChannel } from '../../../protocol/data-channel.ts';
import { openDataChannelInput } from '../../../protocol/open-data-channel.ts';
import type { HostTools } from './aws-cli.ts';
import { AwsCallError, callAws } from './signed-call.ts';
import type { StandIn, StandInCall, StandInResult } from './stand-in-server.ts';

const VERSION = '1.2.896.0';
/** The terminal size that the plugin reports when it has no terminal (transcript b3). */
const SIZE_WITHOUT_TERMINAL = { columns: 300, rows: 100 };
const RESPONSE_VARIABLE = 'AWS_SSM_START_SESSION_RESPONSE';

/** Two keys of AES-256, one for each direction (SPEC.md §4). */
const DATA_KEY_BYTES = 64;

type Environment = Readonly<Record<string, string>>;

interface SessionResponse {
  readonly SessionId: string;
  readonly StreamUrl: string;
  readonly TokenValue: string;
}

/**
 * The stand-in `session-manager-plugin`: it starts the host's official plugin if there is one, and is otherwise a
 * client on this project's protocol core that supports shell and command sessions, encrypted ones too. It does not
 * resume sessions.
 */
export function createSessionPlugin(environment: () => Environment, tools: HostTools, clock: Clock): StandIn {
  return (call) => {
    if (tools.sessionManagerPlugin !== undefined)
      return { run: tools.sessionManagerPlugin, args: call.args, env: environment() };
    if (call.args.includes('--version')) return { code: 0, stdout: `${VERSION}\n` };
    const [response] = call.args;
    if (response === undefined)
      return {
        code: 0,
        stdout:
          '\nThe Session Manager plugin was installed successfully. Use the AWS CLI to start a session.\n\n',
      };
    const text = response === RESPONSE_VARIABLE ? call.sessionResponse : response;
    return text === undefined
      ? { code: 255, stderr: `session-manager-plugin: ${RESPONSE_VARIABLE} is empty\n` }
      : runSession(readResponse(text), call, clock, environment());
  };
}

/** The fifth argument is the request with which the session was started. */
function targetOf(call: StandInCall): string {
  const request = JSON.parse(call.args[4] ?? '{}') as { readonly Target?: string };
  return request.Target ?? '';
}

/** Throws AwsCallError. */
async function dataKey(
  env: Environment,
  now: number,
  keyId: string,
  context: Readonly<Record<string, string>>,
): Promise<{ readonly plaintext: Uint8Array; readonly ciphertextBlob: Uint8Array }> {
  const answer = await callAws(env, now, {
    service: 'kms',
    target: 'TrentService.GenerateDataKey',
    input: { KeyId: keyId, NumberOfBytes: DATA_KEY_BYTES, EncryptionContext: context },
  });
  const blob = (name: string): Uint8Array => Uint8Array.from(Buffer.from(String(answer[name]), 'base64'));
  return { plaintext: blob('Plaintext'), ciphertextBlob: blob('CiphertextBlob') };
}

/**
 * As in the official plugin, member names may begin with a small letter, because AWS CLI 1 passes on the members of
 * ECS's answer.
 */
function readResponse(text: string): SessionResponse {
  const members = Object.entries(JSON.parse(text) as Record<string, string>).map(([name, value]) => [
    name.charAt(0).toUpperCase() + name.slice(1),
    value,
  ]);
  return Object.fromEntries(members) as SessionResponse;
}

function runSession(
  session: SessionResponse,
  call: StandInCall,
  clock: Clock,
  env: Environment,
): Promise<StandInResult> {
  const channel = new DataChannel({ role: 'client', randomUuid: randomUUID, randomBytes, version: VERSION });
  const socket = new WebSocket(session.StreamUrl);
  let cancelTimer = (): void => undefined;
  const waiting: Uint8Array[] = [];

  return new Promise((resolve) => {
    const finish = (result: StandInResult): void => {
      cancelTimer();
      socket.close();
      resolve(result);
    };
    const over = (output: string): void =>
      finish({
        code: 0,
        stdout: `\n\n${output === '' ? 'Exiting session with sessionId' : 'SessionId'}: ${session.SessionId}${output === '' ? '.' : ` : ${output}`}\n\n`,
      });
    const guarded = (work: () => void): void => {
      try {
        work();
        pump();
      } catch (error) {
        finish({
          code: 1,
          stderr: `\nsession-manager-plugin: ${error instanceof Error ? error.message : 'failed'}\n`,
        });
      }
    };
    const handle = (events: ReturnType<DataChannel['tick']>): void => {
      for (const event of events) {
        if (event.type === 'output') call.io.stdout(event.bytes);
        else if (event.type === 'opened') takeInput();
        else if (event.type === 'closed') over(event.output);
        else if (event.type === 'data-key-needed') void provideKey(event.kmsKeyId);
      }
    };
    const pump = (): void => {
      for (let next = waiting[0]; next !== undefined && channel.room > 0; next = waiting[0]) {
        const part = next.subarray(0, channel.room);
        channel.send(part, clock.now());
        if (part.length === next.length) waiting.shift();
        else waiting[0] = next.subarray(part.length);
      }
      for (const message of channel.takeOutput()) if (socket.readyState === socket.OPEN) socket.send(message);
      cancelTimer();
      const next = channel.nextTimeout();
      cancelTimer =
        next === undefined
          ? () => undefined
          : clock.timer(Math.max(0, next - clock.now()), () =>
              guarded(() => handle(channel.tick(clock.now()))),
            );
    };
    // The official plugin ignores the agent's challenge, and so does this one.
    const provideKey = async (keyId: string): Promise<void> => {
      const context = { 'aws:ssm:SessionId': session.SessionId, 'aws:ssm:TargetId': targetOf(call) };
      try {
        const key = await dataKey(env, clock.now(), keyId, context);
        guarded(() => channel.provideDataKey({ ...key, acknowledgeChallenge: false }, clock.now()));
      } catch (error) {
        const reason = error instanceof AwsCallError ? `${error.code}: ${error.message}` : String(error);
        // The agent ends the session with this text, so the user reads it there.
        guarded(() => channel.refuseDataKey(`Error calling KMS GenerateDataKey API: ${reason}`, clock.now()));
      }
    };
    const type = (bytes: Uint8Array): void => guarded(() => void waiting.push(Uint8Array.from(bytes)));

    // As in the official plugin, nothing is read before the session has begun.
    const takeInput = (): void =>
      call.io.takeInput({
        onInput: type,
        // The official plugin ends at the end of its input too (transcripts b2, b5), even if the command still has
        // output to send.
        onEnd: () => finish({ code: 0, stdout: 'Cannot perform start session: EOF\n' }),
        onSize: (size) => guarded(() => channel.sendSize(size, clock.now())),
      });

    call.io.signal.addEventListener('abort', () => finish({ code: 143 }), { once: true });
    socket.on('error', (error) => finish({ code: 1, stderr: `session-manager-plugin: ${error.message}\n` }));
    socket.on('close', () =>
      finish({
        code: 1,
        stderr: `\nsession-manager-plugin: the connection of ${session.SessionId} was cut\n`,
      }),
    );
    socket.on('open', () => {
      call.io.stdout(`\nStarting session with SessionId: ${session.SessionId}\n`);
      socket.send(
        openDataChannelInput({
          tokenValue: session.TokenValue,
          clientId: randomUUID(),
          requestId: randomUUID(),
          clientVersion: VERSION,
        }),
      );
      guarded(() => {
        channel.start(clock.now());
        const size = call.terminal ? { columns: call.columns, rows: call.rows } : SIZE_WITHOUT_TERMINAL;
        channel.sendSize(size, clock.now());
      });
    });
    socket.on('message', (data) => {
      const bytes = new Uint8Array(data as Buffer);
      guarded(() => handle(channel.receive(bytes, clock.now())));
    });
  });
}
