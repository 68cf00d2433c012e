import { concat, utf8, view } from '../../core/bytes.ts';
import { quoteWords } from '../../core/shell-words.ts';
import { nonceHalves } from './exec-script.ts';

/**
 * A command without a terminal (NonInteractiveCommands) has its streams apart and its exit code transmitted, but the agent
 * stops reading its output for good when our connection was cut, drops final bytes that are no whole character, and sends
 * the exit code all the same (SPEC.md §15). So a script around the command prints a mark at the end of both streams: what
 * precedes a mark that arrived has arrived, and the last bytes are those of the mark.
 */
export function bastionScript(argv: readonly string[], nonce: string): string {
  const [first, second] = nonceHalves(nonce);
  const mark = `printf '\\036%s%s\\036' ${first} ${second}`;
  // A Ctrl-C that is the command's must not end the script before its marks; the command itself gets the default action.
  const script = `trap : INT QUIT; "$@"; s=$?; ${mark}; ${mark} >&2; exit $s`;
  return quoteWords(['/bin/sh', '-c', script, 'fargate-connect', ...argv]);
}

const FENCE = Uint8Array.of(0x1e);

/** Takes the mark out of one stream, however it is cut. What a child left behind prints after it passes. */
export class EndMark {
  readonly #mark: Uint8Array;
  #held: Uint8Array = new Uint8Array(0);
  #isSeen = false;

  constructor(nonce: string) {
    this.#mark = concat([FENCE, utf8(nonce), FENCE]);
  }

  get isSeen(): boolean {
    return this.#isSeen;
  }

  /** What belongs to the command. */
  push(bytes: Uint8Array): Uint8Array {
    if (this.#isSeen) return bytes;
    const all = this.#held.byteLength === 0 ? bytes : concat([this.#held, bytes]);
    const at = view(all).indexOf(this.#mark);
    if (at !== -1) {
      this.#isSeen = true;
      this.#held = new Uint8Array(0);
      return concat([all.subarray(0, at), all.subarray(at + this.#mark.byteLength)]);
    }
    const end = all.byteLength - this.#beginning(all);
    // A copy: the caller's buffer may be part of a larger one that should not be kept alive.
    this.#held = all.slice(end);
    return all.subarray(0, end);
  }

  /** The stream has ended: what looked like the beginning of the mark was the command's. */
  flush(): Uint8Array {
    const held = this.#held;
    this.#held = new Uint8Array(0);
    return held;
  }

  /** Length of the longest end of `bytes` that the mark begins with. */
  #beginning(bytes: Uint8Array): number {
    const from = Math.max(0, bytes.byteLength - this.#mark.byteLength + 1);
    for (let at = from; at < bytes.byteLength; at++) {
      const tail = bytes.subarray(at);
      if (view(this.#mark).subarray(0, tail.byteLength).equals(tail)) return tail.byteLength;
    }
    return 0;
  }
}
