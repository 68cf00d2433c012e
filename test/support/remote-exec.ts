import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

import { type ExecMode, execScript, type RemoteSetup } from '../../src/connect/session/exec-script.ts';
import { execAcknowledgement, StdinFrames } from '../../src/connect/session/exec-script-input.ts';
import { ExecOutputReader } from '../../src/connect/session/exec-script-output.ts';
import { splitCommand } from '../../src/sandbox/machines/split-command.ts';
import { startTerminal } from '../../src/sandbox/machines/terminal.ts';

/** Shells that may be the only one in an image. */
export const SHELLS = ['dash', 'bash', 'busybox', 'mksh'] as const;
export type Shell = (typeof SHELLS)[number];
/** Programs that the wrapper uses if they exist. */
export const HELPERS = ['stty', 'cat', 'dd', 'base64', 'od'] as const;
export type Helper = (typeof HELPERS)[number];

/** A run takes a fraction of a second on an idle machine. */
const DEADLINE_MS = 120_000;
const NONCE = '0123456789abcdef0123456789abcdef';

export function programPath(name: string): string | undefined {
  const directories = (process.env['PATH'] ?? '').split(delimiter);
  return directories.map((directory) => join(directory, name)).find((path) => existsSync(path));
}

/** The programs of an image: one shell, and its helper programs. `remove` deletes the image. */
export interface Image {
  readonly shell: Shell;
  readonly path: string;
  remove(): void;
}

export function makeImage(shell: Shell, missing: readonly Helper[]): Image {
  const path = mkdtempSync(join(tmpdir(), 'fargate-connect-image-'));
  mkdirSync(path, { recursive: true });
  for (const helper of HELPERS) {
    if (missing.includes(helper)) continue;
    const program = programPath(shell === 'busybox' && helper !== 'stty' ? 'busybox' : helper);
    if (program !== undefined) symlinkSync(program, join(path, helper));
  }
  // The shell of MirBSD has no builtin printf.
  const printf = shell === 'mksh' ? programPath('printf') : undefined;
  if (printf !== undefined) symlinkSync(printf, join(path, 'printf'));
  return { shell, path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export interface RemoteResult {
  readonly setup: RemoteSetup | undefined;
  readonly status: number | undefined;
  /** How often the script reported that a block of its input arrived damaged. */
  readonly repeats: number;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  /** Milliseconds from the begin marker to the end marker. */
  readonly ms: number;
}

/** Of the bytes that are sent at a time: the messages in which they are written to the pty, some of them twice. */
export type Delivery = (bytes: Uint8Array) => readonly Uint8Array[];

/**
 * An agent that handles messages twice: after a message it may handle the latest ones again, as many as `random`
 * chooses of those that were sent until then.
 */
export function jumpingBack(random: () => number, messageSize: number, probability: number): Delivery {
  const sent: Uint8Array[] = [];
  return (bytes) => {
    const written: Uint8Array[] = [];
    for (let at = 0; at < bytes.byteLength; at += messageSize) {
      const message = bytes.slice(at, at + messageSize);
      sent.push(message);
      if (sent.length > 40) sent.shift();
      written.push(message);
      if (random() < probability) written.push(...sent.slice(-1 - Math.floor(random() * sent.length)));
    }
    return written;
  };
}

/**
 * Runs a wrapped command on a real pty, as the agent and the client do together, but without the channel between them.
 */
export async function remoteExec(
  image: Image,
  argv: readonly string[],
  stdin: Uint8Array = new Uint8Array(0),
  mode: ExecMode = 'pipes',
  deliver: Delivery = (bytes) => [bytes],
): Promise<RemoteResult> {
  const [, ...args] = splitCommand(execScript(argv, NONCE, mode).command);
  const file = programPath(image.shell) ?? image.shell;
  const terminal = await startTerminal(
    {
      file,
      args: image.shell === 'busybox' ? ['sh', ...args] : args,
      // The command cannot write there, nor to a temporary directory.
      cwd: '/proc',
      env: { PATH: image.path, TMPDIR: '/proc', HOME: '/proc', LC_ALL: 'C.UTF-8' },
    },
    { columns: 200, rows: 50 },
  );
  const reader = new ExecOutputReader(NONCE);
  const stdout: Uint8Array[] = [];
  const stderr: Uint8Array[] = [];
  let setup: RemoteSetup | undefined;
  let status: number | undefined;
  let frames: StdinFrames | undefined;
  let repeats = 0;
  let began = 0;
  let ms = 0;
  const send = (): void => {
    const bytes = frames?.take();
    if (bytes === undefined || bytes.byteLength === 0) return;
    for (const message of deliver(bytes)) terminal.write(message);
  };
  terminal.onData((bytes) => {
    for (const event of reader.push(bytes)) {
      switch (event.type) {
        case 'ready':
          terminal.write(Uint8Array.of(0x0a));
          break;
        case 'begin':
          ({ setup } = event);
          began = performance.now();
          if (setup.input !== 'counted' && setup.input !== 'text') break;
          frames = new StdinFrames(setup.input, NONCE);
          frames.push(stdin);
          frames.end();
          send();
          break;
        case 'stdout':
          stdout.push(Uint8Array.from(event.bytes));
          break;
        case 'stderr':
          stderr.push(event.bytes);
          break;
        case 'taken':
          frames?.taken();
          send();
          break;
        case 'again':
          repeats++;
          frames?.again();
          send();
          break;
        case 'exit':
          ({ status } = event);
          frames = undefined;
          break;
        case 'end':
          ms = performance.now() - began;
          terminal.write(execAcknowledgement(NONCE));
          break;
        default:
          event satisfies never;
      }
    }
  });
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      terminal.kill();
      reject(
        new Error(`the wrapper did not end: ${JSON.stringify({ setup, status, ms, noise: reader.noise })}`),
      );
    }, DEADLINE_MS);
    terminal.onExit(() => {
      clearTimeout(timer);
      resolve();
    });
  });
  return { setup, status, repeats, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr), ms };
}
