import { describe, expect, it } from 'vitest';
import { cacheFolder, compileCacheFolder } from '../../src/config/cache-folder.ts';

describe('the cache folder', () => {
  it.each([
    ['linux', { HOME: '/home/a' }, '/home/a/.cache/fargate-connect'],
    ['linux', { HOME: '/home/a', XDG_CACHE_HOME: '/var/c' }, '/var/c/fargate-connect'],
    ['linux', { HOME: '/home/a', XDG_CACHE_HOME: '' }, '/home/a/.cache/fargate-connect'],
    ['linux', { HOME: '/home/a', XDG_CACHE_HOME: 'relative' }, '/home/a/.cache/fargate-connect'],
    ['linux', { HOME: '' }, undefined],
    ['linux', { HOME: 'relative' }, undefined],
    ['linux', {}, undefined],
    ['darwin', { HOME: '/Users/a' }, '/Users/a/Library/Caches/fargate-connect'],
    ['darwin', { HOME: '/Users/a', XDG_CACHE_HOME: '/var/c' }, '/var/c/fargate-connect'],
    ['win32', { LOCALAPPDATA: '/local' }, '/local/fargate-connect'],
  ] as const)('on %s with %j is %s', (platform, env, folder) => {
    expect(cacheFolder(env, platform)).toBe(folder);
  });
});

describe('the compile cache', () => {
  it.each(['', '0', 'false', 'No'])('is on with FARGATE_CONNECT_NO_COMPILE_CACHE=%s', (value) => {
    const env = { HOME: '/home/a', FARGATE_CONNECT_NO_COMPILE_CACHE: value };
    expect(compileCacheFolder(env, 'linux')).toBe('/home/a/.cache/fargate-connect/compile-cache');
  });

  it.each(['1', 'true', 'yes', 'anything else'])(
    'is off with FARGATE_CONNECT_NO_COMPILE_CACHE=%s',
    (value) => {
      const env = { HOME: '/home/a', FARGATE_CONNECT_NO_COMPILE_CACHE: value };
      expect(compileCacheFolder(env, 'linux')).toBeUndefined();
    },
  );

  it('is off without a home directory', () => {
    expect(compileCacheFolder({}, 'linux')).toBeUndefined();
  });
});
