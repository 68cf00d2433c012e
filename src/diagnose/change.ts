import type { ContextEntry } from '../provision/ports/simulator.ts';

/** What removes the cause of a finding. */

/** Changes that are all needed, in the order in which they have to be made. */
export type Fix = readonly Change[];

/** One change of one resource, with all facts that an `aws` command, Terraform or an IAM document needs. */
export type Change =
  | {
      readonly kind: 'allow-actions' | 'deny-actions' | 'withdraw-denial';
      readonly principal: string;
      /** The kind of policy to change; undefined = any of the principal's policies. */
      readonly policy: 'identity' | 'permissions-boundary' | 'service-control' | undefined;
      /**
       * Sid of the statement in the document that the principal was compared with; undefined = there was no such
       * document.
       */
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
      /** Adds a rule to a security group. */
      readonly kind: 'admit';
      readonly group: string;
      /** TCP port. */
      readonly port: number;
      /** Address ranges and groups; `own-group` is the group that the bastion will have. */
      readonly from: readonly string[] | 'own-group';
    }
  | {
      /** Adds an egress rule to a security group. */
      readonly kind: 'allow-out';
      readonly group: string;
      /** TCP port. */
      readonly port: number;
      /** Address ranges or one group. */
      readonly to: readonly string[];
    }
  | {
      /** Adds an entry that allows TCP to a network ACL. */
      readonly kind: 'acl-entry';
      readonly acl: string;
      readonly number: number;
      readonly egress: boolean;
      readonly fromPort: number;
      readonly toPort: number;
      readonly cidr: string;
    }
  /** The task or instance gets a public address at its next start. */
  | { readonly kind: 'assign-public-ip'; readonly source: string }
  | {
      readonly kind: 'peering-route';
      readonly routeTable: string;
      readonly destination: string;
      readonly peering: string;
    }
  /** Names of the VPC resolve to private addresses in the other VPC. */
  | { readonly kind: 'peering-dns'; readonly peering: string; readonly vpc: string }
  /** The bastion gets the group in addition to its own. */
  | { readonly kind: 'carry-group'; readonly group: string }
  | { readonly kind: 'associate-group'; readonly group: string; readonly vpc: string }
  | {
      readonly kind: 'add-endpoint';
      readonly vpc: string;
      /** `com.amazonaws.REGION.SERVICE`. */
      readonly serviceName: string;
      /** `Interface` means with private DNS, and with a group that admits port 443 from the subnet. */
      readonly type: 'Interface' | 'Gateway';
      readonly subnet: string;
      /** Route table of the subnet; a gateway endpoint is a route in it. */
      readonly routeTable: string | undefined;
      readonly dualStack: boolean;
    }
  | {
      readonly kind: 'set-endpoint';
      readonly endpoint: string;
      readonly privateDns?: true;
      readonly dualStack?: true;
      /** Actions that its policy has to allow in addition. */
      readonly allowActions?: readonly string[];
      readonly addRouteTable?: string | undefined;
    }
  | {
      readonly kind: 'set-route';
      readonly routeTable: string | undefined;
      readonly destination: string;
      /** A NAT gateway of the VPC, to be created if there is none. */
      readonly target: 'nat-gateway';
      /** Id of one that works; undefined = it has to be created, or none was read. */
      readonly gateway?: string | undefined;
    }
  | {
      /** New tasks replace the running ones, because the setting of a running task cannot be changed. */
      readonly kind: 'redeploy-service';
      readonly cluster: string;
      readonly service: string;
      /** Undefined = ECS Exec is already enabled for the service. */
      readonly enableExecuteCommand?: true;
      /** Family of a task definition whose newest revision is to run; undefined = the present one. */
      readonly family?: string | undefined;
      /** e.g. `LATEST`; undefined = the present one. */
      readonly platformVersion?: string;
      /** `CODE_DEPLOY` or `EXTERNAL`, which deploy by themselves; undefined = ECS. */
      readonly controller?: string | undefined;
    }
  | {
      /** Registers a new revision of a task definition with these members changed. */
      readonly kind: 'register-task-definition';
      /** `family:revision`. */
      readonly taskDefinition: string;
      readonly changes: DefinitionChanges;
    }
  | {
      /** Creates a role for tasks of this account. */
      readonly kind: 'create-task-role';
      readonly role: string;
      readonly account: string;
      readonly region: string;
      readonly partition: string;
    }
  /** What to look at: whether the registry has the image. */
  | { readonly kind: 'read-image'; readonly image: string }
  /** What to look at: how many connections a database had in these minutes, and how many it accepts. */
  | {
      readonly kind: 'read-connections';
      readonly database: string;
      readonly isCluster: boolean;
      /** ISO 8601. */
      readonly from: string;
      readonly to: string;
      /** Name of the group that sets `max_connections`; undefined = not known. */
      readonly parameterGroup: string | undefined;
    }
  /** What to look at: what the containers wrote before they ended. */
  | { readonly kind: 'read-logs'; readonly cluster: string; readonly service: string }
  /** What to look at: each hop of the network path from the tasks of the service to a service of AWS. */
  | {
      readonly kind: 'follow-path';
      readonly cluster: string;
      readonly service: string;
      /** e.g. `secretsmanager`. */
      readonly to: string;
    }
  /** The service starts another task in its place. */
  | { readonly kind: 'stop-task'; readonly cluster: string; readonly task: string }
  | {
      readonly kind: 'set-desired-count';
      readonly cluster: string;
      readonly service: string;
      readonly desiredCount: number;
    }
  | {
      readonly kind: 'start-database';
      readonly database: string;
    }
  /** The database gets a certificate of the newest authority at once. */
  | { readonly kind: 'renew-certificate'; readonly database: string }
  /** In GiB. */
  | { readonly kind: 'grow-storage'; readonly database: string; readonly allocatedGiB: number }
  | { readonly kind: 'extend-lease' | 'delete-leftovers'; readonly bastion: string }
  /** The bastion is deleted and brought up again. */
  | { readonly kind: 'replace-bastion'; readonly bastion: string }
  | { readonly kind: 'create-log-group'; readonly logGroup: string }
  | { readonly kind: 'encrypt-log-group'; readonly logGroup: string; readonly kmsKeyId: string | undefined }
  | {
      /** A task that belongs to no service is started again. */
      readonly kind: 'run-task';
      readonly cluster: string;
      readonly taskDefinition: string;
      readonly enableExecuteCommand: true;
    }
  | { readonly kind: 'set-subnet'; readonly subnet: string; readonly dns64: true };

/** Members of a task definition to change in a new revision. */
export type DefinitionChanges = {
  /** ARN. */
  readonly taskRole?: string;
  /** Members of the containers to change, by container. */
  readonly containers?: readonly {
    readonly name: string;
    readonly readonlyRoot?: false;
    readonly initProcess?: true;
    /** Variables to remove from `environment` and `secrets`. */
    readonly removeVariables?: readonly string[];
    /** Variable to add to `environment`. */
    readonly addVariable?: { readonly name: string; readonly value: string };
  }[];
  readonly removePidMode?: true;
};
