import type { Socket } from 'node:net';
import { type Machine, MachineError } from '../contracts.ts';

/** The far end of a port session: resolved once when the session starts, dialled for each connection (SPEC.md §13.1). */
export interface PortTarget {
  /** Tries the addresses in order. Throws MachineError of the last one. */
  dial(): Promise<Socket>;
}

/** Throws an Error whose message is the session's failure text: empty port, unresolvable or forbidden host. */
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
