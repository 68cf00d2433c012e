import type { CodeFormat } from '../../provision/export/export-code.ts';
import type { PolicyKindName } from '../../provision/policy/policy-kinds.ts';
import type { IamOverrides } from '../bastion/iam-naming.ts';

/** What `policy` is asked for, and the place for which the document is made. */

export interface PolicyRequest {
  readonly kind: PolicyKindName;
  /** Name of the bastion; `*` = any. */
  readonly name: string;
  readonly account: string | undefined;
  /** Placeholder → value, for the placeholders that have their own flag. */
  readonly values: Readonly<Record<string, string | undefined>>;
  /** For `session-document`: the database to look up; `forward-document` is named after it. */
  readonly database: string | undefined;
  readonly format: 'json' | CodeFormat;
  /** The principal to check, instead of printing the document. */
  readonly check: string | undefined;
  readonly iam: IamOverrides;
  /** Instance types that operators may launch; empty = the default pool. */
  readonly types: readonly string[];
  /** Images that operators may launch besides Amazon's: AMI ids, or names of SSM parameters. */
  readonly images: readonly string[];
  /** `KEY=VALUE`, as typed; the tags of the configuration files are in the settings. */
  readonly tags: readonly string[];
}

/** The known facts about where the bastion will be; undefined = not known, and the placeholder remains. */
export interface Location {
  readonly account: string | undefined;
  readonly region: string | undefined;
  readonly partition: string | undefined;
}
