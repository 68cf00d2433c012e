import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock } from '../../../src/core/clock.ts';
import type { AccessControl, Machine, Principal, Timing } from '../../../src/sandbox/contracts.ts';
import type { AgentChallenge, AgentPace } from '../../../src/sandbox/agent/agent.ts';
import type { AgentTrait } from '../../../src/sandbox/agent/agent-traits.ts';
import { createGateway, type Gateway } from '../../../src/sandbox/gateway/gateway.ts';
import type {
  SessionAccess,
  SessionPlan,
  SessionRequest,
} from '../../../src/sandbox/gateway/session-plan.ts';
import { createContainerMachine } from '../../../src/sandbox/machines/container-machine.ts';
import { createKmsService, type KmsService } from '../../../src/sandbox/services/kms/kms.ts';
import { defaultTiming } from '../../../src/sandbox/timing.ts';
import { logStore } from './log-store.ts';
import { VpcNetwork } from '../../../src/sandbox/world/vpc-network.ts';

export const ACCOUNT = '111122223333';
export const REGION = 'eu-west-1';
export const PRIVATE_IP = '10.0.1.21';

export const OWNER: Principal = {
  arn: `arn:aws:iam::${ACCOUNT}:user/developer`,
  userId: 'AIDAEXAMPLE',
  accountId: ACCOUNT,
};

const ALLOW_ALL: AccessControl = {
  authorizeRole: () => true,
  refusalOf: () => undefined,
  trustsService: () => true,
  credentialsForRole: () => ({ accessKeyId: '', secretAccessKey: '', sessionToken: '' }),
  demand: () => undefined,
};

export interface Lab {
  readonly gateway: Gateway;
  readonly kms: KmsService;
  readonly network: VpcNetwork;
  readonly machine: Machine;
  readonly port: number;
  start(plan: SessionPlan, of?: Partial<SessionRequest>): SessionAccess;
  close(): Promise<void>;
}

/** The gateway, its agent and one container, without the API services. */
export async function startLab(
  options: {
    readonly timing?: Partial<Timing>;
    readonly access?: Partial<AccessControl>;
    readonly faults?: readonly string[];
    readonly agentPace?: AgentPace;
    readonly agentWithout?: readonly AgentTrait[];
    readonly agentChallenge?: AgentChallenge;
    readonly agentPayloadSize?: number;
    readonly random?: () => number;
    readonly machine?: (machine: Machine) => Machine;
    readonly verifyUpgrade?: () => Principal | undefined;
  } = {},
): Promise<Lab> {
  const network = new VpcNetwork({
    vpcs: [{ id: 'vpc-1', cidr: '10.0.0.0/16', isDefault: false, tags: [] }],
    region: REGION,
    policy: { allows: () => true },
    clock: systemClock,
    blockedTimeoutMs: 200,
  });
  network.attach({ privateIp: PRIVATE_IP, securityGroupIds: ['sg-1'], names: [], listeners: new Map() });
  const container = {
    name: 'app',
    image: 'app:1',
    essential: true,
    command: [],
    environment: {},
    secretNames: [],
    ports: [],
    initProcess: true,
    readonlyRoot: false,
  };
  const real = createContainerMachine(
    {
      target: 'ecs:demo_1f0e9d8c7b6a45948372615049382716_1f0e9d8c7b6a45948372615049382716-1',
      region: REGION,
      accountId: ACCOUNT,
      cluster: 'demo',
      service: 'orders-api',
      taskArn: `arn:aws:ecs:${REGION}:${ACCOUNT}:task/demo/1f0e9d8c7b6a45948372615049382716`,
      taskDefinition: {
        family: 'orders-api',
        revision: 1,
        cpu: '256',
        memory: '512',
        taskRoleArn: undefined,
        executionRoleArn: undefined,
        containers: [container],
      },
      container,
      privateIp: PRIVATE_IP,
      subnetId: 'subnet-1',
      securityGroupIds: ['sg-1'],
    },
    network,
  );
  const machine = options.machine?.(real) ?? real;
  const kms = createKmsService({ accountId: ACCOUNT, region: REGION, clock: systemClock, randomBytes });
  const server = createServer();
  const gateway = createGateway({
    clock: systemClock,
    random: options.random ?? Math.random,
    randomBytes,
    timing: { ...defaultTiming, ...options.timing },
    accountId: ACCOUNT,
    region: REGION,
    access: { ...ALLOW_ALL, ...options.access },
    kms,
    logs: logStore({}),
    agentPace: options.agentPace ?? 'fast',
    ...(options.agentWithout === undefined ? {} : { agentWithout: options.agentWithout }),
    ...(options.agentChallenge === undefined ? {} : { agentChallenge: options.agentChallenge }),
    ...(options.agentPayloadSize === undefined ? {} : { agentPayloadSize: options.agentPayloadSize }),
    ...(options.faults === undefined ? {} : { faults: options.faults }),
    endpoint: () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    verifyUpgrade: options.verifyUpgrade ?? (() => undefined),
  });
  server.on('upgrade', (request, socket, head) => gateway.handleUpgrade(request, socket, head));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  let count = 0;
  return {
    gateway,
    kms,
    network,
    machine,
    port: (server.address() as AddressInfo).port,
    start: (plan, of = {}) =>
      gateway.sessions.open({
        sessionId: `developer-${String(++count).padStart(17, '0')}`,
        target: machine.target,
        machine,
        plan,
        kmsKeyId: undefined,
        roleName: 'task-role',
        documentName: undefined,
        reason: undefined,
        owner: OWNER,
        ...of,
      }),
    async close() {
      await gateway.close();
      network.close();
      await real.stop();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
