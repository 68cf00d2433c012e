import { containsCidr, ipv4Range } from '../../../core/cidr.ts';
import { AwsError, type Principal } from '../../contracts.ts';
import type { Ec2Lifecycle } from './ec2-lifecycle.ts';
import type { LaunchPlan } from './ec2-launch-plan.ts';
import type { Ec2Market, LaunchRefusal, Pool } from './ec2-market.ts';
import { freeAddresses } from './ec2-network.ts';
import { ipv4Number, ipv4Text } from './ec2-reachability.ts';
import { tagsFor } from './ec2-request-tags.ts';
import type { Ec2State, Instance, Subnet } from './ec2-state.ts';
import { instanceType } from './ec2-catalog.ts';
import type { Tags } from '../tags.ts';

/** What a launch needs from IAM. */
export interface LaunchIam {
  /** The profile as EC2 knows it now; `unknown` also while the profile propagates. */
  profileForLaunch(
    profile: NonNullable<LaunchPlan['profile']>,
  ):
    | { readonly state: 'usable'; readonly arn: string; readonly id: string; readonly roleName: string }
    | { readonly state: 'unknown' | 'without-role' };
  /** False if the account has no service-linked role for Spot and the caller may not create it. */
  ensureSpotRole(principal: Principal): boolean;
}

/** What a launch needs from KMS. */
export interface LaunchKms {
  /**
   * False if EC2 cannot use the key for this launch: the key does not exist, the caller lacks a permission on it, or, for
   * spot, the service-linked role of Spot has no grant on it.
   */
  mayUse(keyId: string, principal: Principal, market: Pool['market']): boolean;
}

export interface LaunchDeps {
  readonly state: Ec2State;
  readonly market: Ec2Market;
  readonly lifecycle: Ec2Lifecycle;
  readonly iam: LaunchIam;
  readonly kms: LaunchKms;
  /** Addresses that tasks and databases use. */
  readonly takenAddresses: ReadonlySet<string>;
}

export interface LaunchExtras {
  readonly fleetId: string | undefined;
  readonly clientToken: string | undefined;
  readonly principal: Principal;
  /** Of the spot request; `one-time` unless given. */
  readonly spotType?: 'one-time' | 'persistent';
}

export const poolOf = (plan: LaunchPlan): Pool => ({
  type: plan.type,
  subnetId: plan.subnet.id,
  zone: plan.subnet.zone,
  market: plan.market,
});

/** Launches one instance, or returns why EC2 refuses the launch at this time. */
export function launch(deps: LaunchDeps, plan: LaunchPlan, extras: LaunchExtras): Instance | LaunchRefusal {
  const { state, market, iam } = deps;
  const refusal = profileRefusal(iam, plan) ?? marketRefusal(state, market, plan);
  if (refusal !== undefined) return refusal;
  if (plan.market === 'spot' && !iam.ensureSpotRole(extras.principal)) {
    return {
      code: 'AuthFailure.ServiceLinkedRoleCreationNotPermitted',
      message:
        'The provided credentials do not have permission to create the service-linked role for EC2 Spot Instances.',
    };
  }
  const instance = createInstance(deps, plan, extras);
  const { encrypted, kmsKeyId } = plan.volume;
  if (encrypted && kmsKeyId !== undefined && !deps.kms.mayUse(kmsKeyId, extras.principal, plan.market)) {
    deps.lifecycle.failAtStart(instance);
    return instance;
  }
  deps.lifecycle.start(instance, market.interruptionMs(poolOf(plan)));
  return instance;
}

export const isRefusal = (result: Instance | LaunchRefusal): result is LaunchRefusal => 'code' in result;

function profileRefusal(iam: LaunchIam, plan: LaunchPlan): LaunchRefusal | undefined {
  if (plan.profile === undefined) return undefined;
  const { field, value } = plan.profile;
  const profile = iam.profileForLaunch(plan.profile);
  const start = `Value (${value}) for parameter iamInstanceProfile.${field} is invalid.`;
  switch (profile.state) {
    case 'usable':
      return undefined;
    case 'unknown':
      return {
        code: 'InvalidParameterValue',
        message: `${start} Invalid IAM Instance Profile ${field === 'arn' ? 'ARN' : 'name'}`,
      };
    case 'without-role':
      return {
        code: 'InvalidParameterValue',
        message: `IAM Instance Profile "${value}" has no associated IAM Roles`,
      };
  }
}

function marketRefusal(state: Ec2State, market: Ec2Market, plan: LaunchPlan): LaunchRefusal | undefined {
  const pool = poolOf(plan);
  const refusal = market.refusal(pool, liveVcpus(state, plan.market));
  if (refusal !== undefined) return refusal;
  if (plan.market === 'spot' && plan.maxPrice !== undefined && plan.maxPrice < market.price(pool)) {
    return {
      code: 'SpotMaxPriceTooLow',
      message: `Your Spot request price of ${plan.maxPrice} is lower than the minimum required Spot request fulfillment price of ${market.price(pool)}.`,
    };
  }
  if (plan.subnet.ipv6?.only !== true && freeAddresses(state, plan.subnet) === 0) {
    return {
      code: 'InsufficientFreeAddressesInSubnet',
      message: `There are not enough free addresses in subnet '${plan.subnet.id}' to satisfy the requested number of instances.`,
    };
  }
  return undefined;
}

function liveVcpus(state: Ec2State, market: Pool['market']): number {
  let total = 0;
  for (const instance of state.instances.values()) {
    const spot = instance.spotRequestId !== undefined;
    if (instance.state === 'terminated' || spot !== (market === 'spot')) continue;
    total += instanceType(instance.instanceType)?.vcpus ?? 0;
  }
  return total;
}

