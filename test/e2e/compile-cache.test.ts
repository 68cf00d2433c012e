import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import module from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CliProcess } from '../support/cli-process.ts';

/** Node.js offers the compile cache from 22.1 on. */
const IS_OFFERED = 'enableCompileCache' in module;

describe('the compile cache', () => {
  let caches: string;
  beforeEach(() => {
    caches = mkdtempSync(join(tmpdir(), 'fc-caches-'));
  });
  afterEach(() => rmSync(caches, { recursive: true, force: true }));

  const version = async (env: Readonly<Record<string, string>>): Promise<string> => {
    const { status, stdout, stderr } = await new CliProcess(['--version'], { env }).finished;
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    return stdout;
  };

  it(`is ${IS_OFFERED ? "kept in the user's cache folder" : 'not used on a Node.js version that does not offer it'}`, async () => {
    await version({ XDG_CACHE_HOME: caches });
    expect(existsSync(join(caches, 'fargate-connect', 'compile-cache'))).toBe(IS_OFFERED);
  });

  it('is not used with FARGATE_CONNECT_NO_COMPILE_CACHE=1', async () => {
    await version({ XDG_CACHE_HOME: caches, FARGATE_CONNECT_NO_COMPILE_CACHE: '1' });
    expect(existsSync(join(caches, 'fargate-connect'))).toBe(false);
  });

  it('does not change the result when its folder cannot be written', async () => {
    writeFileSync(join(caches, 'fargate-connect'), 'a file where the folder would be');
    expect(await version({ XDG_CACHE_HOME: caches })).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
