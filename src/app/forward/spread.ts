import type { ChannelDeps } from '../../connect/channel/channel-deps.ts';
import type { ForwardListener } from '../../connect/forward/forward.ts';
import { SpreadForward } from '../../connect/forward/spread-forward.ts';
import type { StartPace } from '../../connect/forward/start-pace.ts';
import type { ForwardRemote, Report } from '../../core/events.ts';
import { type Carrier, type ForwardNeeds, openRoute, type Remote, type RouteRequest } from './route.ts';

export interface SpreadOptions {
  readonly listener: ForwardListener;
  readonly remote: ForwardRemote;
  readonly destination: Remote;
  readonly carrier: Carrier;
  readonly request: RouteRequest;
  readonly channel: ChannelDeps;
  /** Names the session, counted from 2, in what it reports. */
  readonly reportFor: (session: number) => Report;
  readonly pace: StartPace;
}

/** A forward whose connections share several sessions where that makes them faster. */
export function spreadForward(options: SpreadOptions, deps: ForwardNeeds): SpreadForward {
  const { listener, remote, destination, carrier, request, channel, reportFor, pace } = options;
  // The further sessions would repeat which task or bastion carries them.
  const quiet = { ...deps, report: withoutInformation(deps.report) };
  return new SpreadForward({
    listener,
    remote,
    openRoute: (isFirst) => openRoute(carrier, destination, request, isFirst ? deps : quiet),
    deps: channel,
    reportFor,
    // The person who wrote a session document decides what its sessions are, and how many of them.
    sessions: request.document === undefined ? request.sessions : 1,
    pace,
  });
}

/** Names the forward in what its session reports. */
export const reportOf =
  (forward: string, report: Report): Report =>
  (event) => {
    if (event.type === 'session-state') report({ ...event, forward });
    else if (event.type === 'note')
      report({
        ...event,
        message: `${forward}: ${event.message}`,
        details: { ...event.details, forward },
      });
    else report(event);
  };

const withoutInformation =
  (report: Report): Report =>
  (event) => {
    if (event.type !== 'note' || event.level !== 'info') report(event);
  };