function createInstance(deps: LaunchDeps, plan: LaunchPlan, extras: LaunchExtras): Instance {
  const { state, iam } = deps;
  const createdAt = state.now;
  const id = state.ids.ec2('i');
  const interfaceId = state.ids.ec2('eni');
  const volumeId = state.ids.ec2('vol');
  const spotRequestId =
    plan.market === 'spot' ? state.ids.ec2('sir').replace(/^(sir-.{8}).*$/, '$1') : undefined;
  const privateIp = plan.subnet.ipv6?.only === true ? undefined : freeAddress(deps, plan.subnet);
  const ipv6Address = plan.ipv6 ? freeIpv6Address(state, plan.subnet) : undefined;
  const publicIp = plan.publicIp ? nextPublicIp(state) : undefined;
  const profile = plan.profile === undefined ? undefined : iam.profileForLaunch(plan.profile);
  const instance: Instance = {
    id,
    tags: instanceTags(plan, extras),
    createdAt,
    reservationId: state.ids.ec2('r'),
    imageId: plan.image.id,
    instanceType: plan.type.name,
    architecture: plan.type.architecture,
    subnetId: plan.subnet.id,
    vpcId: plan.subnet.vpcId,
    zone: plan.subnet.zone,
    privateIp,
    ipv6Address,
    publicIp,
    interfaceId,
    volumeId,
    groupIds: plan.groupIds,
    profile: profile?.state === 'usable' ? profile : undefined,
    spotRequestId,
    keyName: plan.keyName,
    userData: plan.userData,
    metadata: plan.metadata,
    shutdownBehavior: plan.shutdownBehavior,
    clientToken: extras.clientToken,
    hasAgent: plan.image.hasAgent,
    state: 'pending',
    stateReason: undefined,
    transitionReason: '',
    interruptionAt: undefined,
  };
  state.instances.set(id, instance);
  state.interfaces.set(interfaceId, {
    id: interfaceId,
    tags: new Map(tagsFor(plan.tags, 'network-interface')),
    createdAt,
    subnetId: plan.subnet.id,
    privateIp,
    ipv6Address,
    publicIp,
    groupIds: plan.groupIds,
    description: '',
    instanceId: id,
    requesterManaged: false,
  });
  state.volumes.set(volumeId, {
    id: volumeId,
    tags: new Map(tagsFor(plan.tags, 'volume')),
    createdAt,
    zone: plan.subnet.zone,
    ...plan.volume,
    snapshotId: plan.image.snapshotId,
    instanceId: id,
  });
  if (spotRequestId !== undefined) {
    state.spotRequests.set(spotRequestId, {
      id: spotRequestId,
      tags: new Map(tagsFor(plan.tags, 'spot-instances-request')),
      createdAt,
      instanceId: id,
      instanceType: plan.type.name,
      imageId: plan.image.id,
      subnetId: plan.subnet.id,
      zone: plan.subnet.zone,
      type: extras.spotType ?? 'one-time',
      state: 'active',
      statusCode: 'fulfilled',
    });
  }
  return instance;
}

/** The tags of the plan, and those that EC2 itself sets. */
function instanceTags(plan: LaunchPlan, extras: LaunchExtras): Tags {
  const tags = new Map(tagsFor(plan.tags, 'instance'));
  if (extras.fleetId !== undefined) tags.set('aws:ec2:fleet-id', extras.fleetId);
  if (plan.template !== undefined) {
    tags.set('aws:ec2launchtemplate:id', plan.template.id);
    tags.set('aws:ec2launchtemplate:version', '1');
  }
  return tags;
}

/** AWS reserves the first four addresses and the last address of a subnet. */
function freeAddress(deps: LaunchDeps, subnet: Subnet): string {
  const { first, size } = ipv4Range(subnet.cidr) ?? { first: 0, size: 0 };
  const used = new Set([...deps.state.interfaces.values()].map((item) => item.privateIp));
  for (let offset = 4; offset < size - 1; offset++) {
    // Tasks and databases of a seed use the low addresses, so instances start at higher ones where there is room.
    const address = ipv4Text(first + ((offset + Math.min(96, size >> 1)) % (size - 1)));
    if (containsCidr(subnet.cidr, address) && isAssignable(address, first, size) && !used.has(address)) {
      if (!deps.takenAddresses.has(address)) return address;
    }
  }
  throw new AwsError(
    'InsufficientFreeAddressesInSubnet',
    `There are not enough free addresses in subnet '${subnet.id}' to satisfy the requested number of instances.`,
  );
}

/** A /64 never runs out of addresses. */
function freeIpv6Address(state: Ec2State, subnet: Subnet): string {
  const used = new Set([...state.interfaces.values()].map((item) => item.ipv6Address));
  const prefix = subnet.ipv6?.cidr.replace(/\/\d+$/, '') ?? '::';
  for (let host = 0x1000; ; host++) {
    const address = `${prefix}${host.toString(16)}`;
    if (!used.has(address)) return address;
  }
}

const isAssignable = (address: string, first: number, size: number): boolean => {
  const offset = ipv4Number(address) - first;
  return offset >= 4 && offset < size - 1;
};

function nextPublicIp(state: Ec2State): string {
  const used = new Set([...state.interfaces.values()].map((item) => item.publicIp));
  for (let last = 10; last < 250; last++) {
    const address = `198.51.100.${last}`;
    if (!used.has(address)) return address;
  }
  throw new AwsError('AddressLimitExceeded', 'no public address is free');
}
