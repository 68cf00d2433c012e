import { type Clock, inTime } from '../../core/clock.ts';
import { ToolError } from '../../core/errors.ts';
import type { SsmPort } from '../ports.ts';

/** The agent or the service reported that the session is over; `output` is its text for users, often empty. */
export interface ChannelEnd {
  readonly output: string;
}

/** The text for an end without a message; agents that stop send none. */
export const END_WITHOUT_REASON = 'the session was closed by the service';

/** Longer than every text that an agent or the service was seen to send. */
const LONGEST_TEXT = 2_000;

/** The end with a text that can be shown: the service passes on what an agent sends, up to a megabyte. */
export function channelEnd(output: string): ChannelEnd {
  const { length } = output;
  if (length <= LONGEST_TEXT) return { output };
  return { output: `${output.slice(0, LONGEST_TEXT)}… (${length} characters)` };
}

/** The service's text at the end of the session, as one line. */
export function endMessage(end: ChannelEnd): string {
  const reason = end.output.replace(/\s+/g, ' ').trim();
  return reason === '' ? END_WITHOUT_REASON : reason.replace(/\.$/, '');
}

/**
 * Asks AWS to end the session and waits for the answer at most `withinMs`. Never rejects; resolves with a denial,
 * because the session then stays open. Other failures are ignored.
 */
export function terminateSession(
  sessionId: string,
  deps: {
    readonly ssm: Pick<SsmPort, 'terminateSession'>;
    readonly clock: Clock;
    readonly debug?: ((line: string) => void) | undefined;
  },
  withinMs: number,
): Promise<ToolError | undefined> {
  const call = deps.ssm.terminateSession(sessionId).then(
    () => undefined,
    (error: unknown) => {
      deps.debug?.(`TerminateSession failed: ${error instanceof Error ? error.message : String(error)}`);
      return error instanceof ToolError && error.role === 'access' ? error : undefined;
    },
  );
  return inTime(deps.clock, withinMs, call, undefined);
}
