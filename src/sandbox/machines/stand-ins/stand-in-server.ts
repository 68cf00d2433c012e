import { createServer, type Server, type Socket } from 'node:net';

/** One call of a stand-in on the machine. */
export interface StandInCall {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** Whether standard input is a terminal, of `columns` × `rows` characters. */
  readonly terminal: boolean;
  readonly columns: number;
  readonly rows: number;
  /** The caller's `AWS_SSM_START_SESSION_RESPONSE`, which only the plugin reads. */
  readonly sessionResponse?: string;
  readonly io: StandInIo;
}

/** The streams of a call that reads and writes while it runs. */
export interface StandInIo {
  stdout(bytes: Uint8Array | string): void;
  stderr(bytes: Uint8Array | string): void;
  /** Starts to read standard input; a terminal is put into raw mode. */
  takeInput(listener: {
    onInput(bytes: Uint8Array): void;
    onEnd(): void;
    onSize(size: { readonly columns: number; readonly rows: number }): void;
  }): void;
  /** Aborted when the caller has ended, because it was killed or timed out. */
  readonly signal: AbortSignal;
}

export type StandInResult =
  | { readonly code: number; readonly stdout?: string; readonly stderr?: string }
  /** A program of the host replaces the caller and gets its terminal. */
  | {
      readonly run: string;
      readonly args: readonly string[];
      readonly env: Readonly<Record<string, string>>;
    };

export type StandIn = (call: StandInCall) => StandInResult | Promise<StandInResult>;

/** A call is one line of arguments; a longer frame does not come from a stand-in. */
const MAX_FRAME_BYTES = 1024 * 1024;

/** Answers the forwarders of one machine on a Unix socket; see `FORWARDER_SOURCE`. */
export class StandInServer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #standIns: ReadonlyMap<string, StandIn>;

  private constructor(standIns: ReadonlyMap<string, StandIn>) {
    this.#standIns = standIns;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  static listen(path: string, standIns: ReadonlyMap<string, StandIn>): Promise<StandInServer> {
    const server = new StandInServer(standIns);
    return new Promise((resolve, reject) => {
      server.#server.once('error', reject);
      server.#server.listen(path, () => resolve(server));
    });
  }

  /** Closes the connection of every call that still runs. */
  close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    const gone = new AbortController();
    let input: Parameters<StandInIo['takeInput']>[0] | undefined;
    const io: StandInIo = {
      stdout: (bytes) => send(socket, 'O', bytes),
      stderr: (bytes) => send(socket, 'R', bytes),
      takeInput: (listener) => {
        input = listener;
        send(socket, 'T', '');
      },
      signal: gone.signal,
    };
    let buffer: Buffer = Buffer.alloc(0);
    socket.on('data', (bytes: Buffer) => {
      buffer = Buffer.concat([buffer, bytes]);
      for (;;) {
        const frame = frameOf(buffer);
        if (frame === undefined) return;
        if (frame === 'too-long') {
          socket.destroy();
          return;
        }
        buffer = buffer.subarray(5 + frame.payload.length);
        switch (frame.type) {
          case 'C':
            void this.#run(socket, { ...(JSON.parse(frame.payload.toString()) as StandInCall), io });
            break;
          case 'I':
            input?.onInput(frame.payload);
            break;
          case 'E':
            input?.onEnd();
            break;
          case 'S':
            input?.onSize(JSON.parse(frame.payload.toString()) as { columns: number; rows: number });
            break;
          default:
            socket.destroy();
            return;
        }
      }
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#sockets.delete(socket);
      gone.abort();
    });
  }

  async #run(socket: Socket, call: StandInCall): Promise<void> {
    let result: StandInResult;
    try {
      const standIn = this.#standIns.get(call.program);
      result =
        standIn === undefined
          ? { code: 127, stderr: `${call.program}: no such stand-in\n` }
          : await standIn(call);
    } catch (error) {
      result = { code: 1, stderr: `${call.program}: ${error instanceof Error ? error.message : 'failed'}\n` };
    }
    if (socket.destroyed) return;
    if ('run' in result) {
      send(socket, 'P', JSON.stringify({ file: result.run, args: result.args, env: result.env }));
      return;
    }
    if (result.stdout !== undefined) send(socket, 'O', result.stdout);
    if (result.stderr !== undefined) send(socket, 'R', result.stderr);
    send(socket, 'X', Uint8Array.of(result.code));
  }
}

function frameOf(
  buffer: Buffer,
): { readonly type: string; readonly payload: Buffer } | 'too-long' | undefined {
  if (buffer.length < 5) return undefined;
  const length = buffer.readUInt32BE(1);
  if (length > MAX_FRAME_BYTES) return 'too-long';
  if (buffer.length < 5 + length) return undefined;
  return { type: String.fromCharCode(buffer[0] ?? 0), payload: buffer.subarray(5, 5 + length) };
}

function send(socket: Socket, type: string, payload: Uint8Array | string): void {
  if (socket.destroyed) return;
  const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
  const head = Buffer.alloc(5);
  head.write(type, 0, 'latin1');
  head.writeUInt32BE(bytes.length, 1);
  socket.write(Buffer.concat([head, bytes]));
}
