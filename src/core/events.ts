import type { ErrorDetails } from './error-facts.ts';

/** What business code tells the person (or, with `--json`, the program) while it works. Rendered only by ui/. */
export type ToolEvent =
  /** A step of long work began; `title` says what is happening, `next` what follows it. */
  | { readonly type: 'step-started'; readonly step: string; readonly title: string; readonly next?: string }
  /** Something changed inside the running step (an attempt, a state); replaces the previous detail on a TTY. */
  | { readonly type: 'step-progress'; readonly step: string; readonly detail: string }
  | { readonly type: 'step-done'; readonly step: string; readonly title: string; readonly detail?: string }
  | { readonly type: 'step-failed'; readonly step: string; readonly title: string; readonly detail: string }
  /** One line of talk; `code` is stable for programs, `details` are the facts of the code (error-facts.ts). */
  | {
      readonly type: 'note';
      readonly level: 'info' | 'warning';
      readonly code: string;
      readonly message: string;
      readonly details?: ErrorDetails;
      /** What to type next, one line each. Only cli/ adds them, from cli/advice/. */
      readonly hints?: readonly string[];
    }
  /** A local listener is bound and its far side is ready to use. */
  | {
      readonly type: 'forward-ready';
      readonly local: { readonly host: string; readonly port: number };
      readonly remote: ForwardRemote;
      readonly via: 'task' | 'bastion';
      readonly target: string;
    }
  | { readonly type: 'forward-connection'; readonly localPort: number; readonly open: number }
  /** The way to the far side is interrupted or open again; the listener stays. */
  | {
      readonly type: 'session-state';
      readonly state: 'interrupted' | 'resumed' | 'replaced' | 'ended';
      readonly reason: string;
    };

/** Where a forward leads; a session document keeps that to itself. */
export type ForwardRemote = { readonly host: string; readonly port: number } | { readonly document: string };

export type Report = (event: ToolEvent) => void;
