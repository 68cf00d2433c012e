import type { ErrorDetails } from './facts/fact.ts';

/** What business code reports to the user (or, with `--json`, to a program) while it works. Only ui/ renders it. */
export type ToolEvent =
  /** A step of long work began; `title` says what is happening, `next` what happens after it. */
  | { readonly type: 'step-started'; readonly step: string; readonly title: string; readonly next?: string }
  /** Something changed inside the running step (an attempt, a state); replaces the previous detail on a TTY. */
  | { readonly type: 'step-progress'; readonly step: string; readonly detail: string }
  | { readonly type: 'step-done'; readonly step: string; readonly title: string; readonly detail?: string }
  | { readonly type: 'step-failed'; readonly step: string; readonly title: string; readonly detail: string }
  /** A message of one line; `code` is stable for programs, `details` are the facts of the code (error-facts.ts). */
  | {
      readonly type: 'note';
      readonly level: 'info' | 'warning';
      readonly code: string;
      readonly message: string;
      readonly details?: ErrorDetails;
      /** The commands to type next, one line each. Only cli/ adds them, from cli/advice/. */
      readonly hints?: readonly string[];
      readonly repeats?: Repeats;
    }
  /** A local listener is bound and the connection to the remote side is ready to use. */
  | {
      readonly type: 'forward-ready';
      /** Name of the connection of the config file; absent = the listener was typed. */
      readonly connection?: string;
      readonly local: { readonly host: string; readonly port: number };
      readonly remote: ForwardRemote | ProxyRemote;
      readonly via: 'task' | 'bastion';
      readonly target: string;
    }
  /** A connection was opened or closed, and so many are open now. */
  | {
      readonly type: 'forward-connection';
      readonly localPort: number;
      readonly open: number;
      readonly repeats?: Repeats;
    }
  /** Bytes from local programs (`sent`) and for them since the listener was bound; only with `--report-traffic`. */
  | {
      readonly type: 'forward-traffic';
      readonly localPort: number;
      readonly sent: number;
      readonly received: number;
    }
  /** The connection to the remote side is interrupted or restored; the listener stays. */
  | {
      readonly type: 'session-state';
      readonly state: 'interrupted' | 'resumed' | 'replaced' | 'ended';
      readonly reason: string;
      /** The `-L` whose session it is, where several are open. */
      readonly forward?: string;
      readonly repeats?: Repeats;
    };

/** Set by the reporter on an event that stands for several equal ones. */
export interface Repeats {
  readonly count: number;
  readonly withinMs: number;
}

/** The destination of a forward; a session document does not reveal it. */
export type ForwardRemote = { readonly host: string; readonly port: number } | { readonly document: string };

/** A proxy has no destination of its own: each request names one. */
export interface ProxyRemote {
  /** The protocols that it takes on its one port. */
  readonly proxy: 'socks5,http';
  /** Patterns of the hosts to which it leads; absent = every host. */
  readonly allowed?: readonly string[];
}

/** Takes an event when it happens; never throws and never waits. */
export type Report = (event: ToolEvent) => void;
