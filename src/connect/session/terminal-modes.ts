/**
 * Follows which modes a remote program sets on the terminal, so that a session that ends in the middle of a program can
 * reset them: otherwise the terminal of the person stays in the alternate screen, or sends a report for each movement
 * of the mouse. Sequences of xterm (ctlseqs: CSI ? Pm h, ESC =, …), which all common terminals share.
 */
export class TerminalModes {
  /** Private and ANSI modes that are not as after a reset of the terminal: `?1049` → true = set. */
  readonly #changed = new Map<string, boolean>();
  #keypad = false;
  #rendition = false;
  #region = false;
  #cursorShape = false;
  #charset = false;
  #modifiedKeys = false;
  /** Levels that the program has pushed on the stack of the kitty keyboard protocol. */
  #keyboardLevels = 0;
  /** The beginning of a sequence whose rest has not arrived. */
  #rest = '';
  #lastByte = LINE_FEED;

  /** True if the cursor is at the start of a line, as far as the last byte of the output shows. */
  get isAtLineStart(): boolean {
    return this.#lastByte === LINE_FEED || this.#lastByte === CARRIAGE_RETURN;
  }

  push(bytes: Uint8Array): void {
    const last = bytes.at(-1);
    if (last === undefined) return;
    this.#lastByte = last;
    if (this.#rest === '' && !bytes.includes(ESCAPE)) return;
    const text =
      this.#rest + Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
    this.#rest = '';
    SEQUENCE.lastIndex = 0;
    for (const match of text.matchAll(SEQUENCE)) {
      const [sequence = '', parameters = '', final = '', short = ''] = match;
      if (final !== '') this.#control(parameters, final);
      else if (short !== '') this.#escape(short);
      else if (sequence.length <= LONGEST) this.#rest = sequence;
    }
  }

  /** The sequences that reset what the remote program has left; empty if there is nothing to reset. */
  takeReset(): string {
    const modes = [...this.#changed]
      .filter(([mode]) => !SCREENS.has(mode))
      .map(([mode, isSet]) => `\u001b[${mode}${isSet ? 'l' : 'h'}`);
    const screens = [...this.#changed].flatMap(([mode, isSet]) =>
      isSet && SCREENS.has(mode) ? [`\u001b[${mode}l`] : [],
    );
    const reset = [
      ...modes,
      ...(this.#keyboardLevels > 0 ? [`\u001b[<${this.#keyboardLevels}u`] : []),
      ...(this.#modifiedKeys ? ['\u001b[>4m'] : []),
      ...(this.#keypad ? ['\u001b>'] : []),
      ...(this.#cursorShape ? ['\u001b[0 q'] : []),
      ...(this.#charset ? ['\u000f\u001b(B'] : []),
      // Setting the margins moves the cursor. Leaving the alternate screen restores it anyway.
      ...(this.#region ? [screens.length > 0 ? '\u001b[r' : '\u001b7\u001b[r\u001b8'] : []),
      ...(this.#rendition ? ['\u001b[m'] : []),
      // Last, because leaving the alternate screen restores the cursor.
      ...screens,
    ].join('');
    this.#forget();
    return reset;
  }

  #control(parameters: string, final: string): void {
    const prefix = /^[?>=<]/.exec(parameters)?.[0] ?? '';
    const numbers = parameters.slice(prefix.length);
    if ((final === 'h' || final === 'l') && (prefix === '?' || prefix === '')) {
      for (const number of numbers.split(';')) this.#mode(`${prefix}${number}`, final === 'h');
    } else if (final === 'm' && prefix === '') {
      // An attribute after the 0 is set; the 0 of `38;5;0` is a colour.
      this.#rendition = !/^(?:.*;)?0*$/.test(numbers) || /[34]8[;:]/.test(numbers);
    } else if (final === 'm' && prefix === '>') {
      if (/^4(?:;|$)/.test(numbers)) this.#modifiedKeys = /^4;[1-9]/.test(numbers);
    } else if (final === 'u' && prefix === '>') {
      this.#keyboardLevels++;
    } else if (final === 'u' && prefix === '<') {
      this.#keyboardLevels = Math.max(0, this.#keyboardLevels - (Number(numbers) || 1));
    } else if (final === 'r' && prefix === '') {
      this.#region = numbers !== '';
    } else if (final === 'q' && numbers.endsWith(' ')) {
      this.#cursorShape = !/^[0 ]*$/.test(numbers);
    }
  }

  #mode(mode: string, isSet: boolean): void {
    if (!TRACKED.has(mode)) return;
    if (isSet === SET_BY_DEFAULT.has(mode)) this.#changed.delete(mode);
    else this.#changed.set(mode, isSet);
  }

  #escape(short: string): void {
    if (short === '=') this.#keypad = true;
    else if (short === '>') this.#keypad = false;
    else if (short === 'c') this.#forget();
    else this.#charset = short !== '(B';
  }

  #forget(): void {
    this.#changed.clear();
    this.#keypad = this.#rendition = this.#region = false;
    this.#cursorShape = this.#charset = this.#modifiedKeys = false;
    this.#keyboardLevels = 0;
  }
}

const ESCAPE = 0x1b;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
/** A control sequence with more parameters than this is not one that is followed here. */
const LONGEST = 64;
/**
 * A control sequence (parameters and intermediates, final byte), an escape sequence of those followed here, or the
 * beginning of either at the end of the text.
 */
const SEQUENCE = /\u001b(?:\[([0-?]{0,60}[ -/]{0,2})(?:([@-~])|$)|(\([0-9A-Za-z]|[=>c])|\(?$)/g;

/**
 * Modes whose change outlives the program and disturbs the shell that is used next, and whose initial value is the same
 * in all common terminals.
 */
const TRACKED: ReadonlySet<string> = new Set([
  '4', // insert instead of replace
  '20', // a line feed also returns
  '?1', // application cursor keys
  '?5', // reverse video
  '?6', // origin at the margins
  '?7', // wrap at the right edge
  '?9', // mouse: presses, as X10
  '?25', // cursor
  '?47', // alternate screen
  '?66', // application keypad
  '?69', // left and right margins
  '?1000', // mouse: presses and releases
  '?1001',
  '?1002', // mouse: movement while pressed
  '?1003', // mouse: all movement
  '?1004', // focus reports
  '?1005', // mouse coordinates as UTF-8
  '?1006', // mouse coordinates as numbers
  '?1015',
  '?1016', // mouse coordinates in pixels
  '?1047', // alternate screen
  '?1049', // alternate screen, with cursor
  '?2004', // bracketed paste
  '?2026', // output held back until the mode ends
  '?2031', // reports of a change of the colours
]);
const SET_BY_DEFAULT: ReadonlySet<string> = new Set(['?7', '?25']);
const SCREENS: ReadonlySet<string> = new Set(['?47', '?1047', '?1049']);
