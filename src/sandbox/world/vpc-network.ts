import { ipv4Range } from '../../core/cidr.ts';
import { connect as connectSocket, isIP, type Socket } from 'node:net';
import type { Clock } from '../../core/clock.ts';
import { MachineError, type NetworkPolicy } from '../contracts.ts';
import type { SeedVpc } from '../seed-shapes.ts';

/** Where a connection starts: the network interface of a task or an instance. */
export interface NetworkPlace {
  /** The IPv6 address in an IPv6-only subnet. */
  readonly privateIp: string;
  readonly ipv6Address?: string | undefined;
  readonly securityGroupIds: readonly string[];
}

/**
 * Returns the loopback port that serves one port of an address of the VPC; the program behind it starts at the first
 * call.
 */
export type Listener = () => Promise<number>;

/** A network interface with the names that the VPC's resolver knows for it. */
export interface NetworkInterface extends NetworkPlace {
  readonly names: readonly string[];
  readonly listeners: ReadonlyMap<number, Listener>;
}

export interface VpcNetworkOptions {
  readonly vpcs: readonly SeedVpc[];
  readonly region: string;
  readonly policy: NetworkPolicy;
  readonly clock: Clock;
  /**
   * How long a connection that a security group drops gets no answer before it fails; a real kernel gives up after
   * two minutes.
   */
  readonly blockedTimeoutMs: number;
}

/** Addresses that the agent refuses to forward to wherever it runs (SPEC.md §13.1). */
const RESERVED_EVERYWHERE: readonly string[] = [
  '169.254.169.254',
  '169.254.169.253',
  '169.254.169.123',
  '169.254.169.250',
  '169.254.169.251',
  'fd00:ec2::254',
  'fd00:ec2::253',
  'fd00:ec2::123',
  'fd00:ec2::240',
];

/**
 * The network between the machines: one resolver, one table of interfaces, and EC2's security groups. Every listener
 * is a port of 127.0.0.1, which only the sandbox maps to a name.
 */
export class VpcNetwork {
  readonly #options: VpcNetworkOptions;
  readonly #interfaces = new Map<string, NetworkInterface>();
  readonly #addresses = new Map<string, Set<string>>();
  readonly #extra = new Map<string, Listener>();
  readonly #waiting = new Set<() => void>();

  constructor(options: VpcNetworkOptions) {
    this.#options = options;
  }

