/** Escapes for a terminal whose remote shell no longer answers, as in ssh: they work only at the start of a line. */
export type EscapeAction = 'end-session' | 'list-escapes';

export interface EscapeResult {
  /** For the remote shell; the same memory as the input where possible. */
  readonly bytes: Uint8Array;
  readonly actions: readonly EscapeAction[];
}

export const ESCAPE_HELP = [
  'Escapes, at the start of a line:',
  '  ~.   end the session',
  '  ~?   this list',
  '  ~~   a tilde',
] as const;

const TILDE = 0x7e;
const DOT = 0x2e;
const QUESTION = 0x3f;
const isNewline = (byte: number): boolean => byte === 0x0d || byte === 0x0a;

/**
 * Follows what the user types. A tilde at the start of a line is held back until the next key shows whether it begins
 * an escape.
 */
export class EscapeKeys {
  #state: 'line-start' | 'in-line' | 'tilde' = 'line-start';

  push(bytes: Uint8Array): EscapeResult {
    if (this.#state === 'in-line' && !bytes.some(isNewline)) return { bytes, actions: [] };
    const out: number[] = [];
    const actions: EscapeAction[] = [];
    for (const byte of bytes) {
      switch (this.#state) {
        case 'line-start':
          if (byte === TILDE) this.#state = 'tilde';
          else {
            out.push(byte);
            this.#state = isNewline(byte) ? 'line-start' : 'in-line';
          }
          break;
        case 'tilde':
          if (byte === DOT) {
            actions.push('end-session');
            this.#state = 'line-start';
          } else if (byte === QUESTION) {
            actions.push('list-escapes');
            this.#state = 'line-start';
          } else {
            if (byte !== TILDE) out.push(TILDE);
            out.push(byte);
            this.#state = isNewline(byte) ? 'line-start' : 'in-line';
          }
          break;
        case 'in-line':
          out.push(byte);
          if (isNewline(byte)) this.#state = 'line-start';
          break;
        default:
          this.#state satisfies never;
      }
    }
    return { bytes: new Uint8Array(out), actions };
  }
}
