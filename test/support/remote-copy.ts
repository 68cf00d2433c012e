import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CopySessions } from '../../src/connect/copy/copy-sessions.ts';
import type { RunRemote } from '../../src/connect/copy/remote-shell.ts';
import { execScript } from '../../src/connect/session/exec-script.ts';
import { execAcknowledgement, StdinFrames } from '../../src/connect/session/exec-script-input.ts';
import { ExecOutputReader } from '../../src/connect/session/exec-script-output.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { ToolEvent } from '../../src/core/events.ts';
import { transport } from '../../src/core/errors.ts';
import { splitCommand } from '../../src/sandbox/machines/split-command.ts';
import { startTerminal } from '../../src/sandbox/machines/terminal.ts';
import { programPath, type Shell } from './remote-exec.ts';

/** Programs that copying uses if the image has them. */
export const COPY_PROGRAMS = [
  'base64',
  'cat',
  'chmod',
  'chown',
  'dd',
  'find',
  'ln',
  'ls',
  'mkdir',
  'mv',
  'od',
  'openssl',
  'printf',
  'readlink',
  'rm',
  'rmdir',
  'sha256sum',
  'stat',
  'stty',
  'tar',
  'touch',
  'wc',
] as const;
export type CopyProgram = (typeof COPY_PROGRAMS)[number];

const FROM_OTHERS: ReadonlySet<string> = new Set(['stty', 'openssl', 'printf']);

/** A container: its programs in one folder, its files in another. */
export interface CopyImage {
  readonly shell: Shell;
  readonly path: string;
  readonly files: string;
  remove(): void;
}

export function makeCopyImage(shell: Shell, missing: readonly CopyProgram[]): CopyImage {
  const root = mkdtempSync(join(tmpdir(), 'fargate-connect-copy-'));
  const path = join(root, 'bin');
  const files = join(root, 'files');
  for (const folder of [path, files]) mkdirSync(folder);
  for (const program of COPY_PROGRAMS) {
    if (missing.includes(program)) continue;
    const isApplet = shell === 'busybox' && !FROM_OTHERS.has(program);
    const found = programPath(isApplet ? 'busybox' : program);
    if (found !== undefined) symlinkSync(found, join(path, program));
  }
  return { shell, path, files, remove: () => rmSync(root, { recursive: true, force: true }) };
}

export interface CopyContainer {
  readonly sessions: CopySessions;
  readonly events: readonly ToolEvent[];
  /** Aborts what is being copied, as Ctrl-C does. */
  readonly interrupt: AbortController;
  /** Ends the processes of every session, as a task that stops does. */
  cut(): void;
  /** How many sessions were started. */
  readonly started: number;
}

/** Sessions into the image on real ptys, without AWS and without a channel between the two ends. */
export function copyContainer(
  image: CopyImage,
  options: {
    /** Further sessions are refused. */
    readonly refuseAfter?: number;
    /** Options of the mount of the folder of the files, in namespaces of each session (unshare of util-linux). */
    readonly mount?: string;
  } = {},
): CopyContainer {
  const running = new Set<() => void>();
  const events: ToolEvent[] = [];
  const interrupt = new AbortController();
  let started = 0;
  const run =
    (command: readonly string[]): RunRemote =>
    async (streams, signal) => {
      if (started >= (options.refuseAfter ?? Number.POSITIVE_INFINITY))
        throw transport('session-closed-early', 'the session was closed by the service', {
          details: { target: 'ecs:test' },
        });
      started++;
      const shell = programPath(image.shell) ?? image.shell;
      const words = image.shell === 'busybox' ? [shell, 'sh'] : [shell];
      const nonce = randomBytes(16).toString('hex');
      const inner = [...words, ...command.slice(1)];
      const [, ...args] = splitCommand(execScript(inner, nonce, 'pipes').command);
      const terminal = await startTerminal(
        {
          ...mounted(options.mount, image, [shell, ...words.slice(1), ...args]),
          cwd: image.files,
          env: { PATH: image.path, HOME: '/proc', LC_ALL: 'C.UTF-8' },
        },
        { columns: 200, rows: 50 },
      );
      const kill = (): void => terminal.kill();
      running.add(kill);
      signal.addEventListener('abort', kill);
      const reader = new ExecOutputReader(nonce);
      let frames: StdinFrames | undefined;
      let status: number | undefined;
      const send = (): void => {
        const bytes = frames?.take();
        if (bytes !== undefined && bytes.byteLength > 0) terminal.write(bytes);
        if (frames?.isFull === false) streams.stdin.resume();
      };
      streams.stdin.pause();
      streams.stdin.on('data', (chunk: Uint8Array) => {
        frames?.push(chunk);
        send();
        if (frames?.isFull === true) streams.stdin.pause();
      });
      streams.stdin.on('end', () => {
        frames?.end();
        send();
      });
      return new Promise<number>((resolve, reject) => {
        terminal.onData((bytes) => {
          for (const event of reader.push(bytes)) {
            if (event.type === 'begin') {
              const { input } = event.setup;
              if (input === 'counted' || input === 'text') frames = new StdinFrames(input, nonce);
              streams.stdin.resume();
            } else if (event.type === 'stdout') streams.stdout.write(Uint8Array.from(event.bytes));
            else if (event.type === 'stderr') streams.stderr.write(event.bytes);
            else if (event.type === 'taken') {
              frames?.taken();
              send();
            } else if (event.type === 'exit') {
              ({ status } = event);
              frames = undefined;
            } else if (event.type === 'end') terminal.write(execAcknowledgement(nonce));
          }
        });
        terminal.onExit(() => {
          running.delete(kill);
          if (status === undefined) reject(transport('session-lost', 'the task was stopped'));
          else resolve(status);
        });
      });
    };
  return {
    sessions: new CopySessions({
      clock: systemClock,
      random: { bytes: (length) => randomBytes(length) },
      report: (event) => events.push(event),
      signal: interrupt.signal,
      run,
    }),
    events,
    interrupt,
    cut: () => {
      for (const kill of running) kill();
    },
    get started() {
      return started;
    },
  };
}

function mounted(
  mount: string | undefined,
  { files }: CopyImage,
  words: readonly string[],
): { readonly file: string; readonly args: readonly string[] } {
  const [file = '', ...args] = words;
  if (mount === undefined) return { file, args };
  const script = `/bin/mount -t tmpfs -o ${mount} tmpfs "$0" && cd "$0" && exec "$@"`;
  return { file: '/usr/bin/unshare', args: ['-rm', '/bin/sh', '-c', script, files, file, ...args] };
}

/** Whether `mount` of `copyContainer` works: on Linux, where this user may create namespaces. */
export const canMount = (): boolean =>
  spawnSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0;
