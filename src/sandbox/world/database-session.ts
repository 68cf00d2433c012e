import type { Socket } from 'node:net';
import { type SecureContext, TLSSocket } from 'node:tls';
import {
  AUTHENTICATION_CLEARTEXT_PASSWORD,
  AUTHENTICATION_OK,
  COPY_IN_RESPONSE,
  encodeBackendKey,
  encodeCloseStatement,
  encodeError,
  encodeReady,
  MAX_MESSAGE_BYTES,
  messagesOf,
  preparedName,
  renameStatements,
  SYNC,
  textOf,
  WireError,
  WireReader,
  type WireMessage,
} from './postgres-wire.ts';

/** Messages that must reach the engine together, because the next messages may be those of another session. */
export interface Unit {
  readonly messages: Buffer;
  /** Whether the session keeps the engine afterwards, because of a Flush inside an unfinished batch. */
  readonly holds: boolean;
  /** Whether the client got the CopyInResponse before the engine received the command. */
  readonly copied: boolean;
}

/** What a session needs from the server that it belongs to. */
export interface SessionHost {
  /**
   * Why this login is refused, as SQLSTATE and message; undefined = it is accepted. `password` is undefined before
   * the client was asked for it.
   */
  refuse(
    parameters: ReadonlyMap<string, string>,
    password: string | undefined,
  ): { readonly code: string; readonly message: string } | undefined;
  readonly asksPassword: boolean;
  /** Undefined = the server has no TLS. */
  secureContext(): SecureContext | undefined;
  /** ParameterStatus messages of the engine, which may have to be started first. */
  parameterStatus(): Promise<Buffer>;
  submit(session: DatabaseSession, unit: Unit): void;
  ended(session: DatabaseSession): void;
}

const COPY_FROM_STDIN = /^\s*copy\b[^;]*\bfrom\s+stdin\b/i;

/**
 * The server's side of the protocol for one client: login, then batches. It does not use the engine itself. It passes
 * whole units to its host, so that several sessions can share an engine with a single session.
 */
export class DatabaseSession {
  readonly id: number;
  #socket: Socket;
  readonly #host: SessionHost;
  readonly #reader = new WireReader();
  readonly #prepared = new Set<string>();
  #phase: 'startup' | 'password' | 'starting' | 'ready' | 'ended' = 'startup';
  #parameters: ReadonlyMap<string, string> = new Map();
  #batch: Buffer[] = [];
  #batchBytes = 0;
  #copying = false;

  constructor(id: number, socket: Socket, host: SessionHost) {
    this.id = id;
    this.#socket = socket;
    this.#host = host;
    socket.setNoDelay(true);
    this.#listen();
  }

