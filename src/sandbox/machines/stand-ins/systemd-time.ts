const UNITS: Readonly<Record<string, number>> = {
  us: 0.001,
  usec: 0.001,
  ms: 1,
  msec: 1,
  s: 1000,
  sec: 1000,
  second: 1000,
  seconds: 1000,
  m: 60_000,
  min: 60_000,
  minute: 60_000,
  minutes: 60_000,
  h: 3_600_000,
  hr: 3_600_000,
  hour: 3_600_000,
  hours: 3_600_000,
  d: 86_400_000,
  day: 86_400_000,
  days: 86_400_000,
};

/**
 * Milliseconds of a systemd time span (`60`, `4h`, `1min 30s`); undefined if the text is not one. A bare number is
 * seconds.
 */
export function parseTimeSpan(text: string): number | undefined {
  const parts = [...text.trim().matchAll(/(\d+(?:\.\d+)?)\s*([a-z]*)\s*/gy)];
  if (parts.length === 0 || parts.map((part) => part[0]).join('') !== text.trim()) return undefined;
  let sum = 0;
  for (const [, number = '', unit = ''] of parts) {
    const factor = unit === '' ? 1000 : UNITS[unit];
    if (factor === undefined) return undefined;
    sum += Number(number) * factor;
  }
  return sum;
}

const WORDS: Readonly<Record<string, string>> = {
  minutely: '*-*-* *:*:00',
  hourly: '*-*-* *:00:00',
  daily: '*-*-* 00:00:00',
};
const SECOND = 1000;
const MINUTE = 60_000;

/**
 * The next time (ms since the epoch, UTC) after `after` that an OnCalendar expression names; undefined if there is
 * none or the expression is not supported. Supported are `minutely`, `hourly`, `daily`, one absolute time
 * (`2026-11-21 18:00:00`, with or without `UTC`), and times of day made of `*`, numbers, lists and steps (`*:0/5`,
 * `*-*-* 03:30:00`).
 */
export function nextCalendarTime(expression: string, after: number): number | undefined {
  const text = (WORDS[expression.trim()] ?? expression.trim()).replace(/\s*(UTC|Z)$/, '');
  const absolute = /^(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}(?::\d{2})?)$/.exec(text);
  if (absolute !== null) {
    const time = Date.parse(`${absolute[1] ?? ''}T${absolute[2] ?? ''}Z`);
    return time > after ? time : undefined;
  }
  const match = /^(?:\*-\*-\*\s+)?([^:\s]+):([^:\s]+)(?::([^:\s]+))?$/.exec(text);
  if (match === null) return undefined;
  const hours = matcherOf(match[1] ?? '*', 24);
  const minutes = matcherOf(match[2] ?? '*', 60);
  const seconds = matcherOf(match[3] ?? '0', 60);
  if (hours === undefined || minutes === undefined || seconds === undefined) return undefined;
  const start = Math.floor(after / SECOND) * SECOND + SECOND;
  for (
    let minute = Math.floor(start / MINUTE) * MINUTE;
    minute < start + 25 * 60 * MINUTE;
    minute += MINUTE
  ) {
    const date = new Date(minute);
    if (!hours.has(date.getUTCHours()) || !minutes.has(date.getUTCMinutes())) continue;
    const found = [...seconds].map((second) => minute + second * SECOND).find((time) => time >= start);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The values below `limit` that `*`, `5`, `1,2` or `0/5` name. */
function matcherOf(text: string, limit: number): ReadonlySet<number> | undefined {
  const values = new Set<number>();
  for (const item of text.split(',')) {
    const match = /^(\*|\d+)(?:\/(\d+))?$/.exec(item);
    if (match === null) return undefined;
    const [, from = '*', step] = match;
    const first = from === '*' ? 0 : Number(from);
    if (from !== '*' && step === undefined) values.add(first);
    else for (let value = first; value < limit; value += Math.max(1, Number(step ?? 1))) values.add(value);
  }
  return values;
}
