import {
  CloudWatchLogsClient,
  DescribeLogStreamsCommand,
  FilterLogEventsCommand,
} from '@aws-sdk/client-cloudwatch-logs';

import type { LogsPort } from '../connect/ports.ts';
import { noMatch, usage } from '../core/errors.ts';
import type { ClientConfig } from './client-config.ts';
import { limitConcurrency } from './throttling.ts';
import { mapped } from './errors.ts';
import { withProfileEndpoints } from './profile-endpoints.ts';

/** The largest page that FilterLogEvents accepts; an answer also ends at 1 MB (docs/reference/api-limits.md §5). */
const PAGE_SIZE = 10_000;

/** Implements LogsPort of connect/ with CloudWatch Logs. */
export function createLogsPort(config: ClientConfig): LogsPort {
  const client = limitConcurrency(withProfileEndpoints(new CloudWatchLogsClient(config), config));
  const { region } = config;
  return {
    region,

    events: ({ group, streams, from, to, pattern, pageToken }, signal) =>
      mapped(
        'logs:FilterLogEvents',
        async () => {
          const page = await client.send(
            new FilterLogEventsCommand({
              logGroupName: group,
              logStreamNames: [...streams],
              startTime: Math.max(0, Math.floor(from)),
              endTime: to,
              filterPattern: pattern,
              limit: PAGE_SIZE,
              nextToken: pageToken,
            }),
            aborting(signal),
          );
          return {
            events: (page.events ?? []).map((event) => ({
              id: event.eventId ?? '',
              stream: event.logStreamName ?? '',
              timestamp: event.timestamp ?? 0,
              ingestedAt: event.ingestionTime ?? event.timestamp ?? 0,
              message: event.message ?? '',
            })),
            nextToken: page.nextToken === '' ? undefined : page.nextToken,
          };
        },
        {
          ResourceNotFoundException: (message, cause) =>
            noMatch('log-stream-not-found', `log group ${group} in ${region}: ${message}`, {
              details: { group, region },
              cause,
            }),
          ...(pattern === undefined
            ? {}
            : {
                InvalidParameterException: (message: string, cause: unknown) =>
                  usage('log-pattern-invalid', `AWS refused the filter pattern ${pattern}: ${message}`, {
                    details: { pattern },
                    cause,
                  }),
              }),
        },
      ),

    stream: (group, name, signal) =>
      mapped(
        'logs:DescribeLogStreams',
        async () => {
          // Ordered by name, the stream itself comes before all streams whose names begin with its name.
          const page = await client.send(
            new DescribeLogStreamsCommand({ logGroupName: group, logStreamNamePrefix: name, limit: 1 }),
            aborting(signal),
          );
          const found = page.logStreams?.find(({ logStreamName }) => logStreamName === name);
          return found === undefined ? undefined : { lastEventAt: found.lastEventTimestamp };
        },
        {
          ResourceNotFoundException: (_, cause) =>
            noMatch('log-group-not-found', `there is no log group ${group} in ${region}`, {
              details: { group, region },
              cause,
            }),
        },
      ),
  };
}

const aborting = (signal: AbortSignal | undefined): { abortSignal?: AbortSignal } =>
  signal === undefined ? {} : { abortSignal: signal };
