import { AwsError } from './contracts.ts';
import type { ServiceDescription } from './services/service-description.ts';

/** Faults that are injected into API calls while the sandbox runs. */

export type ApiFaultKind =
  /** The call is refused before it is executed, with the service's throttling code. */
  | 'throttle'
  /** The call is refused before it is executed, with the service's internal error. */
  | 'server-error'
  /** The call is refused as if IAM denied it. */
  | 'access-denied'
  /**
   * The service does not see recently created resources: NotFound for a named resource, an empty list for a describe
   * call.
   */
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
  /** How many matching calls in a row are hit; 1 unless given, Infinity for all. */
  readonly times?: number;
  /** Called when the fault occurs, for example to kill the client; the answer waits for it. */
  readonly onHit?: (call: { readonly service: string; readonly action: string }) => void | Promise<void>;
}

interface ArmedFault {
  readonly fault: ApiFault;
  seen: number;
}

/** The injected faults that are still active; decides for each call which of them applies. */
export class ApiFaults {
  #armed: ArmedFault[] = [];

  inject(fault: ApiFault): void {
    this.#armed.push({ fault, seen: 0 });
  }

  clear(): void {
    this.#armed = [];
  }

  /** The fault that hits this call, if any. Counts the call for every active fault that it matches. */
  next(service: string, action: string): ApiFault | undefined {
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

function matches(wanted: string | undefined, service: string, action: string): boolean {
  if (wanted === undefined) return true;
  const [wantedService, wantedAction] = wanted.split(':');
  return wantedService === service && (wantedAction === '*' || wantedAction === action);
}

/** The answer of a service to a caller that exceeds its request rate. */
export function throttled({ errors }: ServiceDescription): AwsError {
  const { code, status } = errors.throttling;
  return new AwsError(
    code,
    code === 'RequestLimitExceeded' ? 'Request limit exceeded.' : 'Rate exceeded',
    status,
  );
}

/** The answer of a service that fails with an internal error. */
export const internalError = ({ errors }: ServiceDescription): AwsError =>
  new AwsError(errors.internal, 'An internal error occurred (injected by the sandbox)', 500);
