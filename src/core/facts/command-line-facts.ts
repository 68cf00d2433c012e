import type { Candidates } from '../candidates.ts';
import type { AnyFacts, Fact } from './fact.ts';
import type { Installation } from './installation.ts';

/** What is wrong with a command line, as far as the parser knows. */
export interface ParseFacts {
  readonly [name: string]: Fact;
  /** Corrections that the user probably meant. */
  readonly suggestions?: readonly string[] | undefined;
  /** All values that a flag or argument takes. */
  readonly allowed?: readonly string[] | undefined;
  /** What was expected instead, as a sentence. */
  readonly expected?: string | undefined;
  /** Index in argv of the first word of a remote command that was typed without `--` before it. */
  readonly remoteCommandAt?: number | undefined;
}

/** What the picker knew when it came to a question that no flag answers. */
export interface PickedFacts {
  readonly [name: string]: Fact;
  readonly cluster: string;
  readonly service?: string | undefined;
  /** Id of the task, where the service alone does not lead to it. */
  readonly task?: string | undefined;
  /** Name of the container. */
  readonly container?: string | undefined;
  /** What can be done with it. */
  readonly actions: readonly ('shell' | 'forward' | 'database' | 'logs' | 'reasons')[];
}

/** Errors of the command line, its environment and the installation. */
export interface CommandLineErrorFacts {
  'bad-arguments': {
    readonly [name: string]: Fact;
    /** Correct arguments of the same command; one list for each way to correct them. */
    readonly instead?: readonly (readonly string[])[] | undefined;
    /** Index in argv of the first word of a remote command that was typed without `--` before it. */
    readonly remoteCommandAt?: number | undefined;
  };
  'bad-fault': {
    readonly expected?: string | undefined;
    /** Names of all faults that exist. */
    readonly known?: readonly string[] | undefined;
  };
  'check-kind': AnyFacts;
  'check-placeholders': {
    readonly principal: string;
    readonly placeholders: readonly string[];
    readonly flags: readonly string[];
  };
  'check-principal': { readonly principal: string; readonly rolesOnly?: boolean | undefined };
  'cleanup-timeout': AnyFacts;
  'code-format': { readonly kind: string; readonly format: string };
  'config-unknown-key': {
    readonly file: string;
    readonly key: string;
    readonly nearest?: string | undefined;
    readonly known: readonly string[];
  };
  'conflicting-option': ParseFacts;
  'connection-exists': { readonly name: string; readonly file: string };
  'connection-kind': { readonly name: string; readonly kind: string };
  'connection-name': { readonly name: string };
  'connection-not-found': Candidates;
  'connections-differ': { readonly names: readonly string[]; readonly key: string };
  'demo-leftovers': { readonly differences: readonly string[] };
  duration: {
    readonly flag: string;
    readonly value: string;
    /** The shortest and longest duration that is allowed, as typed; undefined = the text is not a duration at all. */
    readonly between?: readonly [string, string] | undefined;
  };
  'environment-value': { readonly variable: string; readonly takes: string };
  'excess-arguments': ParseFacts;
  'input-needed': {
    /** Undefined where no flag answers the question; then `picked` says what other commands can do. */
    readonly flag: string | undefined;
    readonly candidates: readonly string[];
    readonly more: number;
    readonly picked?: PickedFacts | undefined;
  };
  internal: AnyFacts;
  'invalid-argument': ParseFacts;
  'kms-key': {
    readonly flag: string;
    readonly value: string;
    readonly expected: string;
    /** The flag that takes this key. */
    readonly instead?: '--session-key' | undefined;
  };
  'missing-argument': ParseFacts;
  'option-missing-argument': ParseFacts;
  'path-end': { readonly expected: string };
  'path-end-not-found': { readonly end: string };
  'placeholder-unfilled': AnyFacts;
  port: { readonly flag: string; readonly value: string };
  'principal-not-found': { readonly principal: string; readonly kind: 'role' | 'user' };
  'sandbox-part-missing': {
    /** Package names, with the version to install if it is known. */
    readonly packages: readonly string[];
    /** Where the tool is installed; undefined = unknown. */
    readonly installation?: Installation | undefined;
  };
  'sandbox-port': { readonly port: number };
  'tag-invalid': {
    readonly key: string;
    readonly from: string;
    /** A tag that is as near to the refused one as the rules allow. */
    readonly example: { readonly key: string; readonly value: string };
  };
  'unknown-command': ParseFacts;
  'unknown-option': ParseFacts;
  'user-data-file': AnyFacts;
}
