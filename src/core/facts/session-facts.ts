import type { AnyFacts, Fact } from './fact.ts';

/** The session that an error is about, and the missing permission. */
export interface ChannelFacts {
  readonly [name: string]: Fact;
  readonly sessionId: string;
  /** The IAM action that is missing. */
  readonly action: string;
}

/** The container to which a session was to be opened, or the Session Manager target if only that is known. */
export type TargetFacts = {
  readonly target: string;
  readonly cluster?: string | undefined;
  readonly task?: string | undefined;
  readonly container?: string | undefined;
  /** Name of the role of the task, if it was read. */
  readonly taskRole?: string | undefined;
};

/** Errors of sessions and forwards. */
export interface SessionErrorFacts {
  'detached-not-found': { readonly name: string; readonly stopped: readonly string[] };
  'forward-name-taken': { readonly name: string };
  'supervisor-lost': { readonly hasBegun: boolean };
  'supervisor-not-started': AnyFacts;
  'supervisor-silent': { readonly socket: string };
  'supervisor-version': { readonly version: string; readonly pid: number };
  'agent-silent': AnyFacts;
  'bad-forward': {
    readonly value: string;
    /** Which grammar counts: that of `-L`, of `-L` with `--document`, of `-D`, or of `--stdio`. */
    readonly form: 'forward' | 'listener' | 'proxy' | 'target';
    /** The same parts in an order that can be read. */
    readonly suggestions?: readonly string[] | undefined;
  };
  'bind-address-invalid': AnyFacts;
  'exec-not-started': AnyFacts;
  'forward-needed': AnyFacts;
  'gateway-unreachable': AnyFacts;
  'host-not-allowed': { readonly host: string; readonly port: number };
  'host-pattern-invalid': { readonly value: string };
  'link-local-refused': {
    readonly host: string;
    /** What the name resolved to; undefined if the host is an address. */
    readonly address?: string | undefined;
  };
  'local-port-forbidden': AnyFacts;
  'local-port-taken': {
    readonly [name: string]: Fact;
    readonly port: number;
    readonly holder?: string | undefined;
  };
  'pac-proxy': AnyFacts;
  'plugin-failed': AnyFacts;
  'plugin-missing': AnyFacts;
  'plugin-unsupported': AnyFacts;
  'port-not-open': {
    readonly [name: string]: Fact;
    /** Name of the bastion. */
    readonly name: string;
    readonly port: number;
    /** The database to which the host name belongs. */
    readonly database?: string | undefined;
  };
  'resume-denied': ChannelFacts;
  'resume-refused': AnyFacts;
  'route-unlogged': {
    readonly [name: string]: Fact;
    /** Whether a port of the task itself is wanted, which only the task can carry. */
    readonly toTaskItself?: boolean | undefined;
  };
  'session-document-missing': { readonly documentName?: string | undefined };
  'session-failed': { readonly host?: string | undefined; readonly port?: number | undefined };
  'session-log-unverified': { readonly action: string; readonly target: string };
  'session-not-ended': ChannelFacts;
  'too-many-destinations': { readonly destination: string; readonly limit: number };
  'upgrade-refused': { readonly status: number; readonly host: string };
}
