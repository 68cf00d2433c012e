import type { Writable } from 'node:stream';
import type { Clock } from '../core/clock.ts';
import { describeElapsed } from '../core/duration.ts';
import type { Report } from '../core/events.ts';
import type { Colors } from './colors.ts';
import { shortened } from './cells.ts';
import { folded } from './fold.ts';
import { doneLine, failedLine, messageLine } from './event-text.ts';
import { printable } from './printable.ts';
import type { Reporter } from './reporter.ts';

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const FRAME_MS = 100;
const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';
const CLEAR_BELOW = '\u001b[J';

interface Step {
  readonly title: string;
  readonly next: string | undefined;
  readonly since: number;
  detail: string;
}

export interface LiveReporterOptions {
  readonly stderr: Writable;
  readonly size: () => { readonly columns: number };
  readonly clock: Clock;
  readonly colors: Colors;
  readonly debug: boolean;
}

/**
 * Shows running steps as lines at the bottom that are redrawn in place (spinner, elapsed time, detail, next step);
 * finished steps stay above them. Each live line is cut to the terminal's width, since a wrapped line could not be erased.
 */
export class LiveReporter implements Reporter {
  readonly #options: LiveReporterOptions;
  readonly #steps = new Map<string, Step>();
  #drawnLines = 0;
  #suspended = 0;
  #cursorHidden = false;
  #cancelTick: (() => void) | undefined;
  #closed = false;

  constructor(options: LiveReporterOptions) {
    this.#options = options;
  }

  readonly report: Report = (event) => {
    const { clock, colors, debug } = this.#options;
    switch (event.type) {
      case 'step-started':
        this.#steps.set(event.step, { title: event.title, next: event.next, since: clock.now(), detail: '' });
        this.#redraw();
        return;
      case 'step-progress': {
        const step = this.#steps.get(event.step);
        if (step !== undefined) step.detail = event.detail;
        this.#redraw();
        return;
      }
      case 'step-done': {
        const since = this.#steps.get(event.step)?.since ?? clock.now();
        this.#steps.delete(event.step);
        this.#redraw(doneLine(colors, event.title, event.detail, clock.now() - since));
        return;
      }
      case 'step-failed':
        this.#steps.delete(event.step);
        this.#redraw(failedLine(colors, event.title, event.detail));
        return;
      case 'note':
      case 'forward-ready':
      case 'forward-connection':
      case 'forward-traffic':
      case 'session-state':
        this.#redraw(messageLine(event, colors, debug));
    }
  };

  suspend(): () => void {
    this.#suspended++;
    this.#redraw();
    let resumed = false;
    return () => {
      if (resumed) return;
      resumed = true;
      this.#suspended--;
      this.#redraw();
    };
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#redraw();
  }

  /** Erases the live lines, writes `line` above where they were, and draws them again, in one write so that nothing flickers. */
  #redraw(line?: string): void {
    const { stderr, clock } = this.#options;
    const live = this.#closed || this.#suspended > 0 ? [] : this.#liveLines();
    const erase = this.#drawnLines === 0 ? '' : `\u001b[${this.#drawnLines}A\r${CLEAR_BELOW}`;
    const permanent = line === undefined ? '' : `${folded(line, this.#options.size().columns)}\n`;
    const drawn = live.map((text) => `${text}\n`).join('');
    const hide = live.length > 0;
    const cursor = hide === this.#cursorHidden ? '' : hide ? HIDE_CURSOR : SHOW_CURSOR;
    this.#cursorHidden = hide;
    this.#drawnLines = live.length;
    const text = `${erase}${permanent}${drawn}${cursor}`;
    if (text !== '') stderr.write(text);
    if (live.length > 0 && this.#cancelTick === undefined) {
      this.#cancelTick = clock.timer(FRAME_MS, () => {
        this.#cancelTick = undefined;
        this.#redraw();
      });
    } else if (live.length === 0) {
      this.#cancelTick?.();
      this.#cancelTick = undefined;
    }
  }

  #liveLines(): readonly string[] {
    const { clock, colors, size } = this.#options;
    const width = size().columns - 1;
    const lines: string[] = [];
    let next: string | undefined;
    for (const step of this.#steps.values()) {
      const elapsed = clock.now() - step.since;
      const frame = FRAMES[Math.floor(elapsed / FRAME_MS) % FRAMES.length] ?? '';
      const clockText = elapsed < 1000 ? '' : ` ${describeElapsed(elapsed)}`;
      const about = step.detail === '' ? '' : `: ${printable(step.detail)}`;
      const text = shortened(`${printable(step.title)}${about}`, width - 2 - clockText.length);
      lines.push(`${colors.cyan(frame)} ${text}${colors.dim(clockText)}`);
      next = step.next ?? next;
    }
    if (next !== undefined) lines.push(colors.dim(shortened(`  next: ${printable(next)}`, width)));
    return lines;
  }
}
