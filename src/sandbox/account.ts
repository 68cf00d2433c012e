import type { Clock } from '../core/clock.ts';
import type { AgentChallenge } from './agent/agent.ts';
import type { AccessKeys } from './iam/access-keys.ts';
import { AccessController } from './iam/access-control.ts';
import { verifyUpgrade } from './sigv4.ts';
import type { Operations, SandboxService, ServiceName, Timing } from './contracts.ts';
import type { Seed, SeedDatabase } from './seed-shapes.ts';
import { createGateway, type Gateway } from './gateway/gateway.ts';
import { type RandomBytes, ResourceIds } from './random.ts';
import { imageParameter, REGIONS } from './services/ec2/ec2-catalog.ts';
import { Ec2Market } from './services/ec2/ec2-market.ts';
import { createEc2Service, type Ec2Service } from './services/ec2/ec2.ts';
import { createEcsService } from './services/ecs/ecs.ts';
import { createIamService, type IamService } from './services/iam/iam.ts';
import { createKmsService } from './services/kms/kms.ts';
import { createRdsService, databaseResourceId } from './services/rds/rds.ts';
import { createSsmService } from './services/ssm/ssm.ts';
import { createStsService } from './services/sts/sts.ts';
import { tokenSigner } from './world/database-token.ts';
import { LogStore } from './world/log-store.ts';
import { createWorld, type World, type WorldOptions } from './world/world.ts';

/** One AWS account: every service over one world, wired to each other. */

export interface AccountDeps {
  readonly clock: Clock;
  readonly seed: Seed;
  readonly timing: Timing;
  /** Names of resources and decisions about faults; may be seeded. */
  readonly randomBytes: RandomBytes;
  /** Tokens, nonces and keys; never seeded. */
  readonly secretBytes: RandomBytes;
  readonly keys: AccessKeys;
  readonly agentPace: 'fast' | 'official';
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
  readonly iam: IamService;
  readonly market: Ec2Market;
  readonly gateway: Gateway;
  readonly world: World;
  ec2(region: string): Ec2Service;
  /** Undefined for a region that does not exist. */
  operations(service: ServiceName, region: string): Operations | undefined;
  /** Every EC2 that was ever asked; for the seed's region always. */
  eachEc2(): readonly Ec2Service[];
  snapshot(): unknown;
  close(): Promise<void>;
}

