import type { Operations } from '../../contracts.ts';
import { comparePositions, type LogEvent, type LogPosition, type LogStream } from '../../world/log-groups.ts';
import { optionalCount, optionalFlag, optionalText, requiredText, textList } from '../members.ts';
import { parseFilterPattern } from './filter-pattern.ts';
import { invalid, type LogsLookup, notFound } from './logs-lookup.ts';

/** GetLogEvents and FilterLogEvents. A page is limited to a number of events and to 1 MB. */

type Input = Readonly<Record<string, unknown>>;

const MAX_EVENTS = 10_000;
const MAX_PAGE_BYTES = 1_048_576;
/** FilterLogEvents examines at most this many events per call; a page may be empty although another one follows. */
const MAX_SEARCHED = 20_000;
const MAX_STREAMS = 100;

export function readOperations(lookup: LogsLookup): Operations {
  return {
    GetLogEvents: {
      authorize: (input) =>
        lookup.check(
          'GetLogEvents',
          lookup.groupName(input),
          requiredText(input, 'logStreamName', 'InvalidParameterException'),
        ),
      run: (input) => getLogEvents(lookup, input),
    },
    FilterLogEvents: {
      authorize: (input) => lookup.check('FilterLogEvents', lookup.groupName(input)),
      run: (input) => filterLogEvents(lookup, input),
    },
  };
}

function limitOf(input: Input): number {
  const limit = optionalCount(input, 'limit') ?? MAX_EVENTS;
  if (limit < 1 || limit > MAX_EVENTS)
    throw invalid(`Value '${limit}' at 'limit' must be between 1 and ${MAX_EVENTS}`);
  return limit;
}

/** The start is included and the end is excluded, as in CloudWatch Logs. */
function withinTimes(input: Input): (event: LogEvent) => boolean {
  const start = optionalCount(input, 'startTime') ?? 0;
  const end = optionalCount(input, 'endTime') ?? Number.POSITIVE_INFINITY;
  if (start > end) throw invalid('End time must not be before start time.');
  return ({ timestamp }) => timestamp >= start && timestamp < end;
}

const encode = (kind: 'f' | 'b' | 's', { timestamp, sequence }: LogPosition): string =>
  `${kind}/${String(timestamp).padStart(16, '0')}${String(sequence).padStart(20, '0')}/s`;

function decode(token: string, kinds: string): { readonly kind: string; readonly at: LogPosition } {
  const match = /^([a-z])\/(\d{16})(\d{20})\/s$/.exec(token);
  const kind = match?.[1] ?? '';
  if (match === null || !kinds.includes(kind)) throw invalid('The specified nextToken is invalid.');
  return { kind, at: { timestamp: Number(match[2]), sequence: Number(match[3]) } };
}

const START: LogPosition = { timestamp: 0, sequence: 0 };

/** The longest sequence of events from the front (or the back) that fits into a page. */
function page(events: readonly LogEvent[], limit: number, fromHead: boolean): readonly LogEvent[] {
  const ordered = fromHead ? events : events.toReversed();
  const taken: LogEvent[] = [];
  let bytes = 0;
  for (const event of ordered) {
    bytes += Buffer.byteLength(event.message) + 26;
    if (taken.length === limit || (bytes > MAX_PAGE_BYTES && taken.length > 0)) break;
    taken.push(event);
  }
  return fromHead ? taken : taken.toReversed();
}

/**
 * Without a token it returns the newest events, unless `startFromHead` is set. At either end it returns the token
 * that it was given.
 */
function getLogEvents(lookup: LogsLookup, input: Input): unknown {
  const stream = lookup.stream(input);
  const events = lookup.groups.visible(stream).filter(withinTimes(input));
  const limit = limitOf(input);
  const token = optionalText(input, 'nextToken');
  const from = token === undefined ? undefined : decode(token, 'fb');
  const fromHead = from === undefined ? optionalFlag(input, 'startFromHead') === true : from.kind === 'f';
  const candidates =
    from === undefined
      ? events
      : events.filter((event) =>
          from.kind === 'f' ? comparePositions(event, from.at) > 0 : comparePositions(event, from.at) < 0,
        );
  const found = page(candidates, limit, fromHead);
  const here = from?.at ?? (fromHead ? START : (events.at(-1) ?? START));
  return {
    events: found.map(({ timestamp, message, ingestedAt }) => ({
      timestamp,
      message,
      ingestionTime: ingestedAt,
    })),
    nextForwardToken: encode('f', found.at(-1) ?? here),
    nextBackwardToken: encode('b', found[0] ?? here),
  };
}

/**
 * Merges the events of several streams by time. An event that arrives later with a time before the token is not
 * returned.
 */
function filterLogEvents(lookup: LogsLookup, input: Input): unknown {
  const group = lookup.group(input);
  const streams = searchedStreams([...group.streams.values()], input);
  const fits = parseFilterPattern(optionalText(input, 'filterPattern') ?? '');
  const limit = limitOf(input);
  const token = optionalText(input, 'nextToken');
  const after = token === undefined ? START : decode(token, 's').at;
  const within = withinTimes(input);
  const candidates = streams
    .flatMap((stream) => lookup.groups.visible(stream).map((event) => ({ stream: stream.name, event })))
    .filter(({ event }) => within(event) && comparePositions(event, after) > 0)
    .sort((a, b) => comparePositions(a.event, b.event));
  const searched = candidates.slice(0, MAX_SEARCHED);
  const found: typeof searched = [];
  let bytes = 0;
  let last: LogPosition | undefined;
  for (const item of searched) {
    if (fits(item.event.message)) {
      bytes += Buffer.byteLength(item.event.message) + 26;
      if (found.length === limit || (bytes > MAX_PAGE_BYTES && found.length > 0)) break;
      found.push(item);
    }
    last = item.event;
  }
  const rest =
    last === undefined
      ? candidates.length
      : candidates.length - searched.findIndex(({ event }) => event === last) - 1;
  return {
    events: found.map(({ stream, event }) => ({
      logStreamName: stream,
      timestamp: event.timestamp,
      message: event.message,
      ingestionTime: event.ingestedAt,
      eventId: `${String(event.timestamp).padStart(20, '3')}${String(event.sequence).padStart(36, '0')}`,
    })),
    searchedLogStreams: [],
    ...(rest > 0 && last !== undefined ? { nextToken: encode('s', last) } : {}),
  };
}

/**
 * The streams for a list of names or for a prefix; both together are refused. A name that does not exist is an error.
 */
function searchedStreams(streams: readonly LogStream[], input: Input): readonly LogStream[] {
  const names = textList(input, 'logStreamNames');
  const prefix = optionalText(input, 'logStreamNamePrefix');
  if (names.length > 0 && prefix !== undefined)
    throw invalid('LogStreamNamePrefix and LogStreamNames are mutually exclusive parameters.');
  if (names.length > MAX_STREAMS) throw invalid(`LogStreamNames can have at most ${MAX_STREAMS} items.`);
  if (prefix !== undefined) return streams.filter(({ name }) => name.startsWith(prefix));
  if (names.length === 0) return streams;
  return names.map((name) => {
    const stream = streams.find((candidate) => candidate.name === name);
    if (stream === undefined) throw notFound('log stream');
    return stream;
  });
}
