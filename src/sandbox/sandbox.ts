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
  /** 0 or absent = any free one. */
  readonly port?: number;
  readonly seed?: Seed;
  /** Makes resource names and injected faults repeatable; credentials are random all the same. */
  readonly randomSeed?: number;
  readonly timing?: Partial<Timing>;
  /** `official` reproduces the real agent's waits. */
  readonly agentPace?: 'fast' | 'official';
  /** Traits of the official agent that this one does without; it has all of them unless given. */
  readonly agentWithout?: readonly AgentTrait[];
  /** Bytes of payload per message of the agent; 1024, as the official one, unless given. */
  readonly agentPayloadSize?: number;
  /** `--fault` specs, see fault-specs.ts. */
  readonly faults?: readonly string[];
  /** Every shell and command session is encrypted with KMS. */
  readonly demandEncryption?: boolean;
  /** The random challenge in an agent's demand for a data key; `offered` unless given. */
  readonly agentChallenge?: AgentChallenge;
  readonly clock?: Clock;
  /** Keeps the programs of containers apart from this machine, where that works; see `Sandbox.isConfined`. */
  readonly confine?: boolean;
  /** Every API call takes at least that long. */
  readonly latencyMs?: number;
  /** API calls a second, for each service and region, before they are refused; see `ApiRate`. */
  readonly callsPerSecond?: number;
  /** Every service of the sandbox unless given. */
  readonly services?: readonly ServiceDescription[];
  readonly machines?: Pick<WorldOptions, 'bootDelayMs' | 'timeScale' | 'blockedTimeoutMs' | 'hostPath'>;
}

/** What goes wrong, changed while the sandbox runs. */
export interface FaultControl {
  /** Of API calls. */
  inject(fault: ApiFault): void;
  /** Disarms all that `inject` armed, clears boot faults, the market and EC2's lag. */
  clear(): void;
  /** Capacity, prices, quotas and interruptions per pool. */
  readonly market: Ec2Market;
  /** Of sessions: what happens between client and agent. */
  readonly sessions: GatewayFaults;
  /** Of user data; asked for at each boot. */
  readonly boot: Set<BootFault>;
  /** EC2's describes and look-ups do not see what is younger. */
  setEc2LagMs(ms: number): void;
  /** As EC2 does with each fleet some days after its end: describes name it no more, DescribeTags still does. */
  forgetFleets(): void;
  /** As in an account that never used Spot. */
  removeSpotServiceLinkedRole(): void;
  /** False if no running spot instance has the id. */
  interruptSpotInstance(instanceId: string): boolean;
}

/** The embedded AWS while it runs. */
export interface Sandbox {
  /** `http://127.0.0.1:PORT` */
  readonly endpoint: string;
  /** What a client needs in its environment: endpoint, region, credentials of a user who may do everything. */
  readonly env: Readonly<Record<string, string>>;
  /** The programs of containers run in namespaces of their own. */
  readonly isConfined: boolean;
  readonly calls: readonly LoggedCall[];
  /** Canonical JSON of everything that lives or bills; equal before and after means nothing was left behind. */
  snapshot(): string;
  /** A user with exactly these policies; the answer is the environment of that user. */
  createPrincipal(options: {
    readonly userName: string;
    readonly policies: readonly unknown[];
    readonly boundary?: unknown;
    /** Of an organisation that the account is a member of. */
    readonly serviceControlPolicies?: readonly unknown[];
    /** Temporary credentials that live this long, 0 = expired already; absent = a long-term access key. */
    readonly sessionMs?: number;
  }): Readonly<Record<string, string>>;
  readonly faults: FaultControl;
  /** Starts a database's engine ahead of its first connection: PostgreSQL's first start takes seconds. */
  warmUpDatabase(id: string): Promise<void>;
  /**
   * Lets a program that listens on 127.0.0.1:`loopbackPort` answer for `privateIp`:`port` of the VPC, ahead of whatever
   * answers there; security groups still apply. The returned function ends it.
   */
  listen(privateIp: string, port: number, loopbackPort: number): () => void;
  /** What clients sent to agents over all sessions so far. */
  sessionTraffic(): SessionTraffic;
  /** Transcripts of sessions, as CloudWatch Logs and S3 hold them. */
  readonly sessionLogs: Pick<LogStore, 'streams' | 'objects'>;
  /** CloudWatch Logs of the seed's region: tests write to it what arrives late. */
  readonly logs: LogGroups;
  /** Ends sessions, machines and databases. Idempotent. */
  close(): Promise<void>;
}

const ADMINISTRATOR = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] };

/** Rejects if the port is taken, and with usage `bad-fault` for a fault spec that nobody understands. */
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
    close: () => {
      closing ??= front.close().then(() => account.close());
      return closing;
    },
  };
}

function faultControl(
  account: Account,
  apiFaults: ApiFaults,
  boot: Set<BootFault>,
  homeRegion: string,
): FaultControl {
  const setEc2LagMs = (ms: number): void => {
    for (const ec2 of account.eachEc2()) ec2.state.consistencyMs = ms;
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
      for (const ec2 of account.eachEc2())
        for (const fleet of ec2.state.fleets.values()) fleet.forgotten = true;
    },
    removeSpotServiceLinkedRole: () => account.iam.state.roles.delete('AWSServiceRoleForEC2Spot'),
    interruptSpotInstance: (instanceId) => account.ec2(homeRegion).interrupt(instanceId),
  };
}
