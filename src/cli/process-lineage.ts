import { closeSync, constants, fstatSync, openSync, type Stats } from 'node:fs';

/** How this process was started; it decides whether the process ends when its parent ends. */
export interface Lineage {
  /**
   * True if no stream is a terminal or a pipe, as with `nohup … > log &` and under service managers: a SIGHUP is then
   * not meant for this process. Node.js undoes nohup's ignored SIGHUP at its start, so that this is the only way to
   * detect it.
   */
  readonly isDetached: boolean;
  /**
   * For a process whose parent has ended: true if no other process reads its output. A shell's background job outlives
   * its shell.
   */
  readonly isAbandoned: () => boolean;
}

type Stream = { readonly isTTY?: boolean | undefined; readonly isRaw?: boolean | undefined };
type Kind = 'fifo' | 'socket' | 'other';

export interface Descriptors {
  /** Undefined for a closed descriptor. */
  stat(descriptor: number): Pick<Stats, 'isFIFO' | 'isSocket' | 'dev' | 'ino'> | undefined;
  /** True if another process reads from the FIFO to which this process writes. */
  hasReader(descriptor: number): boolean;
}

/** `journal` is JOURNAL_STREAM: device and inode of the socket that systemd gave its service as output (systemd.exec(5)). */
export function lineageOf(
  streams: readonly [stdin: Stream, stdout: Stream, stderr: Stream],
  journal: string | undefined,
  descriptors: Descriptors = OWN,
): Lineage {
  const kinds = streams.map((_, descriptor): Kind => {
    const stats = descriptors.stat(descriptor);
    if (stats === undefined || `${stats.dev}:${stats.ino}` === journal) return 'other';
    if (stats.isSocket()) return 'socket';
    return stats.isFIFO() ? 'fifo' : 'other';
  });
  const [stdin] = streams;
  return {
    isDetached: streams.every((stream, i) => stream.isTTY !== true && kinds[i] === 'other'),
    isAbandoned() {
      // A pipe as stdin, and sockets as any stream, are created by programs; a shell starts a job with a terminal or
      // /dev/null.
      if (kinds[0] === 'fifo' || kinds.includes('socket')) return true;
      // If the terminal is in raw mode, the shell that owned it is gone, because a shell resets the mode when its job
      // ends.
      if (stdin.isRaw === true) return true;
      const outputs = [1, 2].filter((descriptor) => kinds[descriptor] === 'fifo');
      return outputs.length > 0 && !outputs.some((descriptor) => descriptors.hasReader(descriptor));
    },
  };
}

const OWN: Descriptors = {
  stat(descriptor) {
    try {
      return fstatSync(descriptor);
    } catch {
      return undefined;
    }
  },
  /**
   * Linux opens the FIFO again and returns an error if no process reads it. On systems where /dev/fd duplicates the
   * descriptor instead, the result is always true.
   */
  hasReader(descriptor) {
    try {
      closeSync(openSync(`/dev/fd/${descriptor}`, constants.O_WRONLY | constants.O_NONBLOCK));
      return true;
    } catch {
      return false;
    }
  },
};

const POLL_INTERVAL_MS = 1_000;

/**
 * Calls back once when the process that started this one has ended (the kernel then assigns another parent) and
 * `isAbandoned` is true.
 */
export function watchParent(
  parentId: () => number,
  { isAbandoned }: Pick<Lineage, 'isAbandoned'>,
  onAbandoned: () => void,
): () => void {
  const parent = parentId();
  const timer = setInterval(() => {
    if (parentId() === parent || !isAbandoned()) return;
    clearInterval(timer);
    onAbandoned();
  }, POLL_INTERVAL_MS);
  timer.unref();
  return () => clearInterval(timer);
}