  #listen(): void {
    this.#socket.on('data', (bytes: Buffer) => this.#receive(bytes));
    this.#socket.on('error', () => this.#end());
    this.#socket.on('close', () => this.#end());
    this.#socket.on('end', () => this.#end());
  }

  /** Agrees to TLS; everything after the handshake arrives through the encrypted socket. */
  #encrypt(secureContext: SecureContext): void {
    const raw = this.#socket;
    raw.removeAllListeners('data');
    raw.write('S');
    this.#socket = new TLSSocket(raw, { isServer: true, secureContext });
    this.#listen();
  }

  /** Messages that close the statements of this session, for the engine to run when the session ends. */
  forgetStatements(): Buffer {
    return Buffer.concat([...[...this.#prepared].map(encodeCloseStatement), SYNC]);
  }

  get hasStatements(): boolean {
    return this.#prepared.size > 0;
  }

  /** Sends the client what the engine answered to `unit`. */
  answer(unit: Unit, answer: Buffer): void {
    if (this.#phase === 'ended') return;
    if (!unit.copied) {
      this.#socket.write(answer);
      return;
    }
    const kept = messagesOf(answer).filter((message) => message.type !== 'G');
    this.#socket.write(Buffer.concat(kept.map((message) => message.bytes)));
  }

  /** Reports that the unit could not be run: the client gets an error, and the session goes on. */
  reject(code: string, message: string): void {
    if (this.#phase === 'ended') return;
    this.#socket.write(Buffer.concat([encodeError('ERROR', code, message), encodeReady('I')]));
  }

  /** Ends the session with a FATAL error, as the server does when it shuts down. */
  fail(code: string, message: string): void {
    if (this.#phase === 'ended') return;
    this.#socket.end(encodeError('FATAL', code, message));
    this.#end();
  }

  #end(): void {
    if (this.#phase === 'ended') return;
    this.#phase = 'ended';
    this.#host.ended(this);
    if (!this.#socket.writableEnded) this.#socket.end();
  }

  #receive(bytes: Buffer): void {
    if (this.#phase === 'ended') return;
    this.#reader.push(bytes);
    try {
      this.#read();
    } catch (error) {
      if (error instanceof WireError) this.fail(error.code, error.message);
      else throw error;
    }
  }

  #read(): void {
    for (;;) {
      if (this.#phase === 'startup') {
        const packet = this.#reader.startup();
        if (packet === undefined) return;
        if (packet.kind === 'encryption') this.#answerEncryption(packet.method);
        else if (packet.kind === 'cancel') this.#end();
        else this.#greet(packet.parameters);
      } else if (this.#phase === 'password') {
        const message = this.#reader.message();
        if (message === undefined) return;
        if (message.type !== 'p') throw new WireError('08P01', 'expected password response');
        this.#login(textOf(message));
      } else if (this.#phase === 'ready') {
        const message = this.#reader.message();
        if (message === undefined) return;
        this.#take(message);
      } else return;
    }
  }

  #answerEncryption(method: 'tls' | 'gss'): void {
    const secureContext = this.#host.secureContext();
    if (method === 'gss' || secureContext === undefined || this.#socket instanceof TLSSocket)
      this.#socket.write('N');
    else this.#encrypt(secureContext);
  }

  #greet(parameters: ReadonlyMap<string, string>): void {
    this.#parameters = parameters;
    if (!this.#host.asksPassword) {
      this.#login(undefined);
      return;
    }
    this.#phase = 'password';
    this.#socket.write(AUTHENTICATION_CLEARTEXT_PASSWORD);
  }

  #login(password: string | undefined): void {
    const refusal = this.#host.refuse(this.#parameters, password);
    if (refusal !== undefined) {
      this.fail(refusal.code, refusal.message);
      return;
    }
    this.#phase = 'starting';
    this.#host.parameterStatus().then(
      (parameters) => {
        if (this.#phase !== 'starting') return;
        this.#phase = 'ready';
        this.#socket.write(
          Buffer.concat([AUTHENTICATION_OK, parameters, encodeBackendKey(this.id, 0), encodeReady('I')]),
        );
        this.#receive(Buffer.alloc(0));
      },
      () => this.fail('57P03', 'the database system is not able to start'),
    );
  }

  #take(message: WireMessage): void {
    if (message.type === 'X') {
      this.#end();
      return;
    }
    if (this.#copying) {
      this.#takeCopy(message);
      return;
    }
    const prefix = `s${this.id}_`;
    const renamed = renameStatements(message, prefix);
    const name = preparedName(renamed);
    if (name !== '') this.#prepared.add(name);
    this.#collect(renamed.bytes);
    switch (message.type) {
      case 'Q':
        if (COPY_FROM_STDIN.test(textOf(message))) {
          // The engine needs the data together with the command, but the client sends the data only when it is asked
          // for it.
          this.#copying = true;
          this.#socket.write(COPY_IN_RESPONSE);
        } else this.#submit(false, false);
        return;
      case 'P':
        if (COPY_FROM_STDIN.test(queryOfParse(message)))
          throw new WireError('0A000', 'COPY FROM STDIN works only as a simple query here');
        return;
      case 'S':
      case 'F':
        this.#submit(false, false);
        return;
      case 'H':
        this.#submit(true, false);
        return;
      case 'B':
      case 'C':
      case 'D':
      case 'E':
        return;
      default:
        throw new WireError('08P01', `invalid frontend message type ${message.bytes[0] ?? 0}`);
    }
  }

  #takeCopy(message: WireMessage): void {
    // Sync and Flush are ignored during a COPY from the client.
    if (message.type === 'S' || message.type === 'H') return;
    if (!['d', 'c', 'f'].includes(message.type)) throw new WireError('08P01', 'expected copy data');
    this.#collect(message.bytes);
    if (message.type === 'd') return;
    this.#copying = false;
    this.#submit(false, true);
  }

  #collect(bytes: Buffer): void {
    this.#batch.push(bytes);
    this.#batchBytes += bytes.length;
    if (this.#batchBytes > MAX_MESSAGE_BYTES) throw new WireError('54000', 'batch is too large');
  }

  #submit(holds: boolean, copied: boolean): void {
    const messages = Buffer.concat(this.#batch);
    this.#batch = [];
    this.#batchBytes = 0;
    this.#host.submit(this, { messages, holds, copied });
  }
}

function queryOfParse({ bytes }: WireMessage): string {
  const from = bytes.indexOf(0, 5) + 1;
  return bytes.toString('utf8', from, bytes.indexOf(0, from));
}
