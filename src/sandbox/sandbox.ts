import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, systemClock } from '../core/clock.ts';
import { type Account, createAccount } from './account.ts';
import type { AgentChallenge } from './agent/agent.ts';
import type { AgentTrait } from './agent/agent-traits.ts';
import { type ApiFault, ApiFaults } from './api-faults.ts';
import { ApiRate } from './api-rate.ts';
import { CallLog, type LoggedCall } from './call-log.ts';
import type { Timing } from './contracts.ts';
import type { Seed } from './seed-shapes.ts';
import { parseFaultSpecs } from './fault-specs.ts';
import type { GatewayFaults } from './gateway/faults.ts';
import type { SessionTraffic } from './gateway/session-traffic.ts';
import { startHttpFront } from './http-front.ts';
import { AccessKeys } from './iam/access-keys.ts';
import { findConfinement } from './machines/confinement.ts';
import { temporaryPrefix } from './machines/machine-root.ts';
import type { BootFault } from './machines/stand-ins/package-tools.ts';
import { pooledRandomBytes, ResourceIds, seededRandomBytes, systemRandomBytes } from './random.ts';
import type { Ec2Market } from './services/ec2/ec2-market.ts';
import { SERVICES } from './services/catalogue.ts';
import type { ServiceDescription } from './services/service-description.ts';
import { defaultTiming } from './timing.ts';
import { defaultSeed } from './world/seed.ts';
import type { LogGroups } from './world/log-groups.ts';
import type { LogStore } from './world/log-store.ts';
import type { WorldOptions } from './world/world.ts';

export interface SandboxOptions {
  /** 0 or absent = any free port. */
  readonly port?: number;
  readonly seed?: Seed;
  /** Makes resource names and injected faults repeatable; credentials are random in any case. */
  readonly randomSeed?: number;
  readonly timing?: Partial<Timing>;
  /** `official` reproduces the delays of the real agent. */
  readonly agentPace?: 'fast' | 'official';
  /** Traits of the official agent that the sandbox's agent shall not have; without this option it has all of them. */
  readonly agentWithout?: readonly AgentTrait[];
  /** Bytes of payload per agent message; 1024 unless given, as in the official agent. */
  readonly agentPayloadSize?: number;
  /** `--fault` specs, see fault-specs.ts. */
  readonly faults?: readonly string[];
  /** Every shell and command session is encrypted with KMS. */
  readonly demandEncryption?: boolean;
  /** Whether the agent's request for a data key contains a random challenge; `offered` unless given. */
  readonly agentChallenge?: AgentChallenge;
  readonly clock?: Clock;
  /** Isolates the programs of containers from this machine, where that is possible; see `Sandbox.isConfined`. */
  readonly confine?: boolean;
  /** Every API call takes at least this many ms. */
  readonly latencyMs?: number;
  /** API calls per second, for each service and region, above which calls are refused; see `ApiRate`. */
  readonly callsPerSecond?: number;
  /** The services of the account; all services of the sandbox unless given. */
  readonly services?: readonly ServiceDescription[];
  readonly machines?: Pick<
    WorldOptions,
    'bootDelayMs' | 'timeScale' | 'blockedTimeoutMs' | 'hostPath' | 'instanceHost'
  >;
}

/** Faults that can be changed while the sandbox runs. */
export interface FaultControl {
  /** Injects a fault into API calls. */
  inject(fault: ApiFault): void;
  /** Removes all faults that `inject` added; clears boot faults, the market and EC2's lag. */
  clear(): void;
  /** Capacity, prices, quotas and interruptions per pool. */
  readonly market: Ec2Market;
  /** Faults of sessions, between client and agent. */
  readonly sessions: GatewayFaults;
  /** Faults of the user data; read at each boot. */
  readonly boot: Set<BootFault>;
  /** EC2's describe calls and look-ups do not see resources younger than this. */
  setEc2LagMs(ms: number): void;
  /**
   * EC2 does this to each fleet some days after its end: describe calls no longer return it, DescribeTags still does.
   */
  forgetFleets(): void;
  /** Makes the account one that has never used Spot. */
  removeSpotServiceLinkedRole(): void;
  /** Starts the interruption of a spot instance; returns false if no running spot instance has the id. */
  interruptSpotInstance(instanceId: string): boolean;
}

