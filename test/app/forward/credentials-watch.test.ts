import { afterEach, beforeEach, expect, it } from 'vitest';
import type { AwsAccount } from '../../../src/aws/account.ts';
import { watchCredentials } from '../../../src/app/forward/credentials-watch.ts';
import { CleanupScope } from '../../../src/core/cleanup.ts';
import { access, failed } from '../../../src/core/errors.ts';
import type { ToolEvent } from '../../../src/core/events.ts';
import { FakeClock } from '../../support/fake-clock.ts';

/** The warning before the credentials of a forward end. */

const MINUTE = 60_000;
const EXPIRED = access('credentials-expired', 'nobody is signed in for profile work', {
  details: { profile: 'work', signIn: 'sso' },
});

let clock: FakeClock;
let scope: CleanupScope;
let events: ToolEvent[];
let endsAt: number | undefined;
/** AWS's time minus that of this machine. */
let offsetMs: number;
let renewals: number;
let renew: () => void;

beforeEach(() => {
  clock = new FakeClock();
  scope = new CleanupScope();
  events = [];
  endsAt = clock.now() + 60 * MINUTE;
  offsetMs = 0;
  renewals = 0;
  renew = () => {
    throw EXPIRED;
  };
});
afterEach(() => scope.close());

function watch(): void {
  const account: Pick<AwsAccount, 'clockOffsetMs' | 'credentialsEndAt' | 'renewCredentials'> = {
    clockOffsetMs: () => offsetMs,
    credentialsEndAt: () => Promise.resolve(endsAt),
    renewCredentials: async () => {
      renewals++;
      renew();
    },
  };
  watchCredentials({
    account: () => Promise.resolve(account as AwsAccount),
    clock,
    report: (event) => events.push(event),
    scope,
    settings: {},
  });
}

it('comes once, ten minutes before the end, with what the advice needs', async () => {
  watch();
  await clock.advance(49 * MINUTE);
  expect([events, renewals]).toEqual([[], 0]);
  await clock.advance(MINUTE);
  expect(events).toEqual([
    {
      type: 'note',
      level: 'warning',
      code: 'credentials-ending',
      message: 'the AWS credentials end in 10m, and cannot be renewed: nobody is signed in for profile work',
      details: { reason: 'credentials-expired', profile: 'work', signIn: 'sso' },
    },
  ]);
  await clock.advance(20 * MINUTE);
  expect(events).toHaveLength(1);
});

it('comes at the start if less than ten minutes are left, by the time of AWS', async () => {
  offsetMs = 55 * MINUTE;
  watch();
  await clock.advance(1);
  expect(events).toMatchObject([{ code: 'credentials-ending' }]);
});

it('does not come while the credentials can be renewed without a person', async () => {
  renew = () => {
    endsAt = clock.now() + 60 * MINUTE;
  };
  watch();
  await clock.advance(600 * MINUTE);
  expect(events).toEqual([]);
  expect(renewals).toBe(12);
});

it('a new sign-in is used within a minute, and its end is announced anew', async () => {
  watch();
  await clock.advance(52 * MINUTE);
  renew = () => {
    endsAt = clock.now() + 60 * MINUTE;
  };
  await clock.advance(MINUTE);
  expect(endsAt).toBe(clock.now() + 60 * MINUTE);
  renew = () => {
    throw EXPIRED;
  };
  await clock.advance(60 * MINUTE);
  expect(events).toHaveLength(2);
});

it('a network that is gone is no reason to warn, and does not end the watch', async () => {
  renew = () => {
    throw failed('aws-unreachable', 'no answer');
  };
  watch();
  await clock.advance(52 * MINUTE);
  expect(events).toEqual([]);
  renew = () => {
    throw EXPIRED;
  };
  await clock.advance(MINUTE);
  expect(events).toHaveLength(1);
});

it('ends with the run, and does not begin for credentials that never end', async () => {
  watch();
  await clock.advance(MINUTE);
  await scope.close();
  expect(clock.pendingTimers).toBe(0);
  endsAt = undefined;
  scope = new CleanupScope();
  watch();
  await clock.advance(MINUTE);
  expect([clock.pendingTimers, events]).toEqual([0, []]);
});
