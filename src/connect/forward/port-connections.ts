import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import type { MessageSource } from '../channel/channel-driver.ts';
import type { LookAtPeer } from './local-peer.ts';
import type { Clock } from '../../core/clock.ts';
import type { ToolEvent } from '../../core/events.ts';

/** What the two ways of carrying connections over a port session have in common. */
export interface PortConnections {
  /** Takes a local connection over for good, paused; it is resumed when its turn has come. */
  accept(connection: Duplex): void;
  output(bytes: Uint8Array): void;
  /** The channel takes data again. */
  room(): void;
  connectToPortError(): void;
  /** Resets every connection: nothing more will come. */
  reset(): void;
  readonly openCount: number;
}

/** What connections need from their channel. */
export interface PortChannel {
  readonly clock: Clock;
  /** False: read nothing more from any connection until `room`. */
  send(bytes: Uint8Array): boolean;
  /** The same for messages that the source makes. */
  sendFrom(source: MessageSource): boolean;
  sendFlag(flag: 'DisconnectToPort'): void;
  pauseOutput(): void;
  resumeOutput(): void;
  /** What the local program does that sent its end of data. */
  lookAtPeer: LookAtPeer;
  /** A connection came or went. */
  changed(): void;
  warn(event: ToolEvent): void;
  fail(error: unknown): void;
}

/** A reset, so that the local program sees a failure and not an end of data. */
export function resetConnection(connection: Duplex): void {
  if (connection instanceof Socket) connection.resetAndDestroy();
  else connection.destroy();
}
