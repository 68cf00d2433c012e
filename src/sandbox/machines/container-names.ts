import { createServer, type Server } from 'node:net';
import type { NetworkPlace, VpcNetwork } from '../world/vpc-network.ts';

/**
 * Lets the programs of a confined container connect to the databases and caches of its VPC by their names: `etc/hosts`
 * maps each name to a loopback address of its own, where the sandbox listens on the ports of that service and connects
 * on, so that the security groups apply. Linux answers on all of 127.0.0.0/8.
 */
export class ContainerNames {
  readonly #network: VpcNetwork;
  readonly #place: NetworkPlace;
  readonly #write: (hosts: string) => void;
  readonly #servers: Server[] = [];
  #opened: Promise<void> | undefined;
  #isClosed = false;

  constructor(network: VpcNetwork, place: NetworkPlace, write: (hosts: string) => void) {
    this.#network = network;
    this.#place = place;
    this.#write = write;
  }

  /** Opens the ports and writes the file at the first call. */
  open(): Promise<void> {
    this.#opened ??= this.#open();
    return this.#opened;
  }

  close(): void {
    this.#isClosed = true;
    for (const server of this.#servers.splice(0)) server.close();
  }

  async #open(): Promise<void> {
    const lines = ['127.0.0.1 localhost', '::1 localhost'];
    for (const [index, { name, ports }] of this.#network.services().entries()) {
      const address = loopbackAddress(this.#place.privateIp, index);
      const servers = await Promise.all(ports.map((port) => this.#listen(address, name, port)));
      if (servers.every((isListening) => isListening)) lines.push(`${address} ${name}`);
    }
    this.#write(`${lines.join('\n')}\n`);
  }

  /** False if another program of this machine uses the address. */
  #listen(address: string, name: string, port: number): Promise<boolean> {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => undefined);
      this.#network.connect(name, port, this.#place).then(
        (remote) => {
          remote.on('error', () => socket.destroy());
          socket.on('close', () => remote.destroy());
          socket.pipe(remote).pipe(socket);
        },
        () => socket.resetAndDestroy(),
      );
    });
    return new Promise((resolve) => {
      server.once('error', () => resolve(false));
      server.listen({ host: address, port, exclusive: true }, () => {
        if (this.#isClosed) server.close();
        else this.#servers.push(server);
        // A container that nobody uses must not keep the process alive.
        server.unref();
        resolve(true);
      });
    });
  }
}

/** Above those that programs use; each sandbox begins elsewhere, so that two on one machine rarely meet. */
const FIRST_BLOCK = 64;
const BLOCKS = 180;
const offset = process.pid % BLOCKS;

/** An address for one service as the container at `privateIp` sees it. */
function loopbackAddress(privateIp: string, index: number): string {
  const [third = '0', fourth = '0'] = privateIp.split('.').slice(2);
  return `127.${FIRST_BLOCK + ((offset + index) % BLOCKS)}.${third}.${fourth}`;
}
