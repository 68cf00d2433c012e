import type { Operations, SandboxService } from '../../contracts.ts';
import type { Seed } from '../../seed-shapes.ts';
import { LogGroups, type LogStream } from '../../world/log-groups.ts';
import { paginate } from '../../wire/pages.ts';
import { optionalCount, optionalFlag, optionalText, requiredText, structList, textMap } from '../members.ts';
import type { ServiceContext, ServiceDescription } from '../service-description.ts';
import { requestTagContext } from '../tags.ts';
import { exists, invalid, LogsLookup, notFound } from './logs-lookup.ts';
import { readOperations } from './log-reads.ts';

/** CloudWatch Logs: groups, streams, events. */
export interface LogsService extends SandboxService {
  /** For code that writes and reads without an API call: containers, session transcripts, tests. */
  readonly groups: LogGroups;
}

export interface LogsDeps {
  readonly seed: Pick<Seed, 'logGroups' | 'taskDefinitions' | 'logEvents'>;
  readonly now: () => number;
  /** `arn:aws:logs:REGION:ACCOUNT:…` */
  readonly arn: (resource: string) => string;
}

type Input = Readonly<Record<string, unknown>>;

const MAX_PAGE = 50;
/** PutLogEvents accepts at most this many events and bytes; each event counts its message and 26 bytes. */
const MAX_BATCH = 10_000;
const MAX_BATCH_BYTES = 1_048_576;
const EVENT_OVERHEAD = 26;
const HOUR = 3_600_000;
/** Older and newer events are rejected one by one. */
const OLDEST_MS = 14 * 24 * HOUR;
const NEWEST_MS = 2 * HOUR;

function createLogsService(deps: LogsDeps): LogsService {
  const groups = new LogGroups(deps.now);
  for (const { name, kmsKeyId } of deps.seed.logGroups ?? []) groups.createGroup(name, { kmsKeyId });
  for (const { containers } of deps.seed.taskDefinitions)
    for (const { logGroup } of containers) if (logGroup !== undefined) groups.createGroup(logGroup);
  for (const { group, stream, events } of deps.seed.logEvents ?? [])
    groups.put(
      groups.createStream(groups.createGroup(group), stream),
      events.map(({ secondsAgo, message }) => ({ timestamp: deps.now() - secondsAgo * 1000, message })),
    );
  const lookup = new LogsLookup(groups, (resource) => deps.arn(resource));
  return {
    groups,
    operations: {
      ...groupOperations(lookup),
      ...streamOperations(lookup, deps.now),
      ...readOperations(lookup),
    },
    snapshot: () => groups.all.map(({ name, kmsKeyId }) => ({ name, kmsKeyId: kmsKeyId ?? null })),
  };
}

export const logsDescription: ServiceDescription<LogsService> = {
  name: 'logs',
  title: 'CloudWatch Logs',
  wire: { kind: 'json', target: 'Logs_20140328' },
  errors: {
    throttling: { code: 'ThrottlingException', status: 400 },
    internal: 'ServiceUnavailableException',
  },
  create: (context: ServiceContext) =>
    createLogsService({
      seed: context.seed,
      now: () => context.clock.now(),
      arn: (resource) => context.arn(resource),
    }),
};

