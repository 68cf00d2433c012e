import type {
  AccessControl,
  AgentEndpoints,
  BootedInstance,
  InstanceHost,
  ManagedInstances,
  RoleCredentials,
  Timing,
} from '../../contracts.ts';
import { AgentRole } from '../../agent/agent-role.ts';
import { type AgentStart, startInstanceAgent } from '../../agent/agent-start.ts';
import { reachesSessionManager } from './ec2-reachability.ts';
import type { Ec2State, Instance, SpotRequest } from './ec2-state.ts';
import { decodeUserData } from './ec2-user-data.ts';

/** The states that an instance goes through by itself: start, boot, online, interruption, termination. */

export interface LifecycleDeps {
  readonly timing: Timing;
  readonly host: InstanceHost;
  readonly managed: ManagedInstances;
  readonly access: AccessControl;
  /** The sandbox's endpoint, for programs on the instance. */
  endpoint(): string;
}

export type EndReason = 'user' | 'shutdown' | 'spot' | 'fleet-deleted' | 'key';

const REASONS: Readonly<Record<EndReason, { code: string; message: string; transition: string }>> = {
  user: {
    code: 'Client.UserInitiatedShutdown',
    message: 'Client.UserInitiatedShutdown: User initiated shutdown',
    transition: 'User initiated',
  },
  'fleet-deleted': {
    code: 'Client.UserInitiatedShutdown',
    message: 'Client.UserInitiatedShutdown: User initiated shutdown',
    transition: 'User initiated',
  },
  shutdown: {
    code: 'Client.InstanceInitiatedShutdown',
    message: 'Client.InstanceInitiatedShutdown: Instance initiated shutdown',
    transition: 'Client initiated',
  },
  key: {
    code: 'Client.InternalError',
    message: 'Client.InternalError: Client error on launch',
    transition: 'Client.InternalError',
  },
  spot: {
    code: 'Server.SpotInstanceTermination',
    message: 'Server.SpotInstanceTermination: Spot instance termination',
    transition: 'Server.SpotInstanceTermination',
  },
};

export class Ec2Lifecycle {
  readonly #state: Ec2State;
  readonly #deps: LifecycleDeps;
  readonly #booted = new Map<string, { readonly boot: Promise<BootedInstance>; end(): void }>();
  readonly #cancels = new Set<() => void>();
  #closed = false;

  constructor(state: Ec2State, deps: LifecycleDeps) {
    this.#state = state;
    this.#deps = deps;
  }

