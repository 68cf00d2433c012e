import type { Clock } from '../../../core/clock.ts';
import { isIpv6 } from '../../../core/cidr.ts';
import { AwsError, type ManagedInstances, type Operations } from '../../contracts.ts';
import { paginate } from '../../wire/pages.ts';
import { optionalCount, optionalText, requiredText, structList, textList } from '../members.ts';

/** The instances whose agent is online. */

export type ManagedInstance = Parameters<ManagedInstances['registerInstance']>[0];

interface Registered {
  readonly instance: ManagedInstance;
  readonly registeredAt: number;
}

type Input = Readonly<Record<string, unknown>>;

const AGENT_VERSION = '3.3.987.0';
const MIN_PAGE = 5;
const MAX_PAGE = 50;
/** Interval of the agent's heartbeats; LastPingDateTime is the registration time plus a multiple of it. */
const HEARTBEAT_MS = 300_000;

export class InstanceRegistry {
  readonly #clock: Clock;
  readonly #instances = new Map<string, Registered>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  register(instance: ManagedInstance): void {
    this.#instances.set(instance.instanceId, { instance, registeredAt: this.#clock.now() });
  }

  /** Returns false if the instance was not registered. */
  deregister(instanceId: string): boolean {
    return this.#instances.delete(instanceId);
  }

  find(instanceId: string): ManagedInstance | undefined {
    return this.#instances.get(instanceId)?.instance;
  }

  get instanceIds(): readonly string[] {
    return [...this.#instances.keys()].sort();
  }

  get operations(): Operations {
    return {
      DescribeInstanceInformation: {
        authorize: () => [{ action: 'ssm:DescribeInstanceInformation', resource: '*' }],
        run: (input) => {
          const size = optionalCount(input, 'MaxResults') ?? MAX_PAGE;
          if (size < MIN_PAGE || size > MAX_PAGE)
            throw new AwsError(
              'ValidationException',
              `MaxResults must be between ${MIN_PAGE} and ${MAX_PAGE}.`,
            );
          const filters = readFilters(input);
          const matching = [...this.#instances.values()].filter((item) =>
            filters.every((filter) => matches(item.instance, filter)),
          );
          const page = paginate(matching, optionalText(input, 'NextToken'), size, 'InvalidNextToken');
          return {
            InstanceInformationList: page.items.map((item) => this.#shape(item)),
            NextToken: page.next,
          };
        },
      },
    };
  }

  #shape({ instance, registeredAt }: Registered): unknown {
    const { instanceId, privateIp } = instance;
    const heartbeats = Math.floor((this.#clock.now() - registeredAt) / HEARTBEAT_MS);
    return {
      InstanceId: instanceId,
      PingStatus: 'Online',
      LastPingDateTime: new Date(registeredAt + heartbeats * HEARTBEAT_MS),
      AgentVersion: AGENT_VERSION,
      IsLatestVersion: true,
      PlatformType: 'Linux',
      PlatformName: 'Amazon Linux',
      PlatformVersion: '2023',
      ResourceType: 'EC2Instance',
      IPAddress: privateIp,
      ComputerName: `${isIpv6(privateIp) ? instanceId : `ip-${privateIp.replaceAll('.', '-')}`}.compute.internal`,
      SourceId: instanceId,
      SourceType: 'AWS::EC2::Instance',
    };
  }
}

interface Filter {
  readonly key: string;
  readonly values: readonly string[];
}

/** Reads both forms of filters: `Filters` and `InstanceInformationFilterList`. */
function readFilters(input: Input): readonly Filter[] {
  return [
    ...structList(input, 'Filters').map((filter) => ({
      key: requiredText(filter, 'Key'),
      values: textList(filter, 'Values'),
    })),
    ...structList(input, 'InstanceInformationFilterList').map((filter) => ({
      key: requiredText(filter, 'key'),
      values: textList(filter, 'valueSet'),
    })),
  ];
}

function matches(instance: ManagedInstance, { key, values }: Filter): boolean {
  const has = (value: string): boolean => values.includes(value);
  switch (key) {
    case 'InstanceIds':
      return has(instance.instanceId);
    case 'PingStatus':
      return has('Online');
    case 'PlatformTypes':
      return has('Linux');
    case 'ResourceType':
      return has('EC2Instance');
    case 'AgentVersion':
      return has(AGENT_VERSION);
    case 'tag-key':
      return Object.keys(instance.tags()).some(has);
    default: {
      if (!key.startsWith('tag:'))
        throw new AwsError('InvalidInstanceInformationFilterValue', `The filter key ${key} is not valid.`);
      const value = instance.tags()[key.slice('tag:'.length)];
      return value !== undefined && has(value);
    }
  }
}
