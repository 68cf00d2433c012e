import type { Fact, AnyFacts } from './fact.ts';

/** Facts of the notes that are followed by advice, by code. */
export interface NoteFacts {
  /** The picker has ended with a choice. */
  'picked-command': {
    readonly action: 'shell' | 'forward' | 'database' | 'logs' | 'reasons';
    readonly cluster: string;
    readonly service?: string | undefined;
    /** Id of the task, where the service alone does not lead to it. */
    readonly task?: string | undefined;
    readonly container?: string | undefined;
    /** Id of the database. */
    readonly database?: string | undefined;
  };
  /** A requested setting is not applied, because the bastion is running already. */
  'bastion-kept': {
    /** Only on the last line of a message of several lines; undefined on the others. */
    readonly name?: string | undefined;
  };
  /** `up` has finished, and the bastion is running. */
  'bastion-up': {
    readonly name: string;
    /** The databases that were asked for. */
    readonly databases: readonly { readonly id: string; readonly host: string; readonly port: number }[];
    /** The bastion's security group allows outgoing traffic to port 443 only. */
    readonly onlyHttps: boolean;
  };
  /** AWS will reclaim a spot bastion in two minutes; `up` keeps this bastion or a session goes through it. */
  'bastion-interrupted': {
    readonly [name: string]: Fact;
    /** Undefined if the message itself says what happens next. */
    readonly name?: string | undefined;
    /** The bastion's region, if it is not the region of the command. */
    readonly region?: string | undefined;
    /** Id of the instance that replaces the bastion, if there is one. */
    readonly replacement?: string | undefined;
  };
  /** The bastion of a session terminates itself within ten minutes. */
  'lease-ending': { readonly name: string };
  /** The credentials of a forward end within ten minutes, and their renewal needs a person. */
  'credentials-ending': {
    readonly [name: string]: Fact;
    readonly profile?: string | undefined;
    readonly signIn?: 'sso' | 'login' | undefined;
    /** Code of the error of the renewal. */
    readonly reason: string;
    /** True for keys in the environment, which a running process cannot replace. */
    readonly isFixed?: boolean | undefined;
  };
  /** The agent of a bastion was online and does not answer SSM any more. */
  'agent-lost': {
    readonly [name: string]: Fact;
    readonly name: string;
    readonly instanceId: string;
  };
  /** The given client security group has no outgoing rule beyond port 443, which every bastion may use anyway. */
  'client-group-closed': {
    /** Only on the last line of a message of several lines; undefined on the others. */
    readonly group?: string | undefined;
  };
  /** A bastion of another tool is in the VPC. */
  'other-bastion': {
    readonly [name: string]: Fact;
    /** Only on the last line of a message of several lines; undefined on the others. */
    readonly instanceId?: string | undefined;
    readonly role?: string | undefined;
    readonly spotRequest?: string | undefined;
  };
  /** A group that the bastion is to have belongs to another VPC. */
  'client-group-elsewhere': AnyFacts;
  /** A database's security groups allow no access from the bastion or from the groups attached to it. */
  'database-closed': {
    readonly [name: string]: Fact;
    /** Only on the last line of a message of several lines; undefined on the others. */
    readonly database?: string | undefined;
  };
  /** What `status` leaves out, because the user has no permission to read it. */
  'for-operators': { readonly actions: readonly string[] };
  /** `status` found resources of a bastion without an instance. */
  'leftovers-found': { readonly name: string; readonly region?: string | undefined };
  /** `db` knows no password for the database. */
  'login-unknown': {
    readonly database: string;
    readonly user: string | undefined;
    /** False = `user` is the database's master user, or unknown. */
    readonly userIsGiven: boolean;
    /** Logins that the database accepts: a secret that RDS keeps for the user, an IAM token, any secret. */
    readonly logins: readonly ('managed-secret' | 'iam' | 'secret')[];
    /** Where the client looks for a password of the person's own. */
    readonly passwordFrom: string;
  };
  'no-bastions': AnyFacts;
  /** `down` found nothing of the named bastion, but other bastions exist. */
  'others-run': { readonly names: readonly string[] };
  /** A task or a bastion carries the connections, and nobody had asked for either. */
  'route-chosen': {
    readonly [name: string]: Fact;
    readonly via: 'task' | 'bastion';
    /** What may be asked for instead; undefined if nothing else can carry them. */
    readonly other?: 'task' | 'bastion' | undefined;
  };
  'session-document-use': { readonly database: string; readonly document: string };
  /** The client of a database ended with a status that may mean a refused IAM token. */
  'token-refused': { readonly family: 'postgres' | 'mysql'; readonly user: string | undefined };
  /** The person stopped `down`. */
  'teardown-unfinished': {
    readonly [name: string]: Fact;
    readonly name: string;
    /** True if all bastions were to be deleted. */
    readonly all: boolean;
  };
  /** `up`, or the replacement of a bastion, did not finish. */
  unfinished: { readonly name: string };
}
