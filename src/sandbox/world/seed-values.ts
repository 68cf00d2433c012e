import { createHash } from 'node:crypto';
import type { SeedTag } from '../seed-shapes.ts';

/** Hexadecimal digits that are always the same for the same text, for ids of resources. */
export const digitsOf = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Tags in the shape of a seed. */
export const tagsOf = (tags: Readonly<Record<string, string>> = {}): readonly SeedTag[] =>
  Object.entries(tags).map(([key, value]) => ({ key, value }));
