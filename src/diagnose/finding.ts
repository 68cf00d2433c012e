import type { ErrorFacts } from '../core/error-facts.ts';
import type { ContextEntry } from '../provision/ports/simulator.ts';

/**
 * What a diagnosis says: one finding for each cause, with the facts that show it and the changes that cure it. Pure: the
 * functions of this folder judge what the ports of connect/ and provision/ have read, call nothing, and take the time as
 * an argument. What a person types for a change is written in cli/.
 */

export type Severity =
  /** What was asked for does not work until this is changed. */
  | 'blocking'
  /** It works, or may work, and something is not as it should be. */
  | 'warning'
  /** What was read does not show whether it works. */
  | 'could-not-tell';

/** Whose policy or trust a finding is about: an ARN, or a name where that is all that is known. */
type Principal = { readonly principal: string };

type Actions = Principal & { readonly actions: readonly string[] };

/**
 * What shows each cause, by the id of the finding. An id that is also the code of an error has the facts of that error;
 * `errorOf` (errors.ts) makes the one of the other. Ids are stable: `--json` prints them.
 */
export interface FindingEvidence extends Pick<
  ErrorFacts,
  | 'agent-not-online'
  | 'boot-failed'
  | 'container-not-running'
  | 'exec-agent-not-running'
  | 'exec-not-enabled'
  | 'role-untrusted'
  | 'task-not-running'
> {
  'instance-ended': ErrorFacts['instance-ended'] & { readonly state: string };
  /** The agent of a bastion. */
  'agent-denied': ErrorFacts['agent-denied'] & {
    readonly instanceId: string;
    readonly role?: string | undefined;
  };

  // What a principal may do, compared with a document.
  'action-not-granted': Actions;
  /** A policy grants the actions under conditions on these keys, whose values were not known. */
  'action-undecided': Actions & { readonly unknownKeys: readonly string[] };
  'action-outside-boundary': Actions;
  'action-forbidden-by-organization': Actions;
  'action-explicitly-denied': Actions;
  'service-not-trusted': Actions & { readonly services: readonly string[] };
  /** The trust policy has conditions on these keys, whose values were not known. */
  'trust-undecided': Actions & {
    readonly services: readonly string[];
    readonly unknownKeys: readonly string[];
  };
  'action-not-denied': Actions;
  /** No policy denies the actions as a whole, and one may allow them for a part of the resources. */
  'denial-undecided': Actions;
  /** The simulator left the question out of its answer. */
  'action-not-answered': Actions;

  // Whether a subnet reaches AWS.
  'subnet-full': InSubnet;
  /** The groups of a VPC endpoint admit 443 from none of the ranges; with private DNS nothing goes around it. */
  'endpoint-refuses': InSubnet & {
    readonly endpoint: string;
    readonly service: string;
    readonly groups: readonly string[];
    readonly ranges: readonly string[];
  };
  /** A VPC endpoint has no address of the family in which the subnet calls it. */
  'endpoint-other-family': InSubnet & {
    readonly endpoint: string;
    readonly service: string;
    readonly answers: 'ipv4' | 'ipv6';
  };
  'no-way-out-ipv4': InSubnet & {
    /** Undefined = there is none. */
    readonly defaultRoute?: DefaultRoute | undefined;
    readonly absent: readonly AbsentEndpoint[];
  };
  'no-way-out-ipv6': InSubnet &
    Nat64 & {
      readonly defaultRoute?: DefaultRoute | undefined;
      readonly absent: readonly AbsentEndpoint[];
    };
  /** IPv6 reaches the agent's services, but nothing that has IPv4 alone. */
  'nat64-needed': InSubnet & Nat64;
  /** The default route leads to a transit gateway, a network interface or the like: where it goes on is not shown. */
  'way-out-assumed': InSubnet & { readonly destination: string; readonly target: string };

  // Whether a bastion reaches a database.
  'database-closed': {
    readonly database: string;
    readonly port: number;
    /** A group of the database. */
    readonly group: string;
    /** Groups that the database admits. */
    readonly admittedGroups: readonly string[];
  };
  /** EC2 refuses a group of another VPC that is not associated with the bastion's. */
  'client-group-elsewhere': { readonly group: string; readonly vpc: string; readonly bastionVpc: string };
  /** The group was given as one that opens the way to something, and opens nothing. */
  'client-group-closed': { readonly group: string };
}

