import type { Candidates } from '../candidates.ts';
import type { ParseFacts } from './command-line-facts.ts';
import type { AnyFacts, Fact } from './fact.ts';
import type { TargetFacts } from './session-facts.ts';

/** The container of a task that an error is about. */
export interface TaskFacts {
  readonly [name: string]: Fact;
  readonly cluster: string;
  readonly task: string;
  readonly container: string;
}

/** The service that an error is about. */
export interface ServiceFacts {
  readonly [name: string]: Fact;
  readonly cluster: string;
  readonly service: string;
}

/** The file that an error of a copy is about. */
export interface CopyFacts {
  readonly [name: string]: Fact;
  readonly path: string;
  /** Which file system. */
  readonly side: 'container' | 'local';
}

/** Errors about clusters, services, tasks and containers, and about copies of their files. */
export interface ContainerErrorFacts {
  'cluster-needed': { readonly candidates: readonly string[] };
  'cluster-not-found': Partial<Candidates> & { readonly cluster: string };
  'command-needed': AnyFacts;
  'container-needed': { readonly candidates: readonly string[] };
  'container-not-found': Candidates & {
    readonly container: string;
    readonly cluster: string;
    /** Undefined if none of several tasks has it. */
    readonly task?: string | undefined;
  };
  'container-not-running': TaskFacts & { readonly mayStart: boolean };
  'copy-arguments': ParseFacts;
  'copy-disk-full': CopyFacts;
  'copy-folder-needed': CopyFacts;
  'copy-incomplete': { readonly path: string; readonly leftOut: readonly string[]; readonly count: number };
  'copy-not-found': CopyFacts;
  'copy-read-only': CopyFacts;
  'copy-tool-missing': { readonly tool: string };
  'deployment-controller': ServiceFacts & {
    /** `CODE_DEPLOY` or `EXTERNAL`. */
    readonly controller: string;
  };
  'deployment-failed': ServiceFacts;
  'deployment-timeout': ServiceFacts;
  'exec-agent-not-running': TaskFacts & {
    /** `absent` = the container has no such agent. */
    readonly agent: 'PENDING' | 'STOPPED' | 'absent';
    readonly agentReason: string | null;
    /** Name of the role of the task, if it was read. */
    readonly taskRole?: string | undefined;
    /** How long the agent has been in this state, in milliseconds. */
    readonly stateAgeMs?: number | undefined;
  };
  'exec-not-enabled': {
    readonly [name: string]: Fact;
    readonly cluster: string;
    readonly task: string;
    /** The service of the task; undefined for a stand-alone task. */
    readonly service?: string | undefined;
    /** Task definition of a stand-alone task. */
    readonly taskDefinition?: string | undefined;
    /**
     * Whether the service has ECS Exec enabled; the task is then older than that setting. Undefined if only AWS's
     * refusal is known.
     */
    readonly serviceEnabled?: boolean | undefined;
  };
  'log-group-not-found': { readonly group: string; readonly region: string };
  'log-pattern-invalid': AnyFacts;
  'log-stream-not-found': { readonly group: string; readonly region: string };
  'no-clusters': AnyFacts;
  'no-log-source': { readonly cluster: string; readonly service?: string | undefined };
  'no-running-task': {
    readonly cluster: string;
    readonly service?: string | undefined;
    readonly desiredCount?: number | undefined;
    readonly pendingCount?: number | undefined;
  };
  'nothing-to-pick': AnyFacts;
  'nothing-to-repeat': AnyFacts;
  'root-read-only': ServiceFacts & { readonly taskDefinition: string };
  'service-needed': AnyFacts;
  'service-not-found': Partial<Candidates> & {
    readonly service: string;
    readonly cluster?: string | undefined;
  };
  'service-update-refused': ServiceFacts;
  'target-not-connected': TargetFacts;
  'task-ambiguous': { readonly task: string; readonly candidates: readonly string[] };
  'task-not-found': Partial<Candidates> & { readonly task: string; readonly cluster?: string | undefined };
  'task-not-running': TaskFacts & {
    readonly status: string;
    readonly mayStart: boolean;
    readonly stoppedReason?: string | undefined;
  };
  'task-role-needed': ServiceFacts & { readonly taskDefinition: string };
  'task-stopped': TaskFacts & {
    readonly service: string | undefined;
    /** ECS's code: `EssentialContainerExited`, `UserInitiated`, `ServiceSchedulerInitiated`, … */
    readonly stopCode: string | undefined;
    /** ECS's text about the task. */
    readonly reason: string | undefined;
    readonly exitCode: number | undefined;
    readonly outOfMemory: boolean;
  };
  'windows-container': TaskFacts & { readonly platformFamily: string };
}
