import type { Socket } from 'node:net';

import type { Clock } from '../../core/clock.ts';
import { type ProxyRequest, type ProxyRequestOptions, ProxyRequestReader } from './proxy-request.ts';

/** How long a program may take for its whole request. */
export const HANDSHAKE_MS = 10_000;

/**
 * Reads the request of a program that has just connected. Resolves with undefined when there is none: the program sent
 * something else or asked the proxy itself (it was answered and its connection ended), closed, or took too long. The socket, paused before and
 * after, then holds only what is meant for the destination. `refused` is told why a request was not acceptable.
 */
export function readProxyRequest(
  socket: Socket,
  clock: Clock,
  refused: (reason: string) => void,
  options: ProxyRequestOptions = {},
): Promise<ProxyRequest | undefined> {
  const reader = new ProxyRequestReader(options);
  return new Promise((resolve) => {
    const finish = (request: ProxyRequest | undefined): void => {
      cancel();
      socket.off('data', onData);
      socket.off('end', onGone);
      socket.off('close', onGone);
      resolve(request);
    };
    const onGone = (): void => {
      socket.destroy();
      finish(undefined);
    };
    const onData = (bytes: Uint8Array): void => {
      const step = reader.push(bytes);
      if (step.type === 'refused' || step.type === 'answered') {
        if (step.type === 'refused') refused(step.reason);
        finish(undefined);
        endWith(socket, step.reply, clock);
        return;
      }
      if (step.reply !== undefined) socket.write(step.reply);
      if (step.type === 'more') return;
      socket.pause();
      finish(step.request);
      if (step.rest.length > 0) socket.unshift(step.rest);
    };
    const cancel = clock.timer(HANDSHAKE_MS, () => {
      refused(`no complete request within ${HANDSHAKE_MS / 1000} s`);
      socket.resetAndDestroy();
      finish(undefined);
    });
    socket.on('error', () => undefined);
    socket.on('data', onData);
    socket.on('end', onGone);
    socket.on('close', onGone);
    socket.resume();
  });
}

/** How long a program may take to close after it was refused. */
const LINGER_MS = 2_000;

/** Sends a last answer and closes; what the program still sends is read and dropped, so that the answer is not lost. */
export function endWith(socket: Socket, reply: Uint8Array, clock: Clock): void {
  socket.on('data', () => undefined);
  const cancel = clock.timer(LINGER_MS, () => socket.destroy());
  socket.once('close', cancel);
  socket.once('end', () => socket.destroySoon());
  socket.end(reply);
  socket.resume();
}
