import { type Clock, systemClock } from '../core/clock.ts';
import { type ApiFault, ApiFaults } from './api-faults.ts';
import { CallLog, type LoggedCall } from './call-log.ts';
import type { Operations, SandboxService, Seed, ServiceName, Timing } from './contracts.ts';
import { startHttpFront } from './http-front.ts';
import { AccessController } from './iam/access-control.ts';
import { AccessKeys } from './iam/access-keys.ts';
import { ResourceIds, seededRandomBytes, systemRandomBytes } from './random.ts';
import { createIamService } from './services/iam.ts';
import { createRdsService } from './services/rds.ts';
import { createStsService } from './services/sts.ts';
import { defaultTiming } from './timing.ts';
import { defaultSeed } from './world/seed.ts';

export interface SandboxOptions {
  /** 0 or absent = any free one. */
  readonly port?: number;
  readonly seed?: Seed;
  /** Makes resource names and injected faults repeatable; credentials are random all the same. */
  readonly randomSeed?: number;
  readonly timing?: Partial<Timing>;
  readonly clock?: Clock;
}

export interface FaultControl {
  inject(fault: ApiFault): void;
  /** Disarms what `inject` armed. */
  clear(): void;
}

/** The embedded AWS while it runs. */
export interface Sandbox {
  /** `http://127.0.0.1:PORT` */
  readonly endpoint: string;
  /** What a client needs in its environment: endpoint, region, credentials of a user who may do everything. */
  readonly env: Readonly<Record<string, string>>;
  readonly calls: readonly LoggedCall[];
  /** Canonical JSON of everything that lives or bills; equal before and after means nothing was left behind. */
  snapshot(): string;
  /** A user with exactly these policies; the answer is the environment of that user. */
  createPrincipal(options: {
    readonly userName: string;
    readonly policies: readonly unknown[];
    readonly boundary?: unknown;
  }): Readonly<Record<string, string>>;
  readonly faults: FaultControl;
  close(): Promise<void>;
}

const ADMINISTRATOR = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] };

export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const clock = options.clock ?? systemClock;
  const seed = options.seed ?? defaultSeed();
  const timing: Timing = { ...defaultTiming, ...options.timing };
  const ids = new ResourceIds(
    options.randomSeed === undefined ? systemRandomBytes : seededRandomBytes(options.randomSeed),
  );
  const keys = new AccessKeys(systemRandomBytes);
  const iam = createIamService({
    seed,
    clock,
    ids,
    keys,
    profilePropagationMs: timing.profilePropagationMs,
  });
  const access = new AccessController(iam.state, () => clock.now());
  const services = new Map<ServiceName, SandboxService>([
    ['iam', iam],
    ['sts', createStsService(iam.state)],
    ['rds', createRdsService(seed)],
  ]);
  const faults = new ApiFaults();
  const calls = new CallLog();
  const snapshot = (): string =>
    JSON.stringify(
      Object.fromEntries([...services].map(([name, service]) => [name, service.snapshot()])),
      null,
      2,
    );
  const front = await startHttpFront(
    {
      clock,
      requestDeadlineMs: timing.requestDeadlineMs,
      access,
      faults,
      calls,
      requestId: () => ids.uuid(),
      lookupKey: (accessKeyId) => keys.lookup(accessKeyId),
      operations: (service): Operations | undefined => services.get(service)?.operations,
      withStaleReads: (work) => work(),
      gateway: { handleUpgrade: (_request, socket) => socket.destroy(), close: () => Promise.resolve() },
      snapshot,
    },
    options.port ?? 0,
  );
  const endpoint = `http://127.0.0.1:${front.port}`;
  const createPrincipal: Sandbox['createPrincipal'] = ({ userName, policies, boundary }) => {
    const user = iam.state.addUser(userName, policies, boundary);
    const key = keys.issue(user.principal);
    return {
      AWS_ENDPOINT_URL: endpoint,
      AWS_ACCESS_KEY_ID: key.accessKeyId,
      AWS_SECRET_ACCESS_KEY: key.secretAccessKey,
      AWS_REGION: seed.region,
      AWS_DEFAULT_REGION: seed.region,
      AWS_EC2_METADATA_DISABLED: 'true',
    };
  };
  return {
    endpoint,
    env: createPrincipal({ userName: 'developer', policies: [ADMINISTRATOR] }),
    get calls() {
      return calls.calls;
    },
    snapshot,
    createPrincipal,
    faults,
    close: async () => {
      await front.close();
      await Promise.all([...services.values()].map((service) => service.close?.()));
    },
  };
}
