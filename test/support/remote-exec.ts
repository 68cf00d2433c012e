import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

import { type ExecMode, execScript, type RemoteSetup } from '../../src/connect/session/exec-script.ts';
import { EXEC_ACKNOWLEDGEMENT, StdinFrames } from '../../src/connect/session/exec-script-input.ts';
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
  /** The script reported that its input did not arrive as it was sent. */
  readonly isBroken: boolean;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  /** Milliseconds from the begin marker to the end marker. */
  readonly ms: number;
}

/**
 * Runs a wrapped command on a real pty, as the agent and the client do together, but without the channel between them.
 */
export async function remoteExec(
  image: Image,
  argv: readonly string[],
  stdin: Uint8Array = new Uint8Array(0),
  mode: ExecMode = 'pipes',
  framing: 'framed' | 'as-it-is' = 'framed',
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
  let isBroken = false;
  let began = 0;
  let ms = 0;
  const send = (): void => {
    const bytes = frames?.take();
    if (bytes !== undefined && bytes.byteLength > 0) terminal.write(bytes);
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
          if (framing === 'as-it-is') {
            terminal.write(stdin);
            break;
          }
          frames = new StdinFrames(setup.input);
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
        case 'broken':
          isBroken = true;
          terminal.kill();
          break;
        case 'exit':
          ({ status } = event);
          frames = undefined;
          break;
        case 'end':
          ms = performance.now() - began;
          terminal.write(EXEC_ACKNOWLEDGEMENT);
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
  return { setup, status, isBroken, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr), ms };
}
