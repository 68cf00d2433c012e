import { type Clock, inTime } from '../../core/clock.ts';
import { ToolError } from '../../core/errors.ts';
import type { SsmPort } from '../ports.ts';

/** The agent or the service said that the session is over; `output` is its text for people, often empty. */
export interface ChannelEnd {
  readonly output: string;
}

/** Said of an end without a word, which is that of every agent that stops. */
export const WORDLESS_END = 'the session was closed by the service';

/** What the service said at the end, as one line. */
export function endMessage(end: ChannelEnd): string {
  const said = end.output.replace(/\s+/g, ' ').trim();
  return said === '' ? WORDLESS_END : said.replace(/\.$/, '');
}

/**
 * Asks AWS to end the session and waits for the answer no longer than that. Never rejects; resolves with what keeps the
 * session standing: a denial. Other failures are the network's and pass.
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
