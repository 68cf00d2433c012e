import { Readable } from 'node:stream';

import { CreateSecurityGroupCommand, EC2Client } from '@aws-sdk/client-ec2';
import { HttpResponse } from '@smithy/core/protocols';
import { ConfiguredRetryStrategy } from '@smithy/core/retry';
import { expect, it } from 'vitest';

import { endRetriesOn } from '../../src/aws/interruption.ts';
import { limitConcurrency } from '../../src/aws/throttling.ts';
import { interrupted } from '../../src/core/errors.ts';
import { until } from '../support/eventually.ts';

/** The real SDK between the caller and a service that the test answers for. */

const answer = (statusCode: number, body: string): { response: HttpResponse } => ({
  response: new HttpResponse({
    statusCode,
    headers: { 'content-type': 'text/xml' },
    body: Readable.from([Buffer.from(body)]),
  }),
});
const THROTTLED = answer.bind(
  null,
  503,
  '<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>Rate exceeded</Message></Error></Errors></Response>',
);
const CREATED = answer.bind(
  null,
  200,
  '<CreateSecurityGroupResponse><groupId>sg-1</groupId></CreateSecurityGroupResponse>',
);

/** `onRequest` answers each request; the SDK waits an hour before its next attempt. */
function client(onRequest: (attempt: number) => Promise<{ response: HttpResponse }>) {
  const aborter = new AbortController();
  let attempts = 0;
  const ec2 = new EC2Client({
    region: 'eu-west-1',
    credentials: { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'secret' },
    requestHandler: { handle: () => onRequest(++attempts) } as never,
    retryStrategy: new ConfiguredRetryStrategy(6, 3_600_000),
  });
  endRetriesOn(limitConcurrency(ec2), aborter.signal);
  return {
    interrupt: () => aborter.abort(interrupted()),
    attempts: () => attempts,
    create: () =>
      ec2.send(new CreateSecurityGroupCommand({ GroupName: 'group', Description: 'd', VpcId: 'vpc-1' })),
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('ends the wait before the next attempt, and makes no further attempt', async () => {
  const { interrupt, attempts, create } = client(() => Promise.resolve(THROTTLED()));
  const creating = create();
  await until(() => attempts() === 1);
  for (let turns = 0; turns < 50; turns++) await turn();
  expect(attempts()).toBe(1);
  interrupt();
  await expect(creating).rejects.toMatchObject({ role: 'interrupted' });
  expect(attempts()).toBe(1);
});

it('makes no further attempt when the interruption comes before the refusal', async () => {
  const { interrupt, attempts, create } = client(() => {
    interrupt();
    return Promise.resolve(THROTTLED());
  });
  await expect(create()).rejects.toMatchObject({ role: 'interrupted' });
  expect(attempts()).toBe(1);
});

it('a request that is under way gets its answer', async () => {
  const { interrupt, create } = client(async () => {
    interrupt();
    await turn();
    return CREATED();
  });
  expect(await create()).toMatchObject({ GroupId: 'sg-1' });
});

it('calls of the clean-up, which begin after the interruption, are not affected', async () => {
  const { interrupt, create } = client(() => Promise.resolve(CREATED()));
  interrupt();
  expect(await create()).toMatchObject({ GroupId: 'sg-1' });
});

it('many calls at the same time print no warning about listeners of the signal', async () => {
  const warnings: string[] = [];
  const note = (warning: Error): number => warnings.push(warning.name);
  process.on('warning', note);
  const { create } = client(() => Promise.resolve(CREATED()));
  await Promise.all(Array.from({ length: 30 }, create));
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', note);
  expect(warnings.filter((name) => name === 'MaxListenersExceededWarning')).toEqual([]);
});
