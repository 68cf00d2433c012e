import type { Clock } from '../core/clock.ts';
import { shortened } from './cells.ts';
import type { Terminal } from './terminal.ts';

/** One line on stderr that says how far a short piece of work is; it is erased at the end. */
export interface ProgressLine {
  show(text: string): void;
  /** Erases the line; later texts are not shown. */
  remove(): void;
}

/** Work that is done sooner shows nothing. */
const FIRST_MS = 400;
const EVERY_MS = 100;
const ERASE = '\r\u001b[K';

/** Shows nothing where stderr is no terminal, or with `isWanted` false. */
export function progressLine(terminal: Terminal, clock: Clock, isWanted: boolean): ProgressLine {
  if (!terminal.stderrIsTty || !isWanted) return { show: () => undefined, remove: () => undefined };
  let text = '';
  let isShown = false;
  let isOver = false;
  const draw = (): void => {
    if (text !== '') {
      isShown = true;
      terminal.stderr.write(`${ERASE}${shortened(text, terminal.size().columns - 1)}`);
      text = '';
    }
    cancel = clock.timer(EVERY_MS, draw);
  };
  let cancel = clock.timer(FIRST_MS, draw);
  return {
    show(next) {
      text = next;
    },
    remove() {
      cancel();
      if (isShown && !isOver) terminal.stderr.write(ERASE);
      isOver = true;
    },
  };
}
