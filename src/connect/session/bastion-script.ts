import { concat, utf8, view } from '../../core/bytes.ts';
import { quoteWords } from '../../core/shell-words.ts';
import { nonceHalves } from './exec-script.ts';

/**
 * A command without a terminal (NonInteractiveCommands) has separate streams, and the agent transmits its exit code.
 * But after our connection was cut the agent reads no more output, it drops final bytes that are not a whole character,
 * and it sends the exit code all the same (SPEC.md §15). So a script around the command prints a mark at the end of
 * both streams: if the mark arrived, everything before it has arrived too, and the final bytes are those of the mark.
 */
export function bastionScript(argv: readonly string[], nonce: string): string {
  const [first, second] = nonceHalves(nonce);
  const mark = `printf '\\036%s%s\\036' ${first} ${second}`;
  // A Ctrl-C for the command must not end the script before its marks; the command itself gets the default action.
  const script = `trap : INT QUIT; "$@"; s=$?; ${mark}; ${mark} >&2; exit $s`;
  return quoteWords(['/bin/sh', '-c', script, 'fargate-connect', ...argv]);
}

const DELIMITER = Uint8Array.of(0x1e);

/**
 * Removes the mark from one stream, however the stream is split into chunks. Output that background processes print
 * after the mark passes through.
 */
export class EndMark {
  readonly #mark: Uint8Array;
  #held: Uint8Array = new Uint8Array(0);
  #isSeen = false;

  constructor(nonce: string) {
    this.#mark = concat([DELIMITER, utf8(nonce), DELIMITER]);
  }

  get isSeen(): boolean {
    return this.#isSeen;
  }

  /** Returns the bytes that belong to the command. */
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

  /** The stream has ended: bytes that looked like the beginning of the mark belong to the command. */
  flush(): Uint8Array {
    const held = this.#held;
    this.#held = new Uint8Array(0);
    return held;
  }

  /** Length of the longest suffix of `bytes` that is a prefix of the mark. */
  #beginning(bytes: Uint8Array): number {
    const from = Math.max(0, bytes.byteLength - this.#mark.byteLength + 1);
    for (let at = from; at < bytes.byteLength; at++) {
      const tail = bytes.subarray(at);
      if (view(this.#mark).subarray(0, tail.byteLength).equals(tail)) return tail.byteLength;
    }
    return 0;
  }
}