export function createAccount(deps: AccountDeps): Account {
  const { clock, seed, timing, randomBytes, secretBytes } = deps;
  const ids = new ResourceIds(randomBytes);
  const iam = createIamService({
    seed,
    clock,
    ids,
    keys: deps.keys,
    profilePropagationMs: timing.profilePropagationMs,
  });
  const access = new AccessController(iam.state, () => clock.now());
  const market = new Ec2Market();
  const regions = new Map<string, Ec2Service>();
  const home = (): Ec2Service => ec2(seed.region);
  // EC2's groups decide what the world lets through, and the world boots what EC2 launches: each asks the other late.
  const network = {
    allows: (...question: Parameters<Ec2Service['network']['allows']>) => home().network.allows(...question),
  };
  /** A token for a database opens it if its signer may `rds-db:connect` as that user. */
  const verifyToken = (database: SeedDatabase, token: string, username: string): boolean => {
    const { accountId, region } = seed;
    const lookup = (id: string) => deps.keys.lookup(id);
    const signer = tokenSigner({ token, database, username, region, now: clock.now(), lookup });
    if (signer === undefined) return false;
    const resource = `arn:aws:rds-db:${region}:${accountId}:dbuser:${databaseResourceId(database)}/${username}`;
    return access.examine(signer, region, [{ action: 'rds-db:connect', resource }]).refused === undefined;
  };
  const databases = { verifyToken, ...deps.world.databases };
  const world = createWorld({ ...deps.world, databases, seed, clock, policy: network });
  const kms = createKmsService({
    accountId: seed.accountId,
    region: seed.region,
    clock,
    randomBytes: secretBytes,
    keyIds: seed.clusters.flatMap((cluster) => cluster.kmsKeyId ?? []),
  });
  const logs = new LogStore(seed);
  const gateway = createGateway({
    clock,
    random: () => (new DataView(Uint8Array.from(randomBytes(4)).buffer).getUint32(0) % 2 ** 24) / 2 ** 24,
    randomBytes: secretBytes,
    timing,
    accountId: seed.accountId,
    region: seed.region,
    access,
    kms,
    logs,
    agentPace: deps.agentPace,
    agentChallenge: deps.agentChallenge,
    ...(deps.agentPayloadSize === undefined ? {} : { agentPayloadSize: deps.agentPayloadSize }),
    faults: deps.gatewayFaults,
    endpoint: () => deps.endpoint(),
    verifyUpgrade: (request) => verifyUpgrade(request, (id) => deps.keys.lookup(id), clock.now()),
  });
  const encryption = deps.demandEncryption ? { demandedKmsKeyId: kms.defaultKeyArn } : {};
  const ecs = createEcsService({
    seed,
    clock,
    randomBytes,
    timing,
    access,
    network,
    sessions: gateway.sessions,
    containers: world.containers,
    onTaskStarted: (containers) => world.taskStarted(containers),
    ...encryption,
  });
  const ssm = createSsmService({
    seed,
    clock,
    randomBytes,
    sessions: gateway.sessions,
    findTask: (target) => ecs.findTarget(target),
    publicParameter: imageParameter,
    ...encryption,
  });
  function ec2(region: string): Ec2Service {
    const known = regions.get(region);
    if (known !== undefined) return known;
    const service = createEc2Service({
      seed,
      region,
      clock,
      ids,
      timing,
      iam: iam.state,
      access,
      market,
      host: world.instances,
      managed: ssm,
      endpoint: () => deps.endpoint(),
    });
    regions.set(region, service);
    return service;
  }
  home();

  const global: Readonly<Record<'iam' | 'sts', SandboxService>> = { iam, sts: createStsService(iam.state) };
  const regional: RegionalServices = { rds: createRdsService(seed), ecs, ssm, kms };
  const foreign = new Map<string, RegionalServices>();
  const servicesIn = (region: string): RegionalServices => {
    if (region === seed.region) return regional;
    const known = foreign.get(region) ?? emptyRegion(region);
    foreign.set(region, known);
    return known;
  };
  /** A region in which nothing was ever made. */
  function emptyRegion(region: string): RegionalServices {
    const empty: Seed = { accountId: seed.accountId, region, ...NOTHING };
    const common = { seed: empty, clock, randomBytes, sessions: gateway.sessions };
    return {
      rds: createRdsService(empty),
      ecs: createEcsService({ ...common, timing, access, network, containers: world.containers }),
      ssm: createSsmService({ ...common, findTask: () => undefined, publicParameter: imageParameter }),
      kms: createKmsService({ accountId: seed.accountId, region, clock, randomBytes: secretBytes }),
    };
  }
  return {
    access,
    logs,
    iam,
    market,
    gateway,
    world,
    ec2,
    eachEc2: () => [...regions.values()],
    operations: (service, region) => {
      if (!REGIONS.includes(region)) return undefined;
      switch (service) {
        case 'ec2':
          return ec2(region).operations;
        case 'iam':
        case 'sts':
          return global[service].operations;
        case 'rds':
        case 'ecs':
        case 'ssm':
        case 'kms':
          return servicesIn(region)[service].operations;
        case 'ssmmessages':
          return undefined;
      }
    },
    snapshot: () => ({
      ec2: Object.fromEntries(
        [...regions]
          .filter(([region, service]) => region === seed.region || !isEmpty(service))
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([region, service]) => [region, service.snapshot()]),
      ),
      iam: iam.snapshot(),
      ...Object.fromEntries(Object.entries(regional).map(([name, service]) => [name, service.snapshot()])),
    }),
    close: async () => {
      await gateway.close();
      const others = [...foreign.values()].flatMap((services) => Object.values(services));
      const all: readonly SandboxService[] = [...regions.values(), ...Object.values(regional), ...others];
      await Promise.all(all.flatMap((service) => service.close?.() ?? []));
      await world.close();
    },
  };
}

type RegionalServices = Readonly<Record<'rds' | 'ecs' | 'ssm' | 'kms', SandboxService>>;

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

/** A region that somebody only looked at is no change. */
function isEmpty(service: Ec2Service): boolean {
  const { state } = service;
  const alive = state.groups.size + state.templates.size + state.interfaces.size + state.volumes.size;
  const instances = [...state.instances.values()].filter((instance) => instance.state !== 'terminated');
  const fleets = [...state.fleets.values()].filter((fleet) => fleet.state !== 'deleted');
  return alive + instances.length + fleets.length === 0;
}
