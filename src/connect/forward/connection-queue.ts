import type { Socket } from 'node:net';

/** The maximum number of connections that wait, unread, until a session is open. */
const MAX_QUEUED = 128;

/** Local connections on their way to a session: passed on at once while one serves them, else they wait. */
export class ConnectionQueue {
  #accept: ((socket: Socket) => void) | undefined;
  #waiting: Socket[] = [];

  /** Takes a paused connection. It is reset if too many wait. */
  push(socket: Socket): void {
    socket.on('error', () => undefined);
    if (this.#accept !== undefined) {
      this.#accept(socket);
      return;
    }
    if (this.#waiting.length >= MAX_QUEUED) {
      socket.resetAndDestroy();
      return;
    }
    this.#waiting.push(socket);
    socket.once('close', () => {
      this.#waiting = this.#waiting.filter((other) => other !== socket);
    });
  }

  /** Passes connections to `accept` from now on, first those that waited; all of them are paused. */
  open(accept: (socket: Socket) => void): void {
    this.#accept = accept;
    for (const socket of this.#waiting.splice(0)) accept(socket);
  }

  /** Lets connections wait again until the next `open`. */
  hold(): void {
    this.#accept = undefined;
  }

  /** The connections that still wait; the caller answers or resets them. */
  takeWaiting(): readonly Socket[] {
    return this.#waiting.splice(0);
  }
}