  /**
   * Adds an interface; the returned function removes it. If the address is in use already, it stays with its first
   * interface.
   */
  attach(item: NetworkInterface): () => void {
    if (this.#interfaces.has(item.privateIp)) return () => undefined;
    this.#interfaces.set(item.privateIp, item);
    const own = isIP(item.privateIp) === 4 ? [privateDnsName(item.privateIp, this.#options.region)] : [];
    const names = [...item.names, ...own].map((name) => name.toLowerCase());
    for (const name of names) {
      const known = this.#addresses.get(name) ?? new Set();
      this.#addresses.set(name, known.add(item.privateIp));
    }
    return () => {
      if (this.#interfaces.get(item.privateIp) !== item) return;
      this.#interfaces.delete(item.privateIp);
      for (const name of names) {
        this.#addresses.get(name)?.delete(item.privateIp);
        if (this.#addresses.get(name)?.size === 0) this.#addresses.delete(name);
      }
    };
  }

  /**
   * Lets a program that listens on 127.0.0.1:`loopbackPort` answer for `privateIp`:`port`; the returned function ends
   * it.
   */
  listen(privateIp: string, port: number, loopbackPort: number): () => void {
    const key = `${privateIp} ${port}`;
    const listener: Listener = () => Promise.resolve(loopbackPort);
    this.#extra.set(key, listener);
    return () => {
      if (this.#extra.get(key) === listener) this.#extra.delete(key);
    };
  }

  /**
   * Resolves a name as the VPC's resolver does. Throws MachineError: `name-not-found` for an unknown name,
   * `forbidden` for an address to which no session may forward.
   */
  resolve(host: string, from: NetworkPlace): readonly string[] {
    const name = host.toLowerCase().replace(/\.$/, '');
    if (name === 'localhost') return ['127.0.0.1'];
    const addresses =
      isIP(name) === 0 ? [...(this.#addresses.get(name) ?? [])] : [name.replace(/^::ffff:/, '')];
    if (addresses.length === 0)
      throw new MachineError('name-not-found', `lookup ${host} on ${resolverOf(from)}:53: no such host`);
    if (addresses.some((address) => this.#isReserved(address)))
      throw new MachineError('forbidden', `Forwarding to IP address ${host} is forbidden.`);
    // The order of RFC 6724: IPv6 first if the caller has an IPv6 address; last the addresses of a family that it
    // does not have.
    return addresses.toSorted((a, b) => preference(a, from) - preference(b, from));
  }

  /** The names of databases and caches, each with the ports on which something listens. */
  services(): readonly { readonly name: string; readonly ports: readonly number[] }[] {
    return [...this.#interfaces.values()].flatMap(({ names, listeners }) =>
      names
        .filter((name) => listeners.size > 0 && name.endsWith('.amazonaws.com'))
        .map((name) => ({ name, ports: [...listeners.keys()] })),
    );
  }

  /** Tries each address in order and fails with the error of the last one. Throws MachineError. */
  async connect(host: string, port: number, from: NetworkPlace): Promise<Socket> {
    let failure: unknown = new MachineError('name-not-found', `no address of ${host}`);
    for (const address of this.resolve(host, from)) {
      try {
        return await this.#dial(address, port, from);
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  /** Ends every connection attempt that still waits for an answer. */
  close(): void {
    for (const end of this.#waiting) end();
  }

  async #dial(address: string, port: number, from: NetworkPlace): Promise<Socket> {
    const own = address === from.privateIp || address === from.ipv6Address || isLoopback(address);
    const target = this.#interfaces.get(own ? from.privateIp : address);
    const where = `dial tcp ${address}:${port}: connect`;
    if (!own) {
      const source = sourceFor(address, from);
      if (source === undefined) throw new MachineError('refused', `${where}: network is unreachable`);
      // An address without an interface sends no answer, and security groups drop packets without one: both look the
      // same.
      const caller = { ...from, privateIp: source };
      const reachable = target !== undefined && this.#options.policy.allows(caller, target, port);
      if (!reachable) return this.#silence(`${where}: connection timed out`);
    }
    const ip = own ? from.privateIp : address;
    const listener = this.#extra.get(`${ip} ${port}`) ?? target?.listeners.get(port);
    if (listener === undefined) throw new MachineError('refused', `${where}: connection refused`);
    return openLoopback(await listener(), where);
  }

  #silence(message: string): Promise<never> {
    return new Promise((_, reject) => {
      const end = (): void => {
        cancel();
        this.#waiting.delete(end);
        reject(new MachineError('timed-out', message));
      };
      const cancel = this.#options.clock.timer(this.#options.blockedTimeoutMs, end);
      this.#waiting.add(end);
    });
  }

  #isReserved(address: string): boolean {
    if (RESERVED_EVERYWHERE.includes(address)) return true;
    const value = ipv4Value(address);
    if (value === undefined) return false;
    return this.#options.vpcs.some((vpc) => {
      const range = ipv4Range(vpc.cidr);
      if (range === undefined) return false;
      const offset = value - range.first;
      return (offset >= 0 && offset < 4) || offset === range.size - 1;
    });
  }
}

/** E.g. `ip-10-0-1-21.eu-west-1.compute.internal`. */
export function privateDnsName(privateIp: string, region: string): string {
  return `ip-${privateIp.replaceAll('.', '-')}.${region}.compute.internal`;
}

/** E.g. `i-0123….eu-west-1.compute.internal`, for an instance without IPv4. */
export const instanceDnsName = (
  { id, privateIp }: { readonly id: string; readonly privateIp: string | undefined },
  region: string,
): string =>
  privateIp === undefined || isIP(privateIp) !== 4
    ? `${id}.${region}.compute.internal`
    : privateDnsName(privateIp, region);

/** The caller's address from which a connection to `address` starts; undefined = it has none of that family. */
const sourceFor = (address: string, { privateIp, ipv6Address }: NetworkPlace): string | undefined =>
  [privateIp, ipv6Address ?? ''].find((own) => isIP(own) === isIP(address));

const preference = (address: string, from: NetworkPlace): number =>
  sourceFor(address, from) === undefined ? 2 : isIP(address) === 6 ? 0 : 1;

/** The address of the VPC's resolver: the base address plus two. All VPCs of the sandbox have a /16 block. */
function resolverOf(from: NetworkPlace): string {
  if (isIP(from.privateIp) === 6) return '[fd00:ec2::253]';
  const [a, b] = from.privateIp.split('.');
  return `${a ?? '10'}.${b ?? '0'}.0.2`;
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}

function ipv4Value(address: string): number | undefined {
  if (isIP(address) !== 4) return undefined;
  return address.split('.').reduce((value, part) => value * 256 + Number(part), 0);
}

function openLoopback(port: number, where: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectSocket({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true });
    const onError = (): void => reject(new MachineError('refused', `${where}: connection refused`));
    socket.once('error', onError);
    socket.once('connect', () => {
      socket.off('error', onError);
      resolve(socket);
    });
  });
}