function groupOperations(lookup: LogsLookup): Operations {
  const { groups } = lookup;
  return {
    CreateLogGroup: {
      authorize(input) {
        const tags = new Map(Object.entries(textMap(input, 'tags')));
        const [check] = lookup.check('CreateLogGroup', lookup.groupName(input));
        return check === undefined ? [] : [{ ...check, context: requestTagContext(tags) }];
      },
      run(input) {
        const name = lookup.groupName(input);
        if (!/^[.\-_/#A-Za-z0-9]{1,512}$/.test(name))
          throw invalid(
            `Value '${name}' at 'logGroupName' failed to satisfy constraint [\\.\\-_/#A-Za-z0-9]+`,
          );
        if (groups.group(name) !== undefined) throw exists('log group');
        groups.createGroup(name, {
          kmsKeyId: optionalText(input, 'kmsKeyId'),
          tags: new Map(Object.entries(textMap(input, 'tags'))),
        });
      },
    },
    DeleteLogGroup: {
      authorize: (input) => lookup.check('DeleteLogGroup', lookup.groupName(input)),
      run: (input) => groups.deleteGroup(lookup.group(input).name),
    },
    DescribeLogGroups: {
      // If the request names no resource, IAM checks this ARN, which stands for all groups.
      authorize: () => lookup.check('DescribeLogGroups', ''),
      run(input) {
        const prefix = optionalText(input, 'logGroupNamePrefix');
        const pattern = optionalText(input, 'logGroupNamePattern');
        if (prefix !== undefined && pattern !== undefined)
          throw invalid('LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.');
        const found = groups.all
          .filter(({ name }) => prefix === undefined || name.startsWith(prefix))
          .filter(({ name }) => pattern === undefined || name.toLowerCase().includes(pattern.toLowerCase()));
        const page = paged(found, input);
        return {
          logGroups: page.items.map((group) => ({
            logGroupName: group.name,
            logGroupArn: lookup.groupArn(group.name),
            arn: `${lookup.groupArn(group.name)}:*`,
            creationTime: group.createdAt,
            metricFilterCount: 0,
            storedBytes: 0,
            kmsKeyId: group.kmsKeyId,
            logGroupClass: 'STANDARD',
          })),
          nextToken: page.next,
        };
      },
    },
    // Terraform calls this operation.
    ListTagsForResource: {
      authorize: (input) => lookup.check('ListTagsForResource', groupOfArn(input)),
      run(input) {
        const group = groups.group(groupOfArn(input));
        if (group === undefined) throw notFound('resource');
        return { tags: Object.fromEntries(group.tags) };
      },
    },
  };
}

const groupOfArn = (input: Input): string =>
  requiredText(input, 'resourceArn', 'InvalidParameterException')
    .replace(/^arn:[^/]*?:log-group:/, '')
    .replace(/:\*$/, '');

function streamOperations(lookup: LogsLookup, now: () => number): Operations {
  const { groups } = lookup;
  const streamName = (input: Input): string =>
    requiredText(input, 'logStreamName', 'InvalidParameterException');
  return {
    CreateLogStream: {
      authorize: (input) => lookup.check('CreateLogStream', lookup.groupName(input), streamName(input)),
      run(input) {
        const name = streamName(input);
        if (!/^[^:*]{1,512}$/.test(name))
          throw invalid(`Value '${name}' at 'logStreamName' failed to satisfy constraint [^:*]*`);
        const group = lookup.group(input);
        if (group.streams.has(name)) throw exists('log stream');
        groups.createStream(group, name);
      },
    },
    PutLogEvents: {
      authorize: (input) => lookup.check('PutLogEvents', lookup.groupName(input), streamName(input)),
      run(input) {
        const stream = lookup.stream(input);
        const batch = structList(input, 'logEvents').map((event) => ({
          timestamp: optionalCount(event, 'timestamp') ?? 0,
          message: requiredText(event, 'message', 'InvalidParameterException'),
        }));
        checkBatch(batch);
        const oldest = now() - OLDEST_MS;
        const newest = now() + NEWEST_MS;
        const tooOld = batch.findLastIndex(({ timestamp }) => timestamp < oldest);
        const tooNew = batch.findIndex(({ timestamp }) => timestamp > newest);
        groups.put(
          stream,
          batch.filter(({ timestamp }) => timestamp >= oldest && timestamp <= newest),
        );
        const rejected = {
          ...(tooOld === -1 ? {} : { tooOldLogEventEndIndex: tooOld + 1 }),
          ...(tooNew === -1 ? {} : { tooNewLogEventStartIndex: tooNew }),
        };
        return {
          nextSequenceToken: String(now()),
          ...(Object.keys(rejected).length === 0 ? {} : { rejectedLogEventsInfo: rejected }),
        };
      },
    },
    DescribeLogStreams: {
      authorize: (input) => lookup.check('DescribeLogStreams', lookup.groupName(input)),
      run(input) {
        const group = lookup.group(input);
        const prefix = optionalText(input, 'logStreamNamePrefix');
        const orderBy = optionalText(input, 'orderBy') ?? 'LogStreamName';
        if (orderBy !== 'LogStreamName' && orderBy !== 'LastEventTime')
          throw invalid(`Value '${orderBy}' at 'orderBy' must be one of LogStreamName, LastEventTime`);
        if (orderBy === 'LastEventTime' && prefix !== undefined)
          throw invalid('Cannot order by LastEventTime with a logStreamNamePrefix.');
        const found = [...group.streams.values()]
          .filter(({ name }) => prefix === undefined || name.startsWith(prefix))
          .sort((a, b) =>
            orderBy === 'LogStreamName'
              ? compareText(a.name, b.name)
              : lastTimestamp(a) - lastTimestamp(b) || compareText(a.name, b.name),
          );
        if (optionalFlag(input, 'descending') === true) found.reverse();
        const page = paged(found, input);
        return {
          logStreams: page.items.map((stream) => ({
            logStreamName: stream.name,
            creationTime: stream.createdAt,
            ...timesOf(stream),
            uploadSequenceToken: String(stream.createdAt),
            arn: lookup.streamArn(group.name, stream.name),
            storedBytes: 0,
          })),
          nextToken: page.next,
        };
      },
    },
  };
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const lastTimestamp = ({ events, createdAt }: LogStream): number => events.at(-1)?.timestamp ?? createdAt;

const timesOf = ({ events }: LogStream): Readonly<Record<string, number>> => {
  const first = events[0];
  const last = events.at(-1);
  return first === undefined || last === undefined
    ? {}
    : {
        firstEventTimestamp: first.timestamp,
        lastEventTimestamp: last.timestamp,
        lastIngestionTime: last.ingestedAt,
      };
};

function checkBatch(batch: readonly { readonly timestamp: number; readonly message: string }[]): void {
  if (batch.length === 0 || batch.length > MAX_BATCH)
    throw invalid(`logEvents must have between 1 and ${MAX_BATCH} items.`);
  const bytes = batch.reduce((sum, { message }) => sum + Buffer.byteLength(message) + EVENT_OVERHEAD, 0);
  if (bytes > MAX_BATCH_BYTES)
    throw invalid(`Upload too large: ${bytes} bytes exceeds limit of ${MAX_BATCH_BYTES}`);
  if (batch.some(({ timestamp }, index) => timestamp < (batch[index - 1]?.timestamp ?? timestamp)))
    throw invalid('Log events in a single PutLogEvents request must be in chronological order.');
  const [first, last] = [batch[0]?.timestamp ?? 0, batch.at(-1)?.timestamp ?? 0];
  if (last - first > 24 * HOUR)
    throw invalid('The batch of log events in a single PutLogEvents request cannot span more than 24 hours.');
}

function paged<T>(items: readonly T[], input: Input) {
  const size = optionalCount(input, 'limit') ?? MAX_PAGE;
  if (size < 1 || size > MAX_PAGE)
    throw invalid(`Value '${size}' at 'limit' must be between 1 and ${MAX_PAGE}`);
  return paginate(items, optionalText(input, 'nextToken'), size, 'InvalidParameterException');
}
