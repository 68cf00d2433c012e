import { nameOfArn } from '../../core/arn.ts';
import { type Clock, systemClock } from '../../core/clock.ts';
import type {
  ContainerHost,
  ContainerMachine,
  ContainerLaunch,
  InstanceHost,
  InstanceLaunch,
  NetworkPolicy,
} from '../contracts.ts';
import type { Seed, SeedDatabase, SeedDatabaseProxy, SeedSubnet } from '../seed-shapes.ts';
import { createContainerMachine } from '../machines/container-machine.ts';
import type { Confinement } from '../machines/confinement.ts';
import { createInstanceHost, type SandboxInstanceHost } from '../machines/instance-host.ts';
import { findProgram, removeAbandonedDirectories } from '../machines/machine-root.ts';
import type { HostTools } from '../machines/stand-ins/aws-cli.ts';
import type { BootFault } from '../machines/stand-ins/package-tools.ts';
import { namesOf as cacheNames } from './cache-endpoints.ts';
import { CacheServer } from './cache-server.ts';
import { createContainerService } from './container-service.ts';
import { createDatabases, type Databases, type DatabasesOptions } from './databases.ts';
import { type CertificateAuthority, createCertificateAuthority } from './certificates.ts';
import { SearchServer } from './search-server.ts';
import { addressesOf } from './database-endpoints.ts';
import { type Listener, VpcNetwork } from './vpc-network.ts';

export interface WorldOptions {
  readonly seed: Seed;
  readonly policy: NetworkPolicy;
  readonly clock?: Clock;
  /** How long a dropped connection gets no answer; 1500 unless given (a real kernel: two minutes). */
  readonly blockedTimeoutMs?: number;
  /** See `InstanceHostOptions`. */
  readonly bootDelayMs?: number;
  readonly timeScale?: number;
  readonly bootFaults?: () => ReadonlySet<BootFault>;
  /** Boots instances; without it they run their real user data (`createInstanceHost`). */
  readonly instanceHost?: SandboxInstanceHost;
  /** Isolates the programs of containers from this machine. */
  readonly confinement?: Confinement | undefined;
  readonly databases?: Omit<DatabasesOptions, 'clock'>;
  /**
   * The user's PATH, searched for the official `aws` and `session-manager-plugin`; empty = use the built-in
   * stand-ins.
   */
  readonly hostPath?: string;
}

/** The parts behind the API that really run: machines, databases, and the network between them. */
export interface World {
  readonly network: VpcNetwork;
  readonly databases: Databases;
  /** Signs the certificates of the databases. */
  readonly authority: CertificateAuthority;
  readonly containers: ContainerHost;
  readonly instances: SandboxInstanceHost;
  /**
   * Called when the containers of a task start: from then on the task's address answers on their ports, and so does
   * the name of its service (`SERVICE.CLUSTER.local`, `SERVICE.CLUSTER`). The returned function ends that.
   */
  taskStarted(containers: readonly ContainerLaunch[]): () => void;
  close(): Promise<void>;
}

/**
 * Builds the world of a seed and starts none of it: engines, ports and processes start when they are first needed.
 */
export function createWorld(options: WorldOptions): World {
  const { seed } = options;
  const clock = options.clock ?? systemClock;
  const sweeping = removeAbandonedDirectories();
  const authority = createCertificateAuthority('Sandbox RDS CA', clock.now());
  const databases = createDatabases(seed, { ...options.databases, clock, authority });
  const network = new VpcNetwork({
    vpcs: seed.vpcs,
    region: seed.region,
    policy: options.policy,
    clock,
    blockedTimeoutMs: options.blockedTimeoutMs ?? 1500,
  });
  for (const database of seed.databases) attachDatabase(network, database, () => databases.port(database.id));
  for (const proxy of seed.proxies ?? []) attachProxy(network, proxy, seed, databases);
  const caches = (seed.caches ?? []).map((cache) => {
    const { engineVersion: version, authToken } = cache;
    const server = new CacheServer({ version, authToken, now: () => clock.now() });
    network.attach({
      privateIp: cache.privateIp,
      securityGroupIds: cache.securityGroupIds,
      names: cacheNames(cache),
      listeners: new Map([[cache.port, () => server.port()]]),
    });
    return server;
  });

  const searchServers = (seed.searchDomains ?? []).map((domain) => {
    const server = new SearchServer(domain, authority, clock);
    network.attach({
      privateIp: domain.privateIp,
      securityGroupIds: domain.securityGroupIds,
      names: [domain.host],
      listeners: new Map([[443, () => server.port()]]),
    });
    return server;
  });

  const services = new Set<ReturnType<typeof createContainerService>>();
  const machines = new Set<ContainerMachine>();
  const host =
    options.instanceHost ??
    createInstanceHost({
      network,
      clock,
      place: (subnetId) => placeOf(seed, subnetId),
      node: process.execPath,
      tools: hostTools(options.hostPath ?? process.env['PATH'] ?? ''),
      ...(options.bootFaults === undefined ? {} : { bootFaults: options.bootFaults }),
      bootDelayMs: options.bootDelayMs ?? 0,
      timeScale: options.timeScale ?? 1,
    });

  return {
    network,
    databases,
    authority,
    containers: (launch) => {
      const machine = createContainerMachine(launch, network, options.confinement);
      machines.add(machine);
      return {
        ...machine,
        stop: async () => {
          machines.delete(machine);
          await machine.stop();
        },
      };
    },
    instances: attachedInstances(host, network),
    taskStarted(containers) {
      const [first] = containers;
      if (first === undefined) return () => undefined;
      const started = containers.flatMap((launch) =>
        launch.container.ports.map((port) => ({
          port,
          service: createContainerService(identityOf(launch, port), launch.log),
        })),
      );
      for (const { service } of started) services.add(service);
      const listeners = new Map<number, Listener>();
      for (const { port, service } of started)
        if (!listeners.has(port)) listeners.set(port, service.listener);
      const detach = network.attach({
        privateIp: first.privateIp,
        securityGroupIds: first.securityGroupIds,
        names: namesOf(first),
        listeners,
      });
      return () => {
        detach();
        for (const { service } of started) {
          services.delete(service);
          void service.close();
        }
      };
    },
    async close() {
      network.close();
      await Promise.all([
        host.close(),
        ...[...machines].map((machine) => machine.stop()),
        ...[...services].map((service) => service.close()),
        ...caches.map((cache) => cache.close()),
        ...searchServers.map((server) => server.close()),
      ]);
      await databases.close();
      await sweeping;
    },
  };
}

