import { BastionWatch } from '../../provision/lease/bastion-watch.ts';
import type { Bastion } from '../../provision/bastion/bastion.ts';
import { describeDuration } from '../../core/duration.ts';
import type { ToolEvent } from '../../core/events.ts';
import { awsClock } from '../aws-clock.ts';
import type { Needs } from '../collaborators.ts';

/**
 * Reports when EC2 interrupts the bastion of a shell or a command, until the watch is closed. It launches no
 * replacement, because a shell cannot move to another instance.
 */
export async function watchForNotice(
  bastion: Bastion,
  deps: Needs<'account' | 'clock' | 'random' | 'report'>,
): Promise<BastionWatch> {
  const { clock, random, report } = deps;
  const account = await deps.account();
  const ec2 = await account.ec2();
  let isReported = false;
  const reportOnce = (when: string): void => {
    if (isReported) return;
    isReported = true;
    report({
      type: 'note',
      level: 'warning',
      code: 'bastion-interrupted',
      message: `EC2 interrupts bastion ${bastion.instanceId}: this session ends ${when}`,
      details: { instanceId: bastion.instanceId, name: bastion.name },
    });
  };
  return new BastionWatch(
    bastion,
    { ec2, clock, random: () => random.number(), now: () => awsClock(account, clock).now() },
    {
      noticed: () => reportOnce('within two minutes'),
      ended: (_, isInterruption) => {
        if (isInterruption) reportOnce('now');
      },
      noticeHidden: (error) =>
        report({ type: 'note', level: 'info', code: 'notice-hidden', message: noticeHidden(error) }),
      leaseEnding: (_, leftMs) => report(leaseEnding(bastion.name, leftMs)),
    },
  );
}

/** The note for a caller who may describe instances, but not spot instance requests. */
export const noticeHidden = (error: Error): string =>
  `${error.message}: a spot interruption will be seen only when it happens`;

/** The warning before a bastion terminates itself; its advice extends the lease, which works while sessions are open. */
export const leaseEnding = (name: string, leftMs: number): ToolEvent => ({
  type: 'note',
  level: 'warning',
  code: 'lease-ending',
  message: `bastion ${name} terminates itself ${leftMs < 60_000 ? 'within a minute' : `in ${describeDuration(leftMs)}`}, and what goes through it ends`,
  details: { name },
});
