import { connect } from 'node:net';
import { type Clock, sleep } from '../../core/clock.ts';
import { transport } from '../../core/errors.ts';
import { hostPort } from '../../core/host-port.ts';

/** Whether something listens at the remote end of a forward, tried with connections to its local end. */

/**
 * The local end accepts each connection, and the agent closes it when its own connection is refused; no message tells
 * that it was accepted. A connection that is still open after this time counts as accepted.
 */
const ACCEPTED_AFTER_MS = 1_000;
const PAUSE_MS = 500;
const DEADLINE_MS = 30_000;

export interface FarPort {
  readonly local: { readonly host: string; readonly port: number };
  readonly remote: { readonly host: string; readonly port: number };
}

/**
 * Resolves when a connection has received bytes or has stayed open for a second; closes it. Throws `port-refused` if
 * each connection was closed for 30 seconds, and the reason of `signal`.
 */
export async function whenPortAnswers(
  { local, remote }: FarPort,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const since = clock.now();
  for (;;) {
    if (await isAccepted(local, clock)) return;
    if (clock.now() - since >= DEADLINE_MS)
      throw transport(
        'port-refused',
        `${hostPort(remote.host, remote.port)} refused each connection for ${DEADLINE_MS / 1_000} s`,
        { details: remote },
      );
    await sleep(clock, PAUSE_MS, signal);
  }
}

function isAccepted({ host, port }: FarPort['local'], clock: Clock): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: reachable(host), port });
    const settle = (accepted: boolean): void => {
      cancel();
      socket.destroy();
      resolve(accepted);
    };
    const cancel = clock.timer(ACCEPTED_AFTER_MS, () => settle(true));
    socket.once('data', () => settle(true));
    socket.once('end', () => settle(false));
    socket.once('close', () => settle(false));
    socket.on('error', () => settle(false));
  });
}

/** A listener on all addresses is reached at the loopback address. */
const reachable = (bind: string): string => (bind === '0.0.0.0' ? '127.0.0.1' : bind === '::' ? '::1' : bind);
