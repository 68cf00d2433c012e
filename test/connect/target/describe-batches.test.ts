import { describe, expect, it } from 'vitest';
import { describeAllServices, describeVisibleClusters } from '../../../src/connect/target/discover.ts';
import type { Cluster, EcsPort, Service } from '../../../src/connect/ports.ts';
import { failed } from '../../../src/core/errors.ts';
import { denied } from '../../support/denied.ts';
import { serviceRecord } from '../../support/ecs-records.ts';

const names = (count: number): readonly string[] => Array.from({ length: count }, (_, n) => `n${n}`);
const namesOf = (found: readonly { readonly name: string }[]): readonly string[] =>
  found.map(({ name }) => name);

/** Answers by name, and remembers the names of each call. */
function port(refuse: (batch: readonly string[]) => Error | undefined = () => undefined) {
  const calls: (readonly string[])[] = [];
  const answer = <T>(batch: readonly string[], make: (name: string) => T): Promise<readonly T[]> => {
    calls.push(batch);
    const error = refuse(batch);
    return error === undefined ? Promise.resolve(batch.map(make)) : Promise.reject(error);
  };
  const ecs: Partial<EcsPort> = {
    describeServices: (_, batch) => answer(batch, (name) => serviceRecord({ name })),
    describeClusters: (batch) => answer(batch, (name) => ({ name }) as Cluster),
  };
  return { calls, ecs: ecs as EcsPort };
}

describe('services are described in batches of ten', () => {
  it.each([
    [0, []],
    [1, [1]],
    [10, [10]],
    [11, [10, 1]],
    [25, [10, 10, 5]],
  ])('%i services', async (count, sizes) => {
    const { calls, ecs } = port();
    const batches: (readonly Service[])[] = [];
    const found = await describeAllServices(ecs, 'demo', names(count), (batch) => batches.push(batch));
    expect(namesOf(found)).toEqual(names(count));
    expect(calls.map((call) => call.length)).toEqual(sizes);
    expect(batches.flatMap(namesOf).sort()).toEqual([...names(count)].sort());
  });
});

describe('clusters are described in batches of a hundred', () => {
  it.each([
    [0, []],
    [100, [100]],
    [101, [100, 1]],
  ])('%i clusters', async (count, sizes) => {
    const { calls, ecs } = port();
    expect(namesOf(await describeVisibleClusters(ecs, names(count)))).toEqual(names(count));
    expect(calls.map((call) => call.length)).toEqual(sizes);
  });

  it('one by one, if IAM denies a call about several', async () => {
    const refused = (batch: readonly string[]) =>
      batch.includes('n1') ? denied('ecs:DescribeClusters') : undefined;
    const { calls, ecs } = port(refused);
    const batches: (readonly Cluster[])[] = [];
    const found = await describeVisibleClusters(ecs, names(3), (batch) => batches.push(batch));
    expect(namesOf(found)).toEqual(['n0', 'n2']);
    expect(batches.map(namesOf)).toEqual([['n0'], ['n2']]);
    expect(calls).toEqual([names(3), ['n0'], ['n1'], ['n2']]);
  });

  it('and the denial is thrown if none may be described', async () => {
    const error = denied('ecs:DescribeClusters');
    const { calls, ecs } = port(() => error);
    await expect(describeVisibleClusters(ecs, names(2))).rejects.toBe(error);
    expect(calls).toHaveLength(3);
    const single = port(() => error);
    await expect(describeVisibleClusters(single.ecs, ['n0'])).rejects.toBe(error);
    expect(single.calls).toHaveLength(1);
  });

  it('and any other error is thrown at once', async () => {
    const error = failed('aws-error', 'broken', { details: {} });
    const { calls, ecs } = port(() => error);
    await expect(describeVisibleClusters(ecs, names(2))).rejects.toBe(error);
    expect(calls).toHaveLength(1);
    const text = port(() => new Error('access-denied'));
    await expect(describeVisibleClusters(text.ecs, names(2))).rejects.toThrow('access-denied');
  });
});
