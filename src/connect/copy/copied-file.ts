/** What cp did with one file or folder. */
export interface CopiedFile {
  /** `-` for a stream. */
  readonly source: string;
  /** The final name, `-` for a stream. */
  readonly target: string;
  readonly bytes: number;
  /** Absent for a single file. */
  readonly files?: number;
  /** As hexadecimal digits, of what was sent or received here; empty for a folder. */
  readonly sha256: string;
  /** `sha256`: the container computed the same digest. `length`: the image has no program for it. `none`: neither. */
  readonly verified: 'sha256' | 'length' | 'none';
  /** Bytes that an earlier, interrupted copy had left; 0 = none. */
  readonly resumedAt: number;
  /** Attributes that could not be set: `mode`, `time`, `owner`. */
  readonly notKept: readonly string[];
  readonly ms: number;
}
