import { fstatSync, type Stats } from 'node:fs';

/** How the process was started decides what the end of its starter means. */
export interface Lineage {
  /**
   * No stream is a terminal or a pipe, as with `nohup … > log &` and under service managers: a hang-up is not meant for
   * us. Node.js undoes nohup's ignored SIGHUP at its start, so it has to be told from this.
   */
  readonly isDetached: boolean;
  /** A program holds our stdin by a pipe. A shell's background job has a terminal or /dev/null there. */
  readonly isChildOfProgram: boolean;
}

type Stream = { readonly isTTY?: boolean | undefined };

export function lineageOf(
  streams: readonly [stdin: Stream, stdout: Stream, stderr: Stream],
  stat: (descriptor: number) => Pick<Stats, 'isFIFO' | 'isSocket'> | undefined = statOf,
): Lineage {
  const isPipe = (descriptor: number): boolean => {
    const stats = stat(descriptor);
    return stats !== undefined && (stats.isFIFO() || stats.isSocket());
  };
  return {
    isDetached: streams.every((stream, descriptor) => stream.isTTY !== true && !isPipe(descriptor)),
    isChildOfProgram: isPipe(0),
  };
}

/** Undefined for a descriptor that was closed. */
function statOf(descriptor: number): Stats | undefined {
  try {
    return fstatSync(descriptor);
  } catch {
    return undefined;
  }
}

const LOOK_EVERY_MS = 1_000;

/** Calls back once when the process that started us has died: the kernel then gives us another parent. */
export function watchParent(parentId: () => number, onDeath: () => void): () => void {
  const parent = parentId();
  const timer = setInterval(() => {
    if (parentId() === parent) return;
    clearInterval(timer);
    onDeath();
  }, LOOK_EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}
