import type { Socket } from 'node:net';
import { writeInTurn } from '../../core/turn-writes.ts';
import { openPortTarget, type PortTarget } from './port-target.ts';
import type { RunnerContext, SessionRunner } from './runner.ts';

/** Bytes that may wait for the server before the agent stops taking the client's messages. */
const RECEIVE_BUDGET = 1024 * 1024;

/**
 * Port sessions without mux: stdio mode (SSH), and listener mode with old clients. There is one connection at a time.
 * It is dialled when the session starts; in listener mode it is dialled again when data arrives after it ended
 * (SPEC.md §13.2).
 */
export function runBasicPort(
  context: RunnerContext,
  properties: Readonly<Record<string, string>>,
): SessionRunner {
  const { outlet, channel } = context;
  const isListener = properties['type'] === 'LocalPortForwarding';
  let target: PortTarget | undefined;
  let socket: Socket | undefined;
  let dialling = false;
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  let stopped = false;

  const regulate = (): void => channel.hold(waitingBytes + (socket?.writableLength ?? 0) > RECEIVE_BUDGET);

  const dial = async (to: PortTarget): Promise<void> => {
    if (dialling) return;
    dialling = true;
    try {
      const opened = await to.dial();
      if (stopped) opened.destroy();
      else attach(opened);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      context.fail(`Unable to connect to specified port: ${reason}`);
    } finally {
      dialling = false;
    }
  };

  const attach = (opened: Socket): void => {
    socket = opened;
    opened.on('data', (bytes: Buffer) => {
      if (socket === opened && !outlet.write(bytes)) opened.pause();
    });
    opened.on('drain', regulate);
    opened.on('error', () => undefined);
    const ended = (): void => {
      opened.destroySoon();
      if (socket !== opened || stopped) return;
      socket = undefined;
      regulate();
      // In listener mode the client gets no message; the first data of its next connection makes the agent dial
      // again.
      if (!isListener) context.succeed();
    };
    opened.on('end', ended);
    opened.on('close', ended);
    for (const bytes of waiting) opened.write(bytes);
    waiting = [];
    waitingBytes = 0;
    regulate();
  };

  outlet.onDrain(() => socket?.resume());

  openPortTarget(context.machine, properties).then(
    (opened) => {
      if (stopped) return;
      target = opened;
      void dial(opened);
    },
    (error: unknown) => context.fail(error instanceof Error ? error.message : String(error)),
  );

  return {
    input(bytes) {
      if (socket === undefined) {
        waiting.push(bytes);
        waitingBytes += bytes.byteLength;
        if (target !== undefined) void dial(target);
      } else {
        writeInTurn(socket, bytes);
      }
      regulate();
      return undefined;
    },
    size() {},
    flag(flag) {
      if (flag !== 'DisconnectToPort') return;
      const closing = socket;
      socket = undefined;
      closing?.destroySoon();
    },
    stop() {
      stopped = true;
      socket?.destroy();
    },
  };
}
