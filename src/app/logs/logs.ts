import type { Wanted } from '../../connect/target/discover.ts';
import { findCluster } from '../../connect/target/discover.ts';
import { type LogLine, ServiceLogs } from '../../connect/logs/service-logs.ts';
import type { LogsPort } from '../../connect/ports.ts';
import { awsClock } from '../aws-clock.ts';
import type { Needs } from '../collaborators.ts';

export interface LogsRequest {
  readonly follow: boolean;
  /**
   * Milliseconds; undefined = a quarter of an hour, or if no task runs, the lifetime of the tasks that stopped last.
   */
  readonly since: number | undefined;
  /** Selects events by their message, after they were received. */
  readonly grep: RegExp | undefined;
  /** Filter pattern of CloudWatch Logs: AWS applies it and sends only matching events. */
  readonly pattern: string | undefined;
}

export type LogsNeeds = Needs<'account' | 'accountIn' | 'clock' | 'random' | 'report' | 'signal'>;

/**
 * The lines of a service or a task, in pages, ordered by time; with `follow` it does not end. Throws what
 * `ServiceLogs.lines` and `findCluster` throw.
 */
export async function* readLogs(
  wanted: Wanted,
  request: LogsRequest,
  deps: LogsNeeds,
): AsyncGenerator<readonly LogLine[]> {
  const { clock, random, report, signal } = deps;
  const account = await deps.account();
  const ecs = await account.ecs();
  const others = new Map<string, Promise<LogsPort>>();
  const logsIn = (region: string | undefined): Promise<LogsPort> => {
    if (region === undefined || region === account.region) return account.logs();
    const known = others.get(region) ?? deps.accountIn(region).then((other) => other.logs());
    others.set(region, known);
    return known;
  };
  const { follow, since, pattern, grep } = request;
  const logs = new ServiceLogs(
    { cluster: await findCluster(ecs, wanted), wanted, since, follow, pattern },
    { ecs, logsIn, clock: awsClock(account, clock), random, report, signal },
  );
  for await (const lines of logs.lines())
    yield grep === undefined ? lines : lines.filter(({ message }) => grep.test(message));
}
