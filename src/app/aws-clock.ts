import type { AwsAccount } from '../aws/account.ts';
import type { Clock } from '../core/clock.ts';

/** A clock that shows AWS's time, for the ends of leases and the ages of resources. */
export const awsClock = (account: Pick<AwsAccount, 'clockOffsetMs'>, clock: Clock): Clock => ({
  now: () => clock.now() + account.clockOffsetMs(),
  timer: (ms, fn) => clock.timer(ms, fn),
});
