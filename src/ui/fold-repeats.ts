import type { Clock } from '../core/clock.ts';
import type { Report, ToolEvent } from '../core/events.ts';
import type { Reporter } from './reporter.ts';

/**
 * Events that repeat are reported at once the first time, then counted, and reported again with their number at the end
 * of each interval: a far side that disconnects and connects a thousand times, or refuses each of a thousand
 * connections, must not fill the screen or a log.
 */

type Counted = Extract<ToolEvent, { readonly type: 'forward-connection' }>;
type Repeatable = Extract<ToolEvent, { readonly type: 'note' | 'session-state' }>;

const INTERVAL_MS = 10_000;
/** How many equal events of an interval are reported at once. A warning needs to be read once only. */
const BURST = { warning: 1, other: 3 } as const;
/**
 * How many warnings of one code, or states of one kind, are reported at once in an interval, although their texts
 * differ: parts of a text can come from the far side.
 */
const DIFFERENT = 30;

/**
 * The number of open connections changes with each connection; of the changes in this time, the first is reported at
 * once, and the latest at its end.
 */
const COUNT_MS = 1_000;

interface Changes {
  latest: Counted | undefined;
  counted: number;
  cancel: () => void;
}

interface Repeats {
  event: Repeatable;
  reported: number;
  counted: number;
}

/** The same reporter, which folds events that repeat. */
export function foldRepeats(reporter: Reporter, clock: Clock): Reporter {
  let interval = new Map<string, Repeats>();
  let begun = clock.now();
  /** Set while an event of the interval was only counted. */
  let cancel: (() => void) | undefined;

  const endInterval = (): void => {
    cancel = undefined;
    const repeated = [...interval.values()].filter(({ counted }) => counted > 0);
    interval = new Map();
    begun = clock.now();
    for (const { event, counted } of repeated) {
      reporter.report({ ...event, repeats: { count: counted, withinMs: INTERVAL_MS } });
      // The next interval begins with them, so that a flood is reported once in each.
      interval.set(keyOf(event), { event, reported: BURST.other, counted: 0 });
    }
    if (repeated.length > 0) cancel = clock.timer(INTERVAL_MS, endInterval);
  };

  /** True if the event was only counted. */
  const isFolded = (event: Repeatable, key: string, burst: number): boolean => {
    if (cancel === undefined && clock.now() - begun >= INTERVAL_MS) {
      interval = new Map();
      begun = clock.now();
    }
    const known = interval.get(key) ?? { event, reported: 0, counted: 0 };
    const isOver = known.reported >= burst;
    if (isOver) known.counted++;
    else known.reported++;
    known.event = event;
    // The latest event last, so that the last line is the present state.
    interval.delete(key);
    interval.set(key, known);
    if (isOver) cancel ??= clock.timer(begun + INTERVAL_MS - clock.now(), endInterval);
    return isOver;
  };

  const counts = new Map<number, Changes>();

  const reportLatest = (port: number): void => {
    const changes = counts.get(port);
    counts.delete(port);
    changes?.cancel();
    if (changes?.latest === undefined) return;
    const repeats = { count: changes.counted, withinMs: COUNT_MS };
    reporter.report(changes.counted === 1 ? changes.latest : { ...changes.latest, repeats });
    begin(port);
  };

  const begin = (port: number): void =>
    void counts.set(port, {
      latest: undefined,
      counted: 0,
      cancel: clock.timer(COUNT_MS, () => reportLatest(port)),
    });

  const reportCount = (event: Counted): void => {
    const changes = counts.get(event.localPort);
    if (changes === undefined) {
      begin(event.localPort);
      reporter.report(event);
    } else {
      changes.latest = event;
      changes.counted++;
    }
  };

  const report: Report = (event) => {
    if (event.type === 'forward-connection') {
      reportCount(event);
      return;
    }
    if (event.type !== 'note' && event.type !== 'session-state') {
      reporter.report(event);
      return;
    }
    const isInfo = event.type === 'note' && event.level === 'info';
    const burst = event.type === 'note' && !isInfo ? BURST.warning : BURST.other;
    if (isFolded(event, keyOf(event), burst)) return;
    if (!isInfo && isFolded(event, kindOf(event), DIFFERENT)) return;
    reporter.report(event);
  };

  return {
    report,
    suspend: () => reporter.suspend(),
    close() {
      for (const port of counts.keys()) reportLatest(port);
      for (const changes of counts.values()) changes.cancel();
      cancel?.();
      endInterval();
      cancel?.();
      reporter.close();
    },
  };
}

const kindOf = (event: Repeatable): string => (event.type === 'note' ? event.code : event.state);

const keyOf = (event: Repeatable): string =>
  JSON.stringify(
    event.type === 'note' ? [event.code, event.message] : [event.state, event.reason, event.forward],
  );
