import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  DescribeLogGroupsCommand,
  DescribeLogStreamsCommand,
  FilterLogEventsCommand,
  type FilterLogEventsCommandInput,
  GetLogEventsCommand,
  paginateFilterLogEvents,
  PutLogEventsCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import { beforeEach, describe, expect, test } from 'vitest';
import { errorName } from '../../../support/sandbox-clients.ts';
import { testSandbox } from '../../../support/test-sandbox.ts';
import { clientConfig } from '../../support/client-config.ts';

const sandbox = testSandbox();
const client = (): CloudWatchLogsClient => new CloudWatchLogsClient(clientConfig(sandbox().env));
const AT = Date.now();
let logGroupName = '';
let number = 0;

beforeEach(async () => {
  logGroupName = `/test/${++number}`;
  await client().send(new CreateLogGroupCommand({ logGroupName, tags: { team: 'orders' } }));
});

async function put(logStreamName: string, ...lines: readonly (readonly [offset: number, text: string])[]) {
  const group = sandbox().logs.group(logGroupName);
  if (group?.streams.has(logStreamName) === false)
    await client().send(new CreateLogStreamCommand({ logGroupName, logStreamName }));
  const logEvents = lines.map(([offset, message]) => ({ timestamp: AT + offset, message }));
  return client().send(new PutLogEventsCommand({ logGroupName, logStreamName, logEvents }));
}

async function filtered(input: Partial<FilterLogEventsCommandInput> = {}): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const page of paginateFilterLogEvents({ client: client() }, { logGroupName, ...input }))
    lines.push(...(page.events ?? []).map((event) => `${event.logStreamName} ${event.message}`));
  return lines;
}

describe('FilterLogEvents', () => {
  test('merges the streams by time; events of the same millisecond stay in their order of arrival across pages', async () => {
    await put('a', [0, 'one'], [5, 'four'], [5, 'five']);
    await put('b', [1, 'two'], [2, 'three'], [5, 'six'], [9, 'seven']);
    const all = ['a one', 'b two', 'b three', 'a four', 'a five', 'b six', 'b seven'];
    for (const limit of [1, 2, 3, 100]) expect(await filtered({ limit })).toEqual(all);
    expect(await filtered({ logStreamNamePrefix: 'b' })).toHaveLength(4);
    expect(await filtered({ logStreamNames: ['a'], startTime: AT + 1, endTime: AT + 5 })).toEqual([]);
    expect(await filtered({ logStreamNames: ['a'], startTime: AT + 5, endTime: AT + 6 })).toEqual([
      'a four',
      'a five',
    ]);
  });

  test('returns a late event only after its arrival, and then at the position of its time', async () => {
    await put('a', [0, 'one'], [2, 'three']);
    const stream = sandbox().logs.group(logGroupName)!.streams.get('a')!;
    sandbox().logs.put(stream, [{ timestamp: AT + 1, message: 'two' }], 60_000);
    expect(await filtered()).toEqual(['a one', 'a three']);
    sandbox().logs.put(stream, [{ timestamp: AT + 1, message: 'two, at once' }]);
    expect(await filtered()).toEqual(['a one', 'a two, at once', 'a three']);
    const { nextToken } = await client().send(new FilterLogEventsCommand({ logGroupName, limit: 2 }));
    await put('a', [0, 'behind the token']);
    expect(await filtered({ nextToken })).toEqual(['a three']);
  });

  test('supports the filter patterns for unstructured events and rejects others', async () => {
    await put('a', [0, 'ERROR order 7: timed out'], [1, 'WARN pool'], [2, 'INFO 200 OK']);
    const cases: readonly (readonly [string, number])[] = [
      ['ERROR', 1],
      ['error', 0],
      ['order ERROR', 1],
      ['?ERROR ?WARN', 2],
      ['-INFO', 2],
      ['"order 7: timed"', 1],
      ['%2\\d\\d%', 1],
    ];
    for (const [filterPattern, count] of cases)
      expect([filterPattern, await filtered({ filterPattern })].flat(2).length - 1).toBe(count);
    for (const filterPattern of ['{ $.level = "error" }', '[ip, user]', '"open'])
      expect(await errorName(filtered({ filterPattern }))).toBe('InvalidParameterException');
  });

  test('limits a page to 1 MB', async () => {
    const text = 'x'.repeat(200_000);
    for (let i = 0; i < 3; i++) await put('a', [i * 3, text], [i * 3 + 1, text], [i * 3 + 2, text]);
    const first = await client().send(new FilterLogEventsCommand({ logGroupName }));
    expect(first.events).toHaveLength(5);
    expect(first.nextToken).toBeDefined();
    expect(await filtered()).toHaveLength(9);
  });
});

