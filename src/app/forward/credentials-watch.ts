import { describeDuration } from '../../core/duration.ts';
import { ToolError } from '../../core/errors.ts';
import { awsClock } from '../aws-clock.ts';
import type { Needs } from '../collaborators.ts';

/** Time enough to read a warning and to sign in. */
const WARNING_MS = 10 * 60_000;
const INTERVAL_MS = 60_000;

/**
 * Warns once, ten minutes before the credentials end, if they cannot be renewed without a person (`credentials-ending`).
 * Whether that is so is found out by trying to renew them, which is repeated each minute, so that a new sign-in is used
 * as soon as it is there. Open sessions do not need credentials, but their repair does. Ends with the scope of the run.
 */
export function watchCredentials(deps: Needs<'account' | 'clock' | 'report' | 'scope'>): void {
  const { clock, report, scope } = deps;
  let reportedEnd: number | undefined;
  let isClosed = false;
  let cancel: () => void = () => undefined;
  const look = async (): Promise<void> => {
    const account = await deps.account();
    const endsAt = await account.credentialsEndAt();
    if (endsAt === undefined || isClosed) return;
    cancel = clock.timer(INTERVAL_MS, () => void round());
    const leftMs = endsAt - awsClock(account, clock).now();
    if (leftMs > WARNING_MS) return;
    try {
      await account.renewCredentials(WARNING_MS);
    } catch (error) {
      const isRefused = error instanceof ToolError && error.role === 'access';
      if (!isRefused || isClosed || reportedEnd === endsAt) return;
      reportedEnd = endsAt;
      report({
        type: 'note',
        level: 'warning',
        code: 'credentials-ending',
        message: `the AWS credentials end ${whenOf(leftMs)}, and cannot be renewed: ${error.message}`,
        details: { reason: error.code, ...error.details },
      });
    }
  };
  const round = async (): Promise<void> => {
    try {
      await look();
    } catch (error) {
      // The forward itself reports credentials that have ended, and a network that is gone.
      if (!(error instanceof ToolError)) throw error;
      if (!isClosed) cancel = clock.timer(INTERVAL_MS, () => void round());
    }
  };
  scope.add(() => {
    isClosed = true;
    cancel();
  });
  void round();
}

const whenOf = (leftMs: number): string =>
  leftMs < 60_000 ? 'within a minute' : `in ${describeDuration(leftMs)}`;
