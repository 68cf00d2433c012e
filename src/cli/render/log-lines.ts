import type { LogLine } from '../../connect/logs/service-logs.ts';
import { withoutControls } from '../../ui/printable.ts';
import { TaskPaints } from './task-paints.ts';

export interface LogStyle {
  readonly json: boolean;
  /** True = stdout is a terminal: times are short, and control characters in the lines are made visible. */
  readonly isTty: boolean;
  readonly color: boolean;
  readonly utc: boolean;
  /** Milliseconds since the epoch; on a terminal the lines of the current day show no date. */
  readonly now: number;
}

/** Turns log events into text: `TIME TASK/CONTAINER message`, or one JSON object per line. */
export class LogRenderer {
  readonly #style: LogStyle;
  readonly #paints: TaskPaints;

  constructor(style: LogStyle) {
    this.#style = style;
    this.#paints = new TaskPaints(style.color);
  }

  /** Each line ends with a line break. */
  render(lines: readonly LogLine[]): string {
    return lines.map((line) => (this.#style.json ? jsonLine(line) : this.#textLines(line))).join('');
  }

  /** A message of several lines becomes several lines, each with its time and its task. */
  #textLines(line: LogLine): string {
    const { isTty, color } = this.#style;
    const paint = this.#paints.of(line.task);
    const head = `${this.#time(line.timestamp)} ${paint(`${line.task.slice(0, 8)}/${line.container}`)} `;
    return line.message
      .replace(/\r?\n$/, '')
      .split(/\r?\n/)
      .map((text) => `${head}${isTty ? withoutControls(text, color) : text}\n`)
      .join('');
  }

  #time(timestamp: number): string {
    const { isTty, utc, now } = this.#style;
    const offset = utc ? 0 : -new Date(timestamp).getTimezoneOffset();
    const shown = new Date(timestamp + offset * 60_000).toISOString();
    if (!isTty) return `${shown.slice(0, 23)}${utc ? 'Z' : offsetText(offset)}`;
    const today = new Date(now + offset * 60_000).toISOString().slice(0, 10);
    return shown.startsWith(today) ? shown.slice(11, 23) : `${shown.slice(5, 10)} ${shown.slice(11, 23)}`;
  }
}

/** 60 minutes become `+01:00`. */
function offsetText(minutes: number): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const absolute = Math.abs(minutes);
  return `${minutes < 0 ? '-' : '+'}${two(Math.floor(absolute / 60))}:${two(absolute % 60)}`;
}

const jsonLine = (line: LogLine): string =>
  `${JSON.stringify({
    time: new Date(line.timestamp).toISOString(),
    ingested: new Date(line.ingestedAt).toISOString(),
    service: line.service ?? null,
    task: line.task,
    container: line.container,
    message: line.message,
    region: line.region,
    group: line.group,
    stream: line.stream,
    eventId: line.id,
  })}\n`;