  /** Starts the instance, in state `pending`. `interruptionMs` after it runs EC2 interrupts it; undefined = never. */
  start(instance: Instance, interruptionMs?: number): void {
    this.#after(this.#deps.timing.instancePendingMs, () => {
      if (instance.state !== 'pending') return;
      instance.state = 'running';
      const end = new AbortController();
      const boot = this.#boot(instance, end.signal);
      this.#booted.set(instance.id, { boot, end: () => end.abort() });
      // A defect of the machine host appears as an instance that never comes online, with the error message on its
      // console.
      boot.catch(() => undefined);
      if (interruptionMs !== undefined) this.#after(interruptionMs, () => this.interrupt(instance));
    });
  }

  /** EC2 accepts the launch, and the instance ends while it is pending, because its volume cannot be decrypted. */
  failAtStart(instance: Instance): void {
    this.#after(this.#deps.timing.instancePendingMs, () => this.terminate(instance, 'key'));
  }

  /** A second call has no effect. The interface and the volume are deleted when the instance is terminated. */
  terminate(instance: Instance, reason: EndReason): void {
    if (instance.state === 'shutting-down' || instance.state === 'terminated') return;
    const { code, message, transition } = REASONS[reason];
    instance.state = 'shutting-down';
    instance.stateReason = { code, message };
    instance.transitionReason = `${transition} (${gmt(this.#state.now)})`;
    const request = this.#spotRequest(instance);
    if (request !== undefined) {
      if (request.state === 'active') request.state = 'closed';
      request.statusCode =
        reason === 'spot' ? 'instance-terminated-no-capacity' : 'instance-terminated-by-user';
    }
    void this.#stopMachine(instance);
    this.#after(this.#deps.timing.instanceShutdownMs, () => this.#terminated(instance));
  }

  /** EC2 reclaims a spot instance: it gives the notice now, and terminates the instance after the notice time. */
  interrupt(instance: Instance): void {
    if (instance.interruptionAt !== undefined || instance.spotRequestId === undefined) return;
    const { spotNoticeMs } = this.#deps.timing;
    instance.interruptionAt = new Date(this.#state.now + spotNoticeMs);
    const request = this.#spotRequest(instance);
    if (request !== undefined) request.statusCode = 'marked-for-termination';
    this.#after(spotNoticeMs, () => this.terminate(instance, 'spot'));
  }

  /** Plain text, not base64. */
  consoleOutput(instanceId: string): string {
    return this.#deps.host.consoleOutput(instanceId);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const cancel of this.#cancels) cancel();
    const running = [...this.#state.instances.values()].filter((instance) => instance.state === 'running');
    await Promise.all(running.map((instance) => this.#stopMachine(instance)));
  }

  async #boot(instance: Instance, signal: AbortSignal): Promise<BootedInstance> {
    let agent: AgentStart | undefined;
    const booted = await this.#deps.host.boot({
      instanceId: instance.id,
      architecture: instance.architecture,
      instanceType: instance.instanceType,
      privateIp: addressOf(instance),
      ipv6Address: instance.ipv6Address,
      subnetId: instance.subnetId,
      securityGroupIds: instance.groupIds,
      metadataOverIpv6: instance.metadata.httpProtocolIpv6 === 'enabled',
      userData: decodeUserData(instance.userData),
      region: this.#state.region,
      roleEnv: () => this.#roleEnv(instance),
      metadata: () => ({
        tags: instance.metadata.instanceTags === 'enabled' ? Object.fromEntries(instance.tags) : {},
        interruption:
          instance.interruptionAt === undefined
            ? undefined
            : { action: 'terminate', time: instance.interruptionAt },
      }),
      signal,
      onShutdown: () => this.#shutDown(instance),
      startAgent: (endpoints) => {
        agent = this.#startAgent(instance, endpoints);
        return agent.log;
      },
    });
    const { machine } = booted;
    const roleName = this.#roleOf(instance);
    const lives = instance.state === 'running' && !this.#closed && instance.hasAgent;
    // After a refusal the agent sleeps for half an hour (docs/reference/iam.md §6), so its last start during the boot
    // decides.
    if (machine !== undefined && roleName !== undefined && lives && agent?.isOnline === true) {
      this.#deps.managed.registerInstance({
        instanceId: instance.id,
        machine,
        privateIp: addressOf(instance),
        roleName,
        hasControlChannel: agent.hasControlChannel,
        tags: () => Object.fromEntries(instance.tags),
      });
    }
    return booted;
  }

  /** Undefined without an instance profile, and for a role that does not trust EC2. */
  #roleOf(instance: Instance): string | undefined {
    const roleName = instance.profile?.roleName;
    const trustsRegion =
      roleName !== undefined && this.#deps.access.trustsService(roleName, 'ec2.amazonaws.com');
    return trustsRegion ? roleName : undefined;
  }

  #startAgent(instance: Instance, endpoints: AgentEndpoints): AgentStart {
    const { region, accountId } = this.#state;
    const roleName = this.#roleOf(instance);
    return startInstanceAgent({
      role: new AgentRole(this.#deps.access, roleName, instance.id),
      untrustedRole: roleName === undefined ? instance.profile?.roleName : undefined,
      instanceId: instance.id,
      region,
      accountId,
      reachesSessionManager: reachesSessionManager(this.#state, instance, endpoints),
    });
  }

  #roleEnv(instance: Instance): Readonly<Record<string, string>> {
    const { region } = this.#state;
    const env: Record<string, string> = {
      AWS_ENDPOINT_URL: this.#deps.endpoint(),
      AWS_REGION: region,
      AWS_DEFAULT_REGION: region,
      AWS_EC2_METADATA_DISABLED: 'true',
    };
    const roleName = this.#roleOf(instance);
    if (roleName === undefined) return env;
    const credentials = this.#credentials(roleName, instance.id);
    if (credentials === undefined) return env;
    return {
      ...env,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      AWS_SESSION_TOKEN: credentials.sessionToken,
    };
  }

  /** Undefined once the role is deleted; the instance keeps running without permissions. */
  #credentials(roleName: string, instanceId: string): RoleCredentials | undefined {
    try {
      return this.#deps.access.credentialsForRole(roleName, instanceId);
    } catch {
      return undefined;
    }
  }

  #shutDown(instance: Instance): void {
    if (instance.state !== 'running') return;
    // A one-time spot instance cannot be stopped, only terminated.
    if (instance.shutdownBehavior === 'terminate' || instance.spotRequestId !== undefined) {
      this.terminate(instance, 'shutdown');
      return;
    }
    instance.state = 'stopping';
    instance.stateReason = { code: REASONS.shutdown.code, message: REASONS.shutdown.message };
    void this.#stopMachine(instance);
    this.#after(this.#deps.timing.instanceShutdownMs, () => {
      if (instance.state === 'stopping') instance.state = 'stopped';
    });
  }

  async #stopMachine(instance: Instance): Promise<void> {
    this.#deps.managed.deregisterInstance(instance.id);
    const started = this.#booted.get(instance.id);
    // An end does not wait for the boot script.
    started?.end();
    const booted = await started?.boot.catch(() => undefined);
    // The boot may have finished after the first call, and may have registered the instance since then.
    this.#deps.managed.deregisterInstance(instance.id);
    await booted?.stop();
  }

  #terminated(instance: Instance): void {
    instance.state = 'terminated';
    this.#state.interfaces.delete(instance.interfaceId);
    const volume = this.#state.volumes.get(instance.volumeId);
    if (volume?.deleteOnTermination === true) this.#state.volumes.delete(volume.id);
    else if (volume !== undefined) volume.instanceId = undefined;
    for (const fleet of this.#state.fleets.values()) {
      if (fleet.state !== 'deleted_terminating') continue;
      const ended = fleet.instanceIds.every((id) => this.#state.instances.get(id)?.state === 'terminated');
      if (ended) fleet.state = 'deleted';
    }
  }

  #spotRequest(instance: Instance): SpotRequest | undefined {
    return instance.spotRequestId === undefined
      ? undefined
      : this.#state.spotRequests.get(instance.spotRequestId);
  }

  #after(ms: number, work: () => void): void {
    const cancel = this.#state.clock.timer(ms, () => {
      this.#cancels.delete(cancel);
      work();
    });
    this.#cancels.add(cancel);
  }
}

/** The IPv4 address, or the IPv6 address of an instance that has no other. */
const addressOf = ({ privateIp, ipv6Address }: Instance): string => privateIp ?? ipv6Address ?? '';

/** `2026-11-21 10:00:00 GMT` */
const gmt = (at: number): string => `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')} GMT`;
