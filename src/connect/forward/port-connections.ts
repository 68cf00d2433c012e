import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import type { MessageSource } from '../channel/outgoing-data.ts';
import type { ReadPeer } from './local-peer.ts';
import type { Clock } from '../../core/clock.ts';
import type { ToolEvent } from '../../core/events.ts';

/** What mux and basic mode have in common: carrying local connections over a port session. */
export interface PortConnections {
  /** Takes ownership of a local connection, which is paused; it is resumed when its turn comes. */
  accept(connection: Duplex): void;
  output(bytes: Uint8Array): void;
  /** The channel accepts data again. */
  room(): void;
  connectToPortError(): void;
  /** Resets every connection, because no more data will arrive. */
  reset(): void;
  readonly openCount: number;
}

/** What connections need from their channel. */
export interface PortChannel {
  readonly clock: Clock;
  /** False: the caller must read nothing more from any connection until `room`. */
  send(bytes: Uint8Array): boolean;
  /** The same, for messages that the source makes when there is room. */
  sendFrom(source: MessageSource): boolean;
  sendFlag(flag: 'DisconnectToPort'): void;
  pauseOutput(): void;
  resumeOutput(): void;
  /** Finds out what a local program does after it sent its end of data. */
  readPeer: ReadPeer;
  /** Called when a connection was opened or closed. */
  changed(): void;
  warn(event: ToolEvent): void;
  fail(error: unknown): void;
}

/** Resets the connection, so that the local program sees a failure and not an end of data. */
export function resetConnection(connection: Duplex): void {
  if (connection instanceof Socket) connection.resetAndDestroy();
  else connection.destroy();
}
