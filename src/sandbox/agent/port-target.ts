import type { Socket } from 'node:net';
import { type Machine, MachineError } from '../contracts.ts';

/**
 * The server that a port session connects to: its name is resolved once, when the session starts, and dialled for
 * each connection (SPEC.md §13.1).
 */
export interface PortTarget {
  /** Tries the addresses in order. Throws the MachineError of the last one. */
  dial(): Promise<Socket>;
}

/**
 * Throws an Error whose message is the text with which the session fails: empty port, unresolvable host or forbidden
 * host.
 */
export async function openPortTarget(
  machine: Machine,
  properties: Readonly<Record<string, string>>,
): Promise<PortTarget> {
  const port = Number(properties['portNumber'] ?? '');
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new Error('Port number is empty in session properties.');
  const host = properties['host'] ?? '';
  const addresses = host === '' ? ['localhost'] : await machine.resolve(host);
  return {
    async dial() {
      let failure: unknown = new MachineError('refused', 'dial tcp: missing address');
      for (const address of addresses) {
        try {
          return await machine.connect(address, port);
        } catch (error) {
          failure = error;
        }
      }
      throw failure;
    },
  };
}
