import { readFileSync } from 'node:fs';
import { usage } from '../../core/errors.ts';
import type { Seed } from '../seed-shapes.ts';
import { defaultSeed } from './seed.ts';
import { parseWorldFile } from './world-file.ts';
import { seedOfWorld } from './world-seed.ts';
import { generatedWorld } from './generated-world.ts';

export interface WorldRequest {
  /** Path of a world file; undefined = the built-in world. */
  readonly file: string | undefined;
  /** Number of services to generate in addition, in a cluster of their own. */
  readonly services: number;
  readonly tasks: number;
}

/** Throws usage `bad-world` for a file that cannot be read or does not match the schema. */
export function loadWorld({ file, services, tasks }: WorldRequest): Seed {
  const base =
    file === undefined ? defaultSeed() : seedOfWorld(file, parseWorldFile(file, textOf(file)), defaultSeed());
  if (services === 0 && tasks === 0) return base;
  return seedOfWorld('--services', generatedWorld(Math.max(1, services), tasks), base);
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw usage('bad-world', `world file ${file} cannot be read`, { cause, details: { file } });
  }
}
