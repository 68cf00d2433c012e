import { AwsError, type ServiceName } from './contracts.ts';

/** Faults of API calls, injected while the sandbox runs. */

export type ApiFaultKind =
  /** Refused before it is executed, with the service's throttling code. */
  | 'throttle'
  /** Refused before it is executed, with the service's internal error. */
  | 'server-error'
  /** Refused as if IAM denied it. */
  | 'access-denied'
  /** The service does not see what was made lately: NotFound for a named resource, an empty list for a describe. */
  | 'not-found'
  /** The connection is reset; the call is not executed. */
  | 'drop-before'
  /** The call is executed; the connection is reset instead of an answer. */
  | 'drop-after';

export interface ApiFault {
  readonly kind: ApiFaultKind;
  /** `ec2:CreateFleet`, `iam:*`, or absent for every call. */
  readonly action?: string;
  /** Which matching call after the injection is hit first, from 1 (the default). */
  readonly at?: number;
  /** How many matching calls in a row are hit; 1 unless told, Infinity for all. */
  readonly times?: number;
  /** Called at the moment of the fault, e.g. to kill the client; the answer waits for it. */
  readonly onHit?: (call: { readonly service: ServiceName; readonly action: string }) => void | Promise<void>;
}

interface ArmedFault {
  readonly fault: ApiFault;
  seen: number;
}

/** The faults that are armed, and what they say about each call. */
export class ApiFaults {
  #armed: ArmedFault[] = [];

  inject(fault: ApiFault): void {
    this.#armed.push({ fault, seen: 0 });
  }

  clear(): void {
    this.#armed = [];
  }

  /** The fault that hits this call, if any. Counts the call for every armed fault it matches. */
  next(service: ServiceName, action: string): ApiFault | undefined {
    let hit: ApiFault | undefined;
    for (const armed of this.#armed) {
      if (!matches(armed.fault.action, service, action)) continue;
      armed.seen++;
      const first = armed.fault.at ?? 1;
      const last = first + (armed.fault.times ?? 1) - 1;
      if (armed.seen >= first && armed.seen <= last) hit ??= armed.fault;
    }
    return hit;
  }
}

function matches(wanted: string | undefined, service: ServiceName, action: string): boolean {
  if (wanted === undefined) return true;
  const [wantedService, wantedAction] = wanted.split(':');
  return wantedService === service && (wantedAction === '*' || wantedAction === action);
}

/** The answer of a service that is too busy. */
export function throttled(service: ServiceName): AwsError {
  if (service === 'ec2') return new AwsError('RequestLimitExceeded', 'Request limit exceeded.', 503);
  const code = isJson(service) ? 'ThrottlingException' : 'Throttling';
  return new AwsError(code, 'Rate exceeded', 400);
}

/** The answer of a service that failed by itself. */
export function internalError(service: ServiceName): AwsError {
  const codes: Readonly<Record<ServiceName, string>> = {
    ec2: 'InternalError',
    iam: 'ServiceFailure',
    sts: 'InternalFailure',
    rds: 'InternalFailure',
    ecs: 'ServerException',
    ssm: 'InternalServerError',
    kms: 'KMSInternalException',
    ssmmessages: 'InternalServerError',
  };
  return new AwsError(codes[service], 'An internal error occurred (injected by the sandbox)', 500);
}

/**
 * What eventual consistency answers for a call that names a fresh resource; undefined if it names none
 * (then the call runs and does not see fresh resources).
 */
export function notFoundYet(
  service: ServiceName,
  input: Readonly<Record<string, unknown>>,
): AwsError | undefined {
  if (service === 'iam') {
    const named = ['RoleName', 'InstanceProfileName', 'PolicyArn'].find((name) => input[name] !== undefined);
    return named === undefined
      ? undefined
      : new AwsError('NoSuchEntity', `The ${named} ${String(input[named])} cannot be found.`, 404);
  }
  if (service !== 'ec2') return undefined;
  const code = EC2_NOT_FOUND.find(([parameter]) => input[parameter] !== undefined)?.[1];
  return code === undefined ? undefined : new AwsError(code, 'The resource does not exist (yet)', 400);
}

/** By the parameter that names the resource, most specific first. */
const EC2_NOT_FOUND: readonly (readonly [string, string])[] = [
  ['SecurityGroupRuleId', 'InvalidSecurityGroupRuleId.NotFound'],
  ['GroupId', 'InvalidGroup.NotFound'],
  ['LaunchTemplateConfigs', 'InvalidLaunchTemplateName.NotFoundException'],
  ['LaunchTemplateId', 'InvalidLaunchTemplateId.NotFound'],
  ['LaunchTemplateName', 'InvalidLaunchTemplateName.NotFoundException'],
  ['InstanceId', 'InvalidInstanceID.NotFound'],
  ['FleetId', 'InvalidFleetId.NotFound'],
  ['ResourceId', 'InvalidID'],
];

const isJson = (service: ServiceName): boolean =>
  service === 'ecs' || service === 'ssm' || service === 'kms' || service === 'ssmmessages';