type InSubnet = { readonly subnet: string };

type Nat64 = {
  readonly dns64: boolean;
  /** Whether a route leads 64:ff9b::/96 to a NAT gateway. */
  readonly nat64Route: boolean;
};

export type DefaultRoute = {
  /** Id of its target. */
  readonly target: string;
  /** False = the target is gone (a blackhole). */
  readonly exists: boolean;
};

/** A service without a VPC endpoint that can be used. */
export type AbsentEndpoint = {
  /** `ssm`, `ssmmessages`, `s3`, … */
  readonly service: string;
  /** One that exists; undefined = there is none. */
  readonly endpoint?: string | undefined;
  /**
   * What keeps it from being used: a route to it in the subnet's table, private DNS, or its state. `global-name`: no
   * endpoint of the region carries the name that is called.
   */
  readonly lacks?: 'route' | 'private-dns' | 'availability' | 'global-name' | undefined;
  readonly state?: string | undefined;
};

export type FindingId = keyof FindingEvidence;

export interface FindingOf<I extends FindingId> {
  readonly id: I;
  readonly severity: Severity;
  readonly evidence: FindingEvidence[I];
  /** Alternatives, the best one first; empty where no change of the account cures it. */
  readonly fixes: readonly Fix[];
}

export type Finding = { readonly [I in FindingId]: FindingOf<I> }[FindingId];

/** Changes that are all needed, in the order in which they are made. */
export type Fix = readonly Change[];

/** One change of one resource: what `aws`, Terraform or an IAM document is to say is read off it. */
export type Change =
  | {
      readonly kind: 'allow-actions' | 'deny-actions' | 'withdraw-denial';
      readonly principal: string;
      /** In which document; undefined = in whichever of the principal's policies holds it. */
      readonly policy: 'identity' | 'permissions-boundary' | 'service-control' | undefined;
      /** Sid of the statement in the document that the principal was compared with; undefined = it was compared with none. */
      readonly statement: string | undefined;
      readonly actions: readonly string[];
      readonly resources: readonly string[];
      /** Condition keys of the requests concerned. */
      readonly when: readonly ContextEntry[];
    }
  | {
      readonly kind: 'trust-service';
      readonly role: string;
      /** e.g. `ec2.amazonaws.com`. */
      readonly service: string;
      readonly actions: readonly string[];
    }
  | {
      /** A rule in a security group. */
      readonly kind: 'admit';
      readonly group: string;
      /** TCP. */
      readonly port: number;
      /** Ranges and groups; `own-group` is the group that the bastion will have. */
      readonly from: readonly string[] | 'own-group';
    }
  /** The bastion carries the group besides its own. */
  | { readonly kind: 'carry-group'; readonly group: string }
  | { readonly kind: 'associate-group'; readonly group: string; readonly vpc: string }
  | {
      readonly kind: 'add-endpoint';
      readonly vpc: string;
      /** `com.amazonaws.REGION.SERVICE`. */
      readonly serviceName: string;
      /** `Interface` with private DNS, and with a group that admits 443 from the subnet. */
      readonly type: 'Interface' | 'Gateway';
      readonly subnet: string;
      /** Of the subnet; a gateway endpoint is a route in it. */
      readonly routeTable: string | undefined;
      readonly dualStack: boolean;
    }
  | {
      readonly kind: 'set-endpoint';
      readonly endpoint: string;
      readonly privateDns?: true;
      readonly dualStack?: true;
      readonly addRouteTable?: string | undefined;
    }
  | {
      readonly kind: 'set-route';
      readonly routeTable: string | undefined;
      readonly destination: string;
      /** One of the VPC, to be made if there is none. */
      readonly target: 'nat-gateway';
    }
  | {
      /** New tasks replace the running ones, whose setting cannot be changed. */
      readonly kind: 'redeploy-service';
      readonly cluster: string;
      readonly service: string;
      /** Undefined = the service has it on. */
      readonly enableExecuteCommand?: true;
    }
  | {
      /** A task that belongs to no service is started anew. */
      readonly kind: 'run-task';
      readonly cluster: string;
      readonly taskDefinition: string;
      readonly enableExecuteCommand: true;
    }
  | { readonly kind: 'set-subnet'; readonly subnet: string; readonly dns64: true };
