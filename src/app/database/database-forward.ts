import { Forward } from '../../connect/forward/forward.ts';
import type { LocalListener } from '../../connect/forward/local-listener.ts';
import { whenAborted } from '../../connect/session/shell-session.ts';
import type { Report } from '../../core/events.ts';
import { type Carrier, type ForwardNeeds, openRoute, type RouteRequest } from '../forward/route.ts';
import { channelDeps } from '../session/session-setup.ts';

/**
 * Opens one forward and resolves when connections pass; it stays open, and replaces its session, until the run ends.
 * `lost` rejects when the forward has ended for good. Events go to `report`.
 */
export async function openForward(
  listener: LocalListener,
  remote: { readonly host: string; readonly port: number },
  carrier: Carrier,
  request: RouteRequest,
  deps: ForwardNeeds,
  report: Report,
): Promise<{ readonly lost: Promise<never> }> {
  const channel = { ...(await channelDeps(deps)), report };
  const forward = new Forward({
    listener,
    remote,
    openRoute: () => openRoute(carrier, remote, request, deps),
    deps: channel,
  });
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
