import { Readable } from 'node:stream';

import { DescribeServicesCommand, ECSClient } from '@aws-sdk/client-ecs';
import { HttpResponse } from '@smithy/core/protocols';
import { ConfiguredRetryStrategy } from '@smithy/core/retry';
import { expect, it } from 'vitest';

import { limitConcurrency } from '../../src/aws/throttling.ts';
import { ConcurrencyLimit } from '../../src/core/concurrency-limit.ts';

/** The real SDK, with a service that answers at most `capacity` requests at a time. */

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const answer = (statusCode: number, body: object): { response: HttpResponse } => ({
  response: new HttpResponse({
    statusCode,
    headers: { 'content-type': 'application/x-amz-json-1.1' },
    body: Readable.from([Buffer.from(JSON.stringify(body))]),
  }),
});

function service(capacity: number) {
  const state = { running: 0, most: 0, refused: 0, error: 'ThrottlingException' };
  const handle = async (): Promise<{ response: HttpResponse }> => {
    state.running++;
    state.most = Math.max(state.most, state.running);
    try {
      const tooMany = state.running > capacity;
      for (let turns = 0; turns < 20; turns++) await turn();
      if (!tooMany) return answer(200, { services: [] });
      state.refused++;
      return answer(400, { __type: state.error, message: 'Rate exceeded' });
    } finally {
      state.running--;
    }
  };
  const limit = new ConcurrencyLimit();
  const client = new ECSClient({
    region: 'eu-west-1',
    credentials: { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'secret' },
    requestHandler: { handle } as never,
    retryStrategy: new ConfiguredRetryStrategy(6, 1),
  });
  limitConcurrency(client, limit);
  return {
    state,
    limit,
    describe: () => client.send(new DescribeServicesCommand({ cluster: 'demo', services: ['web'] })),
  };
}

it('runs fewer calls at a time after the first refusal, and all of them succeed', async () => {
  const { state, limit, describe } = service(3);
  await Promise.all(Array.from({ length: 12 }, describe));
  expect(state.most).toBe(12);
  expect(limit.limit).toBeLessThan(12);
  state.most = 0;
  state.refused = 0;
  await Promise.all(Array.from({ length: 12 }, describe));
  expect(state.most).toBeLessThan(12);
  expect(state.refused).toBeLessThan(9);
});

it('runs more calls at a time again while none is refused', async () => {
  const { state, limit, describe } = service(1);
  await Promise.all(Array.from({ length: 4 }, describe));
  const reduced = limit.limit;
  expect(reduced).toBeLessThan(4);
  for (let calls = 0; calls < 10; calls++) await describe();
  expect(limit.limit).toBeGreaterThan(reduced);
  expect(state.running).toBe(0);
});

it('another error of AWS does not limit the calls, and gives the place back', async () => {
  const { state, limit, describe } = service(0);
  state.error = 'ClusterNotFoundException';
  await expect(describe()).rejects.toThrow('Rate exceeded');
  expect(limit.limit).toBe(Infinity);
  state.error = 'ThrottlingException';
  await expect(describe()).rejects.toThrow('Rate exceeded');
  await expect(describe()).rejects.toThrow('Rate exceeded');
  expect(limit.limit).toBe(1);
});