test('GetLogEvents reads from the end or from the start, and returns the same token when there are no more events', async () => {
  await put('a', [0, '1'], [1, '2'], [2, '3'], [3, '4'], [4, '5']);
  const get = (input: object) =>
    client().send(new GetLogEventsCommand({ logGroupName, logStreamName: 'a', limit: 2, ...input }));
  const last = await get({});
  expect(last.events?.map(({ message }) => message)).toEqual(['4', '5']);
  const before = await get({ nextToken: last.nextBackwardToken });
  expect(before.events?.map(({ message }) => message)).toEqual(['2', '3']);
  const first = await get({ startFromHead: true });
  expect(first.events?.map(({ message }) => message)).toEqual(['1', '2']);
  const end = await get({ nextToken: last.nextForwardToken });
  expect([end.events, end.nextForwardToken]).toEqual([[], last.nextForwardToken]);
  await put('a', [5, '6']);
  expect((await get({ nextToken: end.nextForwardToken })).events?.map(({ message }) => message)).toEqual([
    '6',
  ]);
});

test('listings have pages and sort orders', async () => {
  await put('one', [10, 'x']);
  await put('two', [5, 'x']);
  const streams = async (input: object) =>
    (await client().send(new DescribeLogStreamsCommand({ logGroupName, ...input }))).logStreams?.map(
      (stream) => stream.logStreamName,
    );
  expect(await streams({})).toEqual(['one', 'two']);
  expect(await streams({ orderBy: 'LastEventTime', descending: true })).toEqual(['one', 'two']);
  expect(await streams({ logStreamNamePrefix: 't' })).toEqual(['two']);
  expect(await errorName(streams({ orderBy: 'LastEventTime', logStreamNamePrefix: 't' }))).toBe(
    'InvalidParameterException',
  );
  const groups = await client().send(new DescribeLogGroupsCommand({ logGroupNamePrefix: logGroupName }));
  expect(groups.logGroups).toMatchObject([
    { arn: `arn:aws:logs:eu-west-1:111122223333:log-group:${logGroupName}:*` },
  ]);
});

test('PutLogEvents accepts valid events, and rejects the others as AWS does', async () => {
  expect(await errorName(put('a', [1, 'later'], [0, 'earlier']))).toBe('InvalidParameterException');
  const result = await put('a', [-15 * 86_400_000 + 1000, 'old'], [-14.5 * 86_400_000, 'old too']);
  expect(result.rejectedLogEventsInfo).toEqual({ tooOldLogEventEndIndex: 2 });
  const missing = { logGroupName, logStreamName: 'none', logEvents: [{ timestamp: AT, message: 'x' }] };
  expect(await errorName(client().send(new PutLogEventsCommand(missing)))).toBe('ResourceNotFoundException');
  expect(await errorName(client().send(new CreateLogGroupCommand({ logGroupName })))).toBe(
    'ResourceAlreadyExistsException',
  );
});

test('IAM checks the group with its streams, with the tags of the group', async () => {
  await put('a', [0, 'x']);
  const reader = (resource: string, condition?: unknown) =>
    new CloudWatchLogsClient(
      clientConfig(
        sandbox().createPrincipal({
          userName: 'reader',
          policies: [
            {
              Version: '2012-10-17',
              Statement: [
                {
                  Effect: 'Allow',
                  Action: 'logs:FilterLogEvents',
                  Resource: resource,
                  ...(condition === undefined ? {} : { Condition: condition }),
                },
              ],
            },
          ],
        }),
      ),
    );
  const arn = `arn:aws:logs:eu-west-1:111122223333:log-group:${logGroupName}`;
  const call = (of: CloudWatchLogsClient) => errorName(of.send(new FilterLogEventsCommand({ logGroupName })));
  expect(await call(reader(`${arn}:*`))).toBe('resolved');
  expect(await call(reader(arn))).toBe('AccessDeniedException');
  expect(await call(reader('*', { StringEquals: { 'aws:ResourceTag/team': 'orders' } }))).toBe('resolved');
  expect(await call(reader('*', { StringEquals: { 'aws:ResourceTag/team': 'billing' } }))).toBe(
    'AccessDeniedException',
  );
});
