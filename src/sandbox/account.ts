import { formatArn } from '../core/arn.ts';
import type { Clock } from '../core/clock.ts';
import type { AgentChallenge } from './agent/agent.ts';
import type { AgentTrait } from './agent/agent-traits.ts';
import type { AccessKeys } from './iam/access-keys.ts';
import { AccessController } from './iam/access-control.ts';
import { verifyUpgrade } from './sigv4.ts';
import type { SandboxService, Timing } from './contracts.ts';
import type { Seed, SeedDatabase } from './seed-shapes.ts';
import { createGateway, type Gateway } from './gateway/gateway.ts';
import { type RandomBytes, ResourceIds } from './random.ts';
import { REGIONS } from './services/ec2/ec2-catalog.ts';
import { ec2Description, type Ec2Service } from './services/ec2/ec2.ts';
import { iamDescription, type IamService } from './services/iam/iam.ts';
import { kmsDescription } from './services/kms/kms.ts';
import { logsDescription } from './services/logs/logs.ts';
import { databaseResourceId } from './services/rds/rds.ts';
import type { ServiceDescription } from './services/service-description.ts';
import { ServiceRegistry } from './services/service-registry.ts';
import { hostsOf } from './world/database-endpoints.ts';
import { tokenSigner } from './world/database-token.ts';
import type { LogGroups } from './world/log-groups.ts';
import { LogStore } from './world/log-store.ts';
import { createWorld, type World, type WorldOptions } from './world/world.ts';

/** One AWS account: every service, built over one world and connected to the others. */

export interface AccountDeps {
  readonly services: readonly ServiceDescription[];
  readonly clock: Clock;
  readonly seed: Seed;
  readonly timing: Timing;
  /** Bytes for resource names and for decisions about faults; a test may seed them. */
  readonly randomBytes: RandomBytes;
  /** Bytes for tokens, nonces and keys; never seeded. */
  readonly secretBytes: RandomBytes;
  readonly keys: AccessKeys;
  readonly agentPace: 'fast' | 'official';
  readonly agentWithout: readonly AgentTrait[];
  readonly agentPayloadSize: number | undefined;
  readonly demandEncryption: boolean;
  readonly agentChallenge: AgentChallenge;
  /** `--fault` specs of the gateway. */
  readonly gatewayFaults: readonly string[];
  readonly world: Omit<WorldOptions, 'seed' | 'policy' | 'clock'>;
  endpoint(): string;
}

export interface Account {
  readonly access: AccessController;
  readonly logs: LogStore;
  /** CloudWatch Logs of the seed's region. */
  readonly logGroups: LogGroups;
  readonly iam: IamService;
  readonly gateway: Gateway;
  readonly world: World;
  ec2(region: string): Ec2Service;
  /** Undefined for a region that does not exist. */
  service(description: ServiceDescription, region: string): SandboxService | undefined;
  /** The EC2 services of all regions that were requested so far; the seed's region is always among them. */
  allEc2(): readonly Ec2Service[];
  snapshot(): unknown;
  close(): Promise<void>;
}

export function createAccount(deps: AccountDeps): Account {
  const { clock, seed, timing, randomBytes, secretBytes } = deps;
  const { accountId, region: homeRegion } = seed;
  const ids = new ResourceIds(randomBytes);
  const registry = new ServiceRegistry({
    services: deps.services,
    homeRegion,
    contextOf: (description, region) => ({
      seed: region === homeRegion ? seed : { ...NOTHING, accountId, region },
      region,
      accountId,
      clock,
      timing,
      randomBytes,
      secretBytes,
      ids,
      keys: deps.keys,
      services: deps.services,
      // These are getters because the parts are made below. IAM and KMS, which are made first, use none of them.
      get access() {
        return access;
      },
      get gateway() {
        return gateway;
      },
      get world() {
        return world;
      },
      network: {
        allows: (...question) => registry.get(ec2Description, region).network.allows(...question),
      },
      demandEncryption: deps.demandEncryption,
      endpoint: () => deps.endpoint(),
      arn: (resource) => formatArn({ service: description.name, region, account: accountId, resource }),
      peer: (other) => registry.get(other, region),
    }),
  });
  const iam = registry.get(iamDescription, homeRegion);
  const access = new AccessController(iam.state, () => clock.now());
  /** A database accepts an IAM token if the token's signer is allowed `rds-db:connect` as that user. */
  const verifyToken = (database: SeedDatabase, token: string, username: string): boolean => {
    const lookup = (id: string) => deps.keys.lookup(id);
    const { port } = database;
    const hosts = hostsOf(database, seed);
    const signer = tokenSigner({
      token,
      hosts,
      port,
      username,
      region: homeRegion,
      now: clock.now(),
      lookup,
    });
    if (signer === undefined) return false;
    const resource = formatArn({
      service: 'rds-db',
      region: homeRegion,
      account: accountId,
      resource: `dbuser:${databaseResourceId(database)}/${username}`,
    });
    return access.examine(signer, homeRegion, [{ action: 'rds-db:connect', resource }]).refused === undefined;
  };
  const ec2 = (region: string): Ec2Service => registry.get(ec2Description, region);
  const world: World = createWorld({
    ...deps.world,
    databases: { verifyToken, ...deps.world.databases },
    seed,
    clock,
    policy: { allows: (...question) => ec2(homeRegion).network.allows(...question) },
  });
  const logGroups = registry.get(logsDescription, homeRegion).groups;
  const logs = new LogStore(seed, logGroups);
  const gateway: Gateway = createGateway({
    clock,
    random: () => (new DataView(Uint8Array.from(randomBytes(4)).buffer).getUint32(0) % 2 ** 24) / 2 ** 24,
    randomBytes: secretBytes,
    timing,
    accountId,
    region: homeRegion,
    access,
    kms: registry.get(kmsDescription, homeRegion),
    logs,
    agentPace: deps.agentPace,
    agentWithout: deps.agentWithout,
    agentChallenge: deps.agentChallenge,
    ...(deps.agentPayloadSize === undefined ? {} : { agentPayloadSize: deps.agentPayloadSize }),
    faults: deps.gatewayFaults,
    endpoint: () => deps.endpoint(),
    verifyUpgrade: (request) => verifyUpgrade(request, (id) => deps.keys.lookup(id), clock.now()),
  });
  // The seed's own resources exist from the start, whichever service is called first.
  for (const description of deps.services) registry.get(description, homeRegion);
  return {
    access,
    logs,
    logGroups,
    iam,
    gateway,
    world,
    ec2,
    allEc2: () => registry.all(ec2Description),
    service: (description, region) =>
      REGIONS.includes(region) ? registry.get(description, region) : undefined,
    snapshot: () => registry.snapshot(),
    close: async () => {
      await gateway.close();
      await registry.close();
      await world.close();
    },
  };
}

/** The contents of a region in which nothing was ever created. */
const NOTHING = {
  vpcs: [],
  subnets: [],
  securityGroups: [],
  endpoints: [],
  roles: [],
  clusters: [],
  taskDefinitions: [],
  services: [],
  databases: [],
};
