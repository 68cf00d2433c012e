import type { Change } from '../../diagnose/change.ts';

/** A change as something to type or to paste. */
export interface RenderedChange {
  /** Command line that makes the change; undefined if no command of this account does. */
  readonly command?: string | undefined;
  /** Attribute or block of Terraform's AWS provider. */
  readonly terraform?: string | undefined;
  /** IAM statement to add. */
  readonly policyStatement?: unknown;
  /** What to do where no command helps, or besides the command. */
  readonly instruction?: string | undefined;
}

/**
 * The change of one kind. `allow-actions`, `deny-actions` and `withdraw-denial` are one member of the union, which `Extract` would
 * not find.
 */
export type Of<K extends Change['kind']> = Change & { readonly kind: K };
