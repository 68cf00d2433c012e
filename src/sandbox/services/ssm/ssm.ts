import type { Clock } from '../../../core/clock.ts';
import type { ManagedInstances, SandboxService } from '../../contracts.ts';
import type { Seed } from '../../seed-shapes.ts';
import type { Sessions } from '../../gateway/session-plan.ts';
import type { RandomBytes } from '../../random.ts';
import type { TaskTarget } from '../ecs/ecs.ts';
import { ecsDescription } from '../ecs/ecs.ts';
import { imageParameter } from '../ec2/ec2-catalog.ts';
import { kmsDescription } from '../kms/kms.ts';
import type { ServiceDescription } from '../service-description.ts';
import { DocumentStore } from './ssm-documents.ts';
import { InstanceRegistry } from './ssm-instances.ts';
import { parameterOperations } from './ssm-parameters.ts';
import { sessionOperations } from './ssm-sessions.ts';

export interface SsmDeps {
  readonly seed: Seed;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  readonly sessions: Sessions;
  /** ECS's `findTarget`; called for targets that begin with `ecs:`. */
  readonly findTask: (target: string) => TaskTarget | undefined;
  /** Values of `/aws/service/…` parameters. */
  readonly publicParameter: (name: string) => string | undefined;
  /** The key that encrypts sessions whose document names no key; Port sessions are never encrypted. */
  readonly demandedKmsKeyId?: string;
}

export interface SsmService extends SandboxService, ManagedInstances {}

export function createSsmService(deps: SsmDeps): SsmService {
  const account = { region: deps.seed.region, accountId: deps.seed.accountId };
  const documents = new DocumentStore({ ...account, clock: deps.clock });
  const instances = new InstanceRegistry(deps.clock);
  return {
    operations: {
      ...documents.operations,
      ...instances.operations,
      ...parameterOperations({ ...account, publicParameter: deps.publicParameter }),
      ...sessionOperations({
        ...account,
        randomBytes: deps.randomBytes,
        sessions: deps.sessions,
        documents,
        instances,
        findTask: deps.findTask,
        demandedKmsKeyId: deps.demandedKmsKeyId,
      }),
    },
    snapshot: () => ({ documents: documents.names, managedInstances: instances.instanceIds }),
    registerInstance: (instance) => instances.register(instance),
    deregisterInstance(instanceId) {
      if (instances.deregister(instanceId)) deps.sessions.endTarget(instanceId, '');
    },
  };
}

export const ssmDescription: ServiceDescription<SsmService> = {
  name: 'ssm',
  title: 'Systems Manager',
  wire: { kind: 'json', target: 'AmazonSSM' },
  errors: {
    throttling: { code: 'ThrottlingException', status: 400 },
    internal: 'InternalServerError',
  },
  create: (context) =>
    createSsmService({
      seed: context.seed,
      clock: context.clock,
      randomBytes: context.randomBytes,
      sessions: context.gateway.sessions,
      findTask: (target) => context.peer(ecsDescription).findTarget(target),
      publicParameter: imageParameter,
      ...(context.demandEncryption ? { demandedKmsKeyId: context.peer(kmsDescription).defaultKeyArn } : {}),
    }),
};