/** The running embedded AWS. */
export interface Sandbox {
  /** `http://127.0.0.1:PORT` */
  readonly endpoint: string;
  /**
   * The variables that a client needs in its environment: endpoint, region, and credentials of a user who is allowed
   * everything.
   */
  readonly env: Readonly<Record<string, string>>;
  /** Whether the programs of containers run in namespaces of their own. */
  readonly isConfined: boolean;
  readonly calls: readonly LoggedCall[];
  /**
   * Canonical JSON of every resource that exists or costs money; if it is equal before and after, no resource was
   * left behind.
   */
  snapshot(): string;
  /** Creates a user with exactly these policies and returns that user's environment. */
  createPrincipal(options: {
    readonly userName: string;
    readonly policies: readonly unknown[];
    readonly boundary?: unknown;
    /** Service control policies of the organisation that the account belongs to. */
    readonly serviceControlPolicies?: readonly unknown[];
    /** Lifetime of temporary credentials, 0 = already expired; absent = a long-term access key. */
    readonly sessionMs?: number;
  }): Readonly<Record<string, string>>;
  readonly faults: FaultControl;
  /** Starts a database's engine before its first connection, because the first start of PostgreSQL takes seconds. */
  warmUpDatabase(id: string): Promise<void>;
  /**
   * Lets a program that listens on 127.0.0.1:`loopbackPort` answer for `privateIp`:`port` of the VPC. It takes
   * precedence over any other listener there; security groups still apply. The returned function ends it.
   */
  listen(privateIp: string, port: number, loopbackPort: number): () => void;
  /**
   * Adds a host of the VPC that belongs to no service of AWS, with the names that the VPC's resolver knows for it and,
   * for each port, the port of 127.0.0.1 on which a program answers. Its security groups admit everything. The returned
   * function removes it.
   */
  addHost(host: {
    readonly privateIp: string;
    readonly names: readonly string[];
    readonly ports: Readonly<Record<number, number>>;
  }): () => void;
  /** Counts of what clients sent to agents over all sessions so far. */
  sessionTraffic(): SessionTraffic;
  /** Transcripts of sessions, as CloudWatch Logs and S3 hold them. */
  readonly sessionLogs: Pick<LogStore, 'streams' | 'objects'>;
  /** CloudWatch Logs of the seed's region; tests use it to write events that become visible late. */
  readonly logs: LogGroups;
  /** Ends sessions, machines and databases. A second call has no effect. */
  close(): Promise<void>;
}

const ADMINISTRATOR = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] };