function attachDatabase(network: VpcNetwork, database: SeedDatabase, listener: Listener): void {
  const { securityGroupIds, port, ipv6Address, host } = database;
  const listeners = new Map([[port, listener]]);
  for (const { privateIp, names } of addressesOf(database))
    network.attach({ privateIp, securityGroupIds, names, listeners });
  if (ipv6Address !== undefined)
    network.attach({ privateIp: ipv6Address, securityGroupIds, names: [host], listeners });
}

/** A proxy passes every connection to its database; it does not pool connections. */
function attachProxy(network: VpcNetwork, proxy: SeedDatabaseProxy, seed: Seed, databases: Databases): void {
  const port = seed.databases.find(({ id }) => id === proxy.databaseId)?.port;
  if (port === undefined) throw new Error(`seed: no database ${proxy.databaseId} for proxy ${proxy.name}`);
  for (const { host, privateIp } of [proxy, ...(proxy.endpoints ?? [])])
    network.attach({
      privateIp,
      securityGroupIds: proxy.securityGroupIds,
      names: [host],
      listeners: new Map([[port, () => databases.port(proxy.databaseId)]]),
    });
}

/** An instance has an address from its start to its end; no program listens on it. */
function attachedInstances(host: SandboxInstanceHost, network: VpcNetwork): SandboxInstanceHost {
  const boot: InstanceHost['boot'] = async (launch: InstanceLaunch) => {
    const detach = network.attach({ ...launch, names: [], listeners: new Map() });
    launch.signal?.addEventListener('abort', detach, { once: true });
    const booted = await host.boot(launch);
    return {
      ...booted,
      stop: async () => {
        detach();
        await booted.stop();
      },
    };
  };
  return { ...host, boot };
}

function identityOf(launch: ContainerLaunch, port: number): Parameters<typeof createContainerService>[0] {
  return {
    cluster: launch.cluster,
    service: launch.service,
    task: nameOfArn(launch.taskArn),
    container: launch.container.name,
    port,
  };
}

function namesOf({ service, cluster }: ContainerLaunch): readonly string[] {
  return service === undefined ? [] : [`${service}.${cluster}.local`, `${service}.${cluster}`];
}

function placeOf(seed: Seed, subnetId: string): { readonly zone: string; readonly internet: boolean } {
  const subnet = seed.subnets.find((candidate) => candidate.id === subnetId);
  return {
    zone: subnet?.zone ?? `${seed.region}a`,
    internet: subnet === undefined || reachesDownloads(seed, subnet),
  };
}

/** The hosts of downloads at boot have IPv4 addresses only. */
function reachesDownloads(seed: Seed, { vpcId, route, ipv6 }: SeedSubnet): boolean {
  if (ipv6?.dns64 === true && ipv6.nat64 === true) return true;
  if (ipv6?.only === true) return false;
  // `s3.amazonaws.com` is S3 of us-east-1; the S3 endpoints of other regions do not route its addresses.
  const carried = seed.region === 'us-east-1';
  return (
    route !== 'none' ||
    (carried && seed.endpoints.some((item) => item.vpcId === vpcId && item.service === 's3'))
  );
}

function hostTools(path: string): HostTools {
  const directories = path.split(':').filter(Boolean);
  const aws = findProgram('aws', directories, '/');
  const sessionManagerPlugin = findProgram('session-manager-plugin', directories, '/');
  return {
    ...(aws === undefined ? {} : { aws }),
    ...(sessionManagerPlugin === undefined ? {} : { sessionManagerPlugin }),
  };
}
