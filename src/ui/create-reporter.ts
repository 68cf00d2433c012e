import type { Writable } from 'node:stream';
import type { Clock } from '../core/clock.ts';
import { describeElapsed } from '../core/duration.ts';
import type { Report, ToolEvent } from '../core/events.ts';
import type { Colors } from './colors.ts';
import { createColors } from './colors.ts';
import { doneLine, failedLine, isImportant, messageLine } from './event-text.ts';
import { folded } from './fold.ts';
import { foldRepeats } from './fold-repeats.ts';
import { LiveReporter } from './live-reporter.ts';
import { printable } from './printable.ts';
import type { Reporter } from './reporter.ts';
import type { Terminal } from './terminal.ts';

export interface ReporterOptions {
  readonly terminal: Terminal;
  readonly clock: Clock;
  readonly output: 'table' | 'json';
  readonly quiet: boolean;
  readonly debug: boolean;
  readonly color: boolean;
}

/**
 * Creates the reporter for stderr: JSON lines with `--json`, lines that are redrawn on a terminal, else plain lines.
 * Events that repeat are folded.
 */
export const createReporter = (options: ReporterOptions): Reporter =>
  foldRepeats(reporterFor(options), options.clock);

function reporterFor(options: ReporterOptions): Reporter {
  const { terminal } = options;
  const colors = createColors(options.color);
  if (options.output === 'json') return jsonReporter(options);
  if (options.quiet) return quietReporter(terminal, colors, options.debug);
  if (terminal.stderrIsTty)
    return new LiveReporter({
      stderr: terminal.stderr,
      size: () => terminal.size(),
      clock: options.clock,
      colors,
      debug: options.debug,
    });
  return new PlainReporter(terminal.stderr, options.clock, colors, options.debug);
}

const nothing = (): void => undefined;

/**
 * One JSON object per event on stderr, with `time` (ISO 8601). `forward-ready` goes to stdout, because a program that
 * starts a forward waits for it as its data.
 */
function jsonReporter({ terminal, clock, quiet }: ReporterOptions): Reporter {
  return {
    report(event) {
      if (event.type === 'forward-ready') {
        terminal.stdout.write(`${JSON.stringify(event)}\n`);
        return;
      }
      if (quiet && !isImportant(event)) return;
      terminal.stderr.write(`${JSON.stringify({ time: new Date(clock.now()).toISOString(), ...event })}\n`);
    },
    suspend: () => nothing,
    close: nothing,
  };
}

function quietReporter(terminal: Terminal, colors: Colors, debug: boolean): Reporter {
  const { stderr } = terminal;
  return {
    report(event) {
      if (!isImportant(event)) return;
      const line = event.type === 'step-failed' ? failedLine(colors, event.title, event.detail) : undefined;
      const shown = line ?? (isMessage(event) ? messageLine(event, colors, debug) : undefined);
      if (shown === undefined) return;
      stderr.write(`${folded(shown, terminal.stderrIsTty ? terminal.size().columns : undefined)}\n`);
    },
    suspend: () => nothing,
    close: nothing,
  };
}

/** True for every event that is not about a step. */
function isMessage(event: ToolEvent): event is Exclude<ToolEvent, { type: `step-${string}` }> {
  return !event.type.startsWith('step-');
}

/** A long step reports after this time, and then each minute, that it still runs. */
const FIRST_ELAPSED_MS = 10_000;
const NEXT_ELAPSED_MS = 60_000;

/** Writes one line per step, when it ends; for logs, in which a line cannot be rewritten. */
class PlainReporter implements Reporter {
  readonly #stderr: Writable;
  readonly #clock: Clock;
  readonly #colors: Colors;
  readonly #debug: boolean;
  readonly #steps = new Map<
    string,
    { readonly title: string; readonly since: number; detail: string; cancel: () => void }
  >();

  constructor(stderr: Writable, clock: Clock, colors: Colors, debug: boolean) {
    this.#stderr = stderr;
    this.#clock = clock;
    this.#colors = colors;
    this.#debug = debug;
  }

  readonly report: Report = (event) => {
    switch (event.type) {
      case 'step-started': {
        this.#forget(event.step);
        const step = { title: event.title, since: this.#clock.now(), detail: '', cancel: nothing };
        this.#steps.set(event.step, step);
        this.#reportElapsed(step, FIRST_ELAPSED_MS);
        return;
      }
      case 'step-progress': {
        const step = this.#steps.get(event.step);
        if (step !== undefined) step.detail = event.detail;
        if (this.#debug) this.#line(this.#colors.dim(`${event.step}: ${printable(event.detail)}`));
        return;
      }
      case 'step-done': {
        const since = this.#forget(event.step);
        this.#line(doneLine(this.#colors, event.title, event.detail, this.#clock.now() - since));
        return;
      }
      case 'step-failed':
        this.#forget(event.step);
        this.#line(failedLine(this.#colors, event.title, event.detail));
        return;
      case 'note':
      case 'forward-ready':
      case 'forward-connection':
      case 'forward-traffic':
      case 'session-state':
        this.#line(messageLine(event, this.#colors, this.#debug));
    }
  };

  suspend(): () => void {
    return nothing;
  }

  close(): void {
    for (const step of this.#steps.keys()) this.#forget(step);
  }

  #reportElapsed(
    step: { title: string; since: number; detail: string; cancel: () => void },
    ms: number,
  ): void {
    step.cancel = this.#clock.timer(ms, () => {
      const detail = step.detail === '' ? '' : `, ${printable(step.detail)}`;
      this.#line(`… ${printable(step.title)} (${describeElapsed(this.#clock.now() - step.since)}${detail})`);
      this.#reportElapsed(step, NEXT_ELAPSED_MS);
    });
  }

  #forget(step: string): number {
    const known = this.#steps.get(step);
    known?.cancel();
    this.#steps.delete(step);
    return known?.since ?? this.#clock.now();
  }

  #line(text: string | undefined): void {
    if (text !== undefined) this.#stderr.write(`${text}\n`);
  }
}
