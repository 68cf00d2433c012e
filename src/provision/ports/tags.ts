/** Tag keys and values of one resource. It never holds the reserved `aws:` tags, except where documented. */
export type Tags = Readonly<Record<string, string>>;

/** Resources whose tag `key` has one of `values`; without values, those that have the tag with any value. */
export interface TagFilter {
  readonly key: string;
  readonly values?: readonly string[];
}
