import type { LocalListener } from '../../connect/forward/local-listener.ts';
import { StartPace } from '../../connect/forward/start-pace.ts';
import { whenAborted } from '../../connect/session/shell-session.ts';
import type { Report } from '../../core/events.ts';
import { channelDeps } from '../session/session-setup.ts';
import type { Carrier, ForwardNeeds, Remote, RouteRequest } from './route.ts';
import { reportOf, spreadForward } from './spread.ts';

export interface OpenForward {
  /** Rejects when the forward has ended for good, or when the run is aborted. */
  readonly lost: Promise<never>;
}

/**
 * Opens one forward and resolves when connections pass; it stays open, and replaces its session, until the run ends.
 * Events go to `report`.
 */
export async function openForward(
  listener: LocalListener,
  remote: Remote,
  carrier: Carrier,
  request: RouteRequest,
  deps: ForwardNeeds,
  report: Report,
): Promise<OpenForward> {
  const channel = { ...(await channelDeps(deps)), report };
  const forward = spreadForward(
    {
      listener,
      remote: { host: remote.host ?? 'localhost', port: remote.port },
      destination: remote,
      carrier,
      request,
      channel,
      reportFor: (session) => reportOf(`session ${session}`, report),
      pace: new StartPace(deps.clock),
    },
    deps,
  );
  const aborted = whenAborted(deps.signal);
  deps.scope.add(async () => {
    aborted.dispose();
    await forward.close();
  });
  await Promise.race([forward.start(), aborted.promise]);
  const lost = Promise.race([forward.run().then(() => aborted.promise), aborted.promise]);
  lost.catch(() => undefined);
  return { lost };
}

/** For commands of which a forward is a part: its ready event and counts would be read as results of the command. */
export const withoutForwardResults =
  (report: Report): Report =>
  (event) => {
    if (event.type !== 'forward-ready' && event.type !== 'forward-connection') report(event);
  };
