/** Tag keys and values of one resource; never holds the `aws:` tags that nobody may write, except where said. */
export type Tags = Readonly<Record<string, string>>;

/** Resources whose tag `key` has one of `values`; without values, those that have the tag at all. */
export interface TagFilter {
  readonly key: string;
  readonly values?: readonly string[];
}