/** Rejects if the port is taken, and with usage `bad-fault` for a fault spec that cannot be parsed. */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const specs = parseFaultSpecs(options.faults ?? []);
  const clock = options.clock ?? systemClock;
  const seed = options.seed ?? defaultSeed();
  const timing: Timing = { ...defaultTiming, ...options.timing };
  const randomBytes =
    options.randomSeed === undefined ? pooledRandomBytes() : seededRandomBytes(options.randomSeed);
  const keys = new AccessKeys(systemRandomBytes);
  const bootFaults = new Set(specs.boot);
  let endpoint = '';
  const services = options.services ?? SERVICES;
  const confinement = options.confine === true ? await findConfinement() : undefined;
  const account = createAccount({
    services,
    clock,
    seed,
    timing,
    randomBytes,
    secretBytes: systemRandomBytes,
    keys,
    agentPace: options.agentPace ?? 'fast',
    agentWithout: options.agentWithout ?? [],
    agentPayloadSize: options.agentPayloadSize,
    demandEncryption: options.demandEncryption ?? false,
    agentChallenge: options.agentChallenge ?? 'offered',
    gatewayFaults: specs.gateway,
    world: { ...options.machines, confinement, bootFaults: () => bootFaults },
    endpoint: () => endpoint,
  });
  const { market } = account.ec2(seed.region);
  const apiFaults = new ApiFaults();
  for (const fault of specs.api) apiFaults.inject(fault);
  for (const { pool, code } of specs.capacity) market.refuse(pool, code);
  for (const { pool, price } of specs.prices) market.setPrice(pool, price);
  market.setQuota(specs.quota);
  for (const { pool, afterMs } of specs.interruptions) market.interrupt(pool, afterMs);
  const faults = faultControl(account, apiFaults, bootFaults, seed.region);
  if (specs.noSpotRole) faults.removeSpotServiceLinkedRole();
  faults.setEc2LagMs(specs.consistencyMs);
  const calls = new CallLog();
  const ids = new ResourceIds(systemRandomBytes);
  const snapshot = (): string => JSON.stringify(account.snapshot(), null, 2);
  const front = await startHttpFront(
    {
      clock,
      requestDeadlineMs: timing.requestDeadlineMs,
      access: account.access,
      faults: apiFaults,
      rate:
        options.callsPerSecond === undefined
          ? undefined
          : new ApiRate(options.callsPerSecond, () => clock.now()),
      latencyMs: options.latencyMs ?? 0,
      calls,
      requestId: () => ids.uuid(),
      lookupKey: (accessKeyId) => keys.lookup(accessKeyId),
      services,
      service: (description, region) => account.service(description, region),
      gateway: account.gateway,
      snapshot,
    },
    options.port ?? 0,
  );
  endpoint = `http://127.0.0.1:${front.port}`;
  const authority = await authorityFile(account.world.authority.certificate);
  const createPrincipal: Sandbox['createPrincipal'] = ({
    userName,
    policies,
    boundary,
    serviceControlPolicies,
    sessionMs,
  }) => {
    const { principal } = account.iam.state.addUser(userName, policies, boundary, serviceControlPolicies);
    const session =
      sessionMs === undefined ? undefined : keys.issueSession(principal, clock.now() + sessionMs);
    const key = session ?? keys.issue(principal);
    return {
      AWS_ENDPOINT_URL: endpoint,
      AWS_ACCESS_KEY_ID: key.accessKeyId,
      AWS_SECRET_ACCESS_KEY: key.secretAccessKey,
      ...(session === undefined ? {} : { AWS_SESSION_TOKEN: session.sessionToken }),
      AWS_REGION: seed.region,
      AWS_DEFAULT_REGION: seed.region,
      AWS_EC2_METADATA_DISABLED: 'true',
      FARGATE_CONNECT_DATABASE_CA: authority.path,
    };
  };
  let closing: Promise<void> | undefined;
  return {
    endpoint,
    env: createPrincipal({ userName: 'developer', policies: [ADMINISTRATOR] }),
    isConfined: confinement !== undefined,
    get calls() {
      return calls.calls;
    },
    snapshot,
    createPrincipal,
    faults,
    warmUpDatabase: (id) => account.world.databases.warmUp(id),
    sessionLogs: account.logs,
    logs: account.logGroups,
    sessionTraffic: () => account.gateway.traffic,
    listen: (privateIp, port, loopbackPort) => account.world.network.listen(privateIp, port, loopbackPort),
    addHost: ({ privateIp, names, ports }) =>
      account.world.network.attach({
        privateIp,
        names,
        securityGroupIds: [],
        listeners: new Map(
          Object.entries(ports).map(([port, loopbackPort]) => [
            Number(port),
            () => Promise.resolve(loopbackPort),
          ]),
        ),
      }),
    close: () => {
      closing ??= front
        .close()
        .then(() => account.close())
        .then(() => authority.remove());
      return closing;
    },
  };
}

/** The certificate of the authority that signs those of the databases, as a file for the clients of the databases. */
async function authorityFile(
  certificate: string,
): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const directory = await mkdtemp(temporaryPrefix('authority'));
  const path = join(directory, 'database-ca.pem');
  await writeFile(path, certificate);
  return { path, remove: () => rm(directory, { recursive: true, force: true }) };
}

function faultControl(
  account: Account,
  apiFaults: ApiFaults,
  boot: Set<BootFault>,
  homeRegion: string,
): FaultControl {
  const setEc2LagMs = (ms: number): void => {
    for (const ec2 of account.allEc2()) ec2.state.consistencyMs = ms;
  };
  return {
    inject: (fault) => apiFaults.inject(fault),
    clear: () => {
      apiFaults.clear();
      boot.clear();
      account.ec2(homeRegion).market.reset();
      setEc2LagMs(0);
    },
    market: account.ec2(homeRegion).market,
    sessions: account.gateway.faults,
    boot,
    setEc2LagMs,
    forgetFleets: () => {
      for (const ec2 of account.allEc2())
        for (const fleet of ec2.state.fleets.values()) fleet.forgotten = true;
    },
    removeSpotServiceLinkedRole: () => account.iam.state.roles.delete('AWSServiceRoleForEC2Spot'),
    interruptSpotInstance: (instanceId) => account.ec2(homeRegion).interrupt(instanceId),
  };
}
