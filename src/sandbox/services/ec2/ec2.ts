import type { Clock } from '../../../core/clock.ts';
import type { NetworkPolicy, SandboxService } from '../../contracts.ts';
import type { Seed } from '../../seed-shapes.ts';
import type { AccessController } from '../../iam/access-control.ts';
import type { ResourceIds } from '../../random.ts';
import { fleetOperations } from './ec2-fleets.ts';
import { createLaunchIam, passRoleChecks } from './ec2-iam.ts';
import { createLaunchKms } from './ec2-kms.ts';
import { instanceOperations } from './ec2-instances.ts';
import { launchTemplateOperations } from './ec2-launch-templates.ts';
import { Ec2Lifecycle, type LifecycleDeps } from './ec2-lifecycle.ts';
import { Ec2Market } from './ec2-market.ts';
import { networkOperations } from './ec2-network.ts';
import { routeOperations } from './ec2-routes.ts';
import { offerOperations } from './ec2-offers.ts';
import { createNetworkPolicy } from './ec2-reachability.ts';
import { securityGroupOperations } from './ec2-security-groups.ts';
import { seedNetwork } from './ec2-seed.ts';
import { snapshotOf } from './ec2-snapshot.ts';
import { spotRequestOperations } from './ec2-spot-requests.ts';
import { Ec2State } from './ec2-state.ts';
import { tagOperations } from './ec2-tags.ts';
import { Idempotency } from '../idempotency.ts';
import { networkAclOperations } from './ec2-network-acls.ts';
import { iamDescription } from '../iam/iam.ts';
import type { IamState } from '../iam/iam-state.ts';
import { kmsDescription, type KmsService } from '../kms/kms.ts';
import type { ServiceDescription } from '../service-description.ts';
import { ssmDescription } from '../ssm/ssm.ts';
import { ec2NotFoundYet } from './ec2-consistency.ts';

export interface Ec2Deps extends Omit<LifecycleDeps, 'access'> {
  readonly seed: Seed;
  readonly region: string;
  readonly clock: Clock;
  readonly ids: ResourceIds;
  readonly iam: IamState;
  readonly kms: KmsService;
  readonly access: AccessController;
  readonly market: Ec2Market;
}

export interface Ec2Service extends SandboxService {
  readonly state: Ec2State;
  readonly network: NetworkPolicy;
  readonly market: Ec2Market;
  /** Starts the interruption of a running spot instance; returns false if there is none with that id. */
  interrupt(instanceId: string): boolean;
}

/** EC2 of one region. The seed's network is in the seed's region; every other region is empty. */
function createEc2Service(deps: Ec2Deps): Ec2Service {
  const { seed, region, market } = deps;
  const state = new Ec2State({ accountId: seed.accountId, region, clock: deps.clock, ids: deps.ids });
  if (region === seed.region) seedNetwork(state, seed);
  const lifecycle = new Ec2Lifecycle(state, deps);
  const idempotency = new Idempotency();
  const launching = {
    state,
    market,
    lifecycle,
    iam: createLaunchIam(deps.iam, deps.access, region),
    kms: createLaunchKms(deps.kms, deps.iam, deps.access, region),
    takenAddresses: takenAddresses(seed),
    idempotency,
    passRoleChecks: (plans: Parameters<typeof passRoleChecks>[1]) => passRoleChecks(deps.iam, plans),
  };
  return {
    state,
    market,
    network: createNetworkPolicy(state),
    operations: {
      ...networkOperations(state),
      ...routeOperations(state),
      ...networkAclOperations(state),
      ...securityGroupOperations(state),
      ...offerOperations(state, market),
      ...launchTemplateOperations(state, idempotency),
      ...fleetOperations(launching),
      ...instanceOperations(launching),
      ...spotRequestOperations(launching),
      ...tagOperations(state),
    },
    snapshot: () => snapshotOf(state),
    withStaleReads: (work) => state.withStaleReads(work),
    interrupt: (instanceId) => {
      const instance = state.instances.get(instanceId);
      if (instance?.state !== 'running' || instance.spotRequestId === undefined) return false;
      lifecycle.interrupt(instance);
      return true;
    },
    close: () => lifecycle.close(),
  };
}

export const ec2Description: ServiceDescription<Ec2Service> = {
  name: 'ec2',
  title: 'EC2',
  wire: { kind: 'ec2', version: '2016-11-15', namespace: 'http://ec2.amazonaws.com/doc/2016-11-15/' },
  errors: {
    throttling: { code: 'RequestLimitExceeded', status: 503 },
    internal: 'InternalError',
    notFoundYet: ec2NotFoundYet,
  },
  serviceLinkedRoles: [
    { principal: 'spot.amazonaws.com', roleName: 'AWSServiceRoleForEC2Spot', isPresent: true },
    { principal: 'ec2fleet.amazonaws.com', roleName: 'AWSServiceRoleForEC2Fleet', isPresent: false },
  ],
  create: (context) =>
    createEc2Service({
      seed: context.seed,
      region: context.region,
      clock: context.clock,
      ids: context.ids,
      timing: context.timing,
      iam: context.peer(iamDescription).state,
      kms: context.peer(kmsDescription),
      access: context.access,
      market: new Ec2Market(),
      host: context.world.instances,
      managed: context.peer(ssmDescription),
      endpoint: () => context.endpoint(),
    }),
};

const takenAddresses = (seed: Seed): ReadonlySet<string> =>
  new Set([
    ...seed.services.flatMap((service) => service.tasks.map((task) => task.privateIp)),
    ...seed.databases.map((database) => database.privateIp),
  ]);
