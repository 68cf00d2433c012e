import type { Readable, Writable } from 'node:stream';

/**
 * The three streams and whether they are terminals. stdout carries data, stderr carries messages. The tests set whether
 * a stream is a TTY.
 */
export interface Terminal {
  readonly stdin: Readable & { setRawMode?: (raw: boolean) => unknown };
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly stdinIsTty: boolean;
  readonly stdoutIsTty: boolean;
  readonly stderrIsTty: boolean;
  /** True if these are the streams of the process, so that a child process can inherit them. */
  readonly canBeInherited?: boolean;
  /** Size of stdout if it is a TTY, else of stderr, else 80 × 24. Read it again after SIGWINCH. */
  size(): { readonly columns: number; readonly rows: number };
  /**
   * Switches raw mode on; the returned function restores the earlier mode and may be called twice. No-op without a TTY.
   */
  raw(): () => void;
  /**
   * Switches stderr to the alternate screen, which leaves nothing behind; the returned function switches back and may be
   * called twice.
   */
  screen(): () => void;
  /** Stops the process as Ctrl-Z does; the shell's `fg` continues it with SIGCONT. */
  stop(): void;
}

export interface TerminalStreams {
  readonly pid?: number;
  kill?(pid: number, signal: 'SIGTSTP'): unknown;
  readonly stdin: Readable & {
    readonly isTTY?: boolean;
    readonly isRaw?: boolean;
    setRawMode?: (raw: boolean) => unknown;
  };
  readonly stdout: Writable & Screen;
  readonly stderr: Writable & Screen;
}

interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

const ENTER_SCREEN = '\u001b[?1049h';
const LEAVE_SCREEN = '\u001b[?1049l\u001b[?25h';

/**
 * The error listeners on the streams are never removed: an EPIPE after the end of the run must not become an uncaught
 * error.
 */
export function createTerminal(streams: TerminalStreams): Terminal {
  const { stdin, stdout, stderr } = streams;
  for (const stream of [stdin, stdout, stderr]) stream.on('error', () => undefined);
  return {
    stdin,
    stdout,
    stderr,
    stdinIsTty: stdin.isTTY === true,
    stdoutIsTty: stdout.isTTY === true,
    stderrIsTty: stderr.isTTY === true,
    canBeInherited: true,
    size() {
      const screen = [stdout, stderr].find((stream) => stream.isTTY === true);
      // A pty whose size was never set reports 0 × 0.
      return { columns: screen?.columns || 80, rows: screen?.rows || 24 };
    },
    raw() {
      if (stdin.isTTY !== true || stdin.setRawMode === undefined) return () => undefined;
      const before = stdin.isRaw === true;
      stdin.setRawMode(true);
      let restored = false;
      return () => {
        if (restored) return;
        restored = true;
        stdin.setRawMode?.(before);
      };
    },
    screen() {
      stderr.write(ENTER_SCREEN);
      let isLeft = false;
      return () => {
        if (!isLeft) stderr.write(LEAVE_SCREEN);
        isLeft = true;
      };
    },
    stop() {
      if (streams.pid !== undefined) streams.kill?.(streams.pid, 'SIGTSTP');
    },
  };
}

/** A terminal that remembers modes: `restore` synchronously ends every raw mode and screen that a command has left on. */
export interface GuardedTerminal extends Terminal {
  restore(): void;
}

/**
 * `onRaw` is called when raw mode begins and returns the function that is called when it ends: live output must not be
 * written during a session.
 */
export function guardTerminal(terminal: Terminal, onRaw: () => () => void): GuardedTerminal {
  const open = new Set<() => void>();
  const remembered = (undo: () => void): (() => void) => {
    const restore = (): void => {
      if (open.delete(restore)) undo();
    };
    open.add(restore);
    return restore;
  };
  return {
    ...terminal,
    raw() {
      const resume = onRaw();
      const undo = terminal.raw();
      return remembered(() => {
        undo();
        resume();
      });
    },
    screen: () => remembered(terminal.screen()),
    restore() {
      for (const undo of open) undo();
    },
  };
}
