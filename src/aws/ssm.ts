import {
  DescribeSessionsCommand,
  ResumeSessionCommand,
  type Session,
  type SessionState,
  SSMClient,
  StartSessionCommand,
  TerminateSessionCommand,
} from '@aws-sdk/client-ssm';

import type { ActiveSession, SsmPort } from '../connect/ports.ts';
import { failed } from '../core/errors.ts';
import type { ClientConfig } from './client-config.ts';
import { limitConcurrency } from './throttling.ts';
import { targetNotConnected, toSessionStart } from './ecs.ts';
import { awsErrorName, mapped } from './errors.ts';
import { withProfileEndpoints } from './profile-endpoints.ts';

const SESSIONS_PER_PAGE = 200;

/** Implements SsmPort of connect/ with Session Manager. */
export function createSsmPort(config: ClientConfig): SsmPort {
  const client = limitConcurrency(withProfileEndpoints(new SSMClient(config), config));
  return {
    startSession: ({ target, documentName, parameters, reason }) =>
      mapped(
        'ssm:StartSession',
        async () => {
          const answer = await client.send(
            new StartSessionCommand({
              Target: target,
              DocumentName: documentName,
              Parameters: parameters === undefined ? undefined : mutable(parameters),
              Reason: reason,
            }),
          );
          return toSessionStart({
            sessionId: answer.SessionId,
            streamUrl: answer.StreamUrl,
            tokenValue: answer.TokenValue,
          });
        },
        {
          TargetNotConnected: (message, cause) => targetNotConnected(target, message, cause, { target }),
          InvalidDocument: (message, cause) =>
            failed('session-document-missing', `no session document ${documentName ?? ''} here: ${message}`, {
              details: { documentName },
              cause,
            }),
        },
      ),

    async resumeSession(sessionId) {
      const answer = await mapped('ssm:ResumeSession', () =>
        client.send(new ResumeSessionCommand({ SessionId: sessionId })),
      ).catch((error: unknown) => {
        // Session Manager forgets a session some time after its end.
        if (awsErrorName(error) === 'DoesNotExistException') return undefined;
        throw error;
      });
      if (!answer?.TokenValue) return undefined;
      return toSessionStart({
        sessionId: answer.SessionId ?? sessionId,
        streamUrl: answer.StreamUrl,
        tokenValue: answer.TokenValue,
      });
    },

    async terminateSession(sessionId) {
      await mapped('ssm:TerminateSession', () =>
        client.send(new TerminateSessionCommand({ SessionId: sessionId })),
      ).catch((error: unknown) => {
        if (awsErrorName(error) !== 'DoesNotExistException') throw error;
      });
    },

    async activeSessions(target) {
      const found: ActiveSession[] = [];
      for await (const session of sessions(client, 'Active', target)) {
        found.push({
          sessionId: session.SessionId ?? '',
          target: session.Target ?? target,
          owner: session.Owner ?? '',
          startedAt: session.StartDate?.getTime(),
          documentName: session.DocumentName,
        });
      }
      return found;
    },

    async lastSessionEnd(target) {
      let last: number | undefined;
      for await (const { EndDate } of sessions(client, 'History', target))
        if (EndDate !== undefined) last = Math.max(last ?? 0, EndDate.getTime());
      return last;
    },
  };
}

async function* sessions(client: SSMClient, State: SessionState, target: string): AsyncGenerator<Session> {
  let NextToken: string | undefined;
  do {
    const command = new DescribeSessionsCommand({
      State,
      Filters: [{ key: 'Target', value: target }],
      MaxResults: SESSIONS_PER_PAGE,
      NextToken,
    });
    const page = await mapped('ssm:DescribeSessions', () => client.send(command));
    yield* page.Sessions ?? [];
    NextToken = page.NextToken === '' ? undefined : page.NextToken;
  } while (NextToken !== undefined);
}

const mutable = (parameters: Readonly<Record<string, readonly string[]>>): Record<string, string[]> =>
  Object.fromEntries(Object.entries(parameters).map(([name, values]) => [name, [...values]]));

/** The SSM endpoint of the configured region, for programs that take an endpoint as an argument. */
export async function ssmEndpoint(config: ClientConfig): Promise<string> {
  const { endpointProvider } = new SSMClient(config).config;
  return endpointProvider({ Region: config.region }).url.origin;
}
