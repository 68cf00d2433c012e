import { denied } from '../../support/denied.ts';
import { describe, expect, it } from 'vitest';

import { failed } from '../../../src/core/errors.ts';
import { BastionWatch } from '../../../src/provision/lease/bastion-watch.ts';
import { TAG } from '../../../src/provision/bastion/names.ts';
import type { Instance } from '../../../src/provision/ports/ec2.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeAccount } from '../fake-account.ts';
import { NOW, sampleInstance } from '../sample-spec.ts';

const INSTANCE = sampleInstance();

function watching(market: Instance['market'] = 'spot') {
  const clock = new FakeClock(NOW);
  const account = new FakeAccount();
  account.instanceMap.set('i-1', { ...INSTANCE, market });
  const calls = { instances: 0, spotStatus: 0 };
  let trouble: Error | undefined;
  let hidden: Error | undefined;
  const said: string[] = [];
  const watch = new BastionWatch(
    { instanceId: 'i-1', market },
    {
      clock,
      random: () => 0.5,
      ec2: {
        instances: (filter) => {
          calls.instances++;
          return trouble === undefined ? account.ec2.instances(filter) : Promise.reject(trouble);
        },
        spotStatus: (ids) => {
          calls.spotStatus++;
          return hidden === undefined ? account.ec2.spotStatus(ids) : Promise.reject(hidden);
        },
      },
    },
    {
      noticed: ({ id }) => said.push(`noticed ${id}`),
      ended: (instance, bySpot) =>
        said.push(`ended ${instance?.id ?? 'unseen'} ${bySpot ? 'spot' : 'other'}`),
      noticeHidden: ({ code }) => said.push(`hidden ${code}`),
      leaseEnding: ({ id }, leftMs) => said.push(`lease of ${id} ends in ${leftMs / 60_000} m`),
    },
  );
  const change = (to: Partial<Instance>): void => {
    account.instanceMap.set('i-1', { ...INSTANCE, market, ...to });
  };
  return {
    clock,
    watch,
    said,
    calls,
    change,
    mark: () => account.spotCodes.set('i-1', 'marked-for-termination'),
    vanish: () => account.instanceMap.delete('i-1'),
    fail: (error: Error | undefined) => {
      trouble = error;
    },
    hide: () => {
      hidden = denied('ec2:DescribeSpotInstanceRequests');
    },
  };
}

describe('the lease of a watched bastion', () => {
  const endingIn = (minutes: number): Partial<Instance> => ({
    tags: { ...INSTANCE.tags, [TAG.expiresAt]: new Date(NOW + minutes * 60_000).toISOString() },
  });

  it('is reported once, ten minutes before its end, and again before the end of an extended one', async () => {
    const { clock, said, change } = watching('on-demand');
    change(endingIn(12));
    await clock.advance(119_000);
    expect(said).toEqual([]);
    await clock.advance(60_000);
    expect(said).toEqual(['lease of i-1 ends in 10 m']);
    change(endingIn(120));
    await clock.advance(100 * 60_000);
    expect(said).toHaveLength(1);
    await clock.advance(10 * 60_000);
    expect(said).toEqual(['lease of i-1 ends in 10 m', 'lease of i-1 ends in 10 m']);
  });

  it('that a bastion does not have is not reported', async () => {
    const { clock, said, change } = watching('on-demand');
    change({ tags: {} });
    await clock.advance(2 * 3_600_000);
    expect(said).toEqual([]);
  });
});

describe('a watched bastion', () => {
  it('reports the interruption notice within seconds, once, and then the end', async () => {
    const { clock, said, mark, change } = watching();
    await clock.advance(10_000);
    expect(said).toEqual([]);
    mark();
    await clock.advance(5_000);
    expect(said).toEqual(['noticed i-1']);
    await clock.advance(60_000);
    change({ state: 'shutting-down', stateReason: 'Server.SpotInstanceTermination' });
    await clock.advance(5_000);
    expect(said).toEqual(['noticed i-1', 'ended i-1 spot']);
    expect(clock.pendingTimers).toBe(0);
  });

  it.each([
    ['shutting-down', 'Server.SpotInstanceTermination', 'spot'],
    ['stopping', 'Server.SpotInstanceShutdown', 'spot'],
    ['terminated', 'Client.UserInitiatedShutdown', 'other'],
    ['shutting-down', 'Client.InstanceInitiatedShutdown', 'other'],
    ['terminated', undefined, 'other'],
  ] as const)('that is %s for %s is reported as ended by %s', async (state, stateReason, by) => {
    const { clock, said, change } = watching();
    change({ state, stateReason });
    await clock.advance(5_000);
    expect(said).toEqual([`ended i-1 ${by}`]);
  });

  it.each([
    ['Client.UserInitiatedShutdown', 'other'],
    [undefined, 'spot'],
  ])('after the notice, with reason %s, is reported as ended by %s', async (stateReason, by) => {
    const { clock, said, mark, change } = watching();
    mark();
    await clock.advance(5_000);
    change({ state: 'shutting-down', stateReason });
    await clock.advance(5_000);
    expect(said).toEqual(['noticed i-1', `ended i-1 ${by}`]);
  });

  it('without permission to read the spot request, reports that once and still reports the end', async () => {
    const { clock, said, calls, hide, change } = watching();
    hide();
    await clock.advance(30_000);
    expect([said, calls.spotStatus]).toEqual([['hidden access-denied'], 1]);
    change({ state: 'terminated', stateReason: 'Server.SpotInstanceTermination' });
    await clock.advance(5_000);
    expect(said).toEqual(['hidden access-denied', 'ended i-1 spot']);
  });

  it('makes no second call for an on-demand bastion', async () => {
    const { clock, calls } = watching('on-demand');
    await clock.advance(60_000);
    expect(calls.spotStatus).toBe(0);
    expect(calls.instances).toBeGreaterThan(8);
  });

  it('makes fewer calls while AWS fails, and never throws', async () => {
    const { clock, said, calls, fail, change } = watching();
    fail(failed('aws-error', 'throttled'));
    await clock.advance(10 * 60_000);
    expect(calls.instances).toBeLessThan(20);
    change({ state: 'terminated', stateReason: 'Server.SpotInstanceTermination' });
    fail(undefined);
    await clock.advance(60_000);
    expect(said).toEqual(['ended i-1 spot']);
  });

  it('treats one empty response as a delay of AWS, and three as the end', async () => {
    const { clock, said, vanish, change } = watching();
    await clock.advance(5_000);
    vanish();
    await clock.advance(4_000);
    change({});
    await clock.advance(20_000);
    expect(said).toEqual([]);
    vanish();
    await clock.advance(20_000);
    expect(said).toEqual(['ended i-1 other']);
  });

  it('after close, makes no further call and reports nothing of a call in progress', async () => {
    const { clock, watch, said, calls, change } = watching();
    change({ state: 'terminated' });
    const look = watch.check();
    watch.close();
    await look;
    await clock.advance(60_000);
    expect([said, calls.instances, clock.pendingTimers]).toEqual([[], 1, 0]);
  });

  it('shares one call between concurrent checks', async () => {
    const { watch, calls } = watching();
    await Promise.all([watch.check(), watch.check()]);
    expect(calls.instances).toBe(1);
    watch.close();
  });
});
