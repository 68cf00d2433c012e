import { describe, expect, it } from 'vitest';
import { adviceFor } from '../../src/cli/advice/advice.ts';
import { installationOf, requirePackages } from '../../src/cli/sandbox-packages.ts';

const PACKAGES = ['@electric-sql/pglite@0.5.14', '@lydell/node-pty@1.1.0'];
const NAMES = PACKAGES.join(' ');

describe('a missing package of the sandbox', () => {
  it.each([
    {
      where: 'in a project',
      root: '/home/a/shop/node_modules/fargate-connect',
      existing: ['/home/a/shop/package.json'],
      line: `npm install --no-save --include=optional --prefix /home/a/shop ${NAMES}`,
    },
    {
      where: 'in a project whose path needs quotes',
      root: '/home/a/my shop/node_modules/fargate-connect',
      existing: ['/home/a/my shop/package.json'],
      line: `npm install --no-save --include=optional --prefix '/home/a/my shop' ${NAMES}`,
    },
    {
      where: 'globally',
      root: '/usr/local/lib/node_modules/fargate-connect',
      existing: [],
      line: `npm install --global --include=optional ${NAMES}`,
    },
    {
      where: 'by npx',
      root: '/home/a/.npm/_npx/f7c3/node_modules/fargate-connect',
      existing: ['/home/a/.npm/_npx/f7c3/package.json'],
      line: `npx --include=optional --package fargate-connect@1.2.3 ${PACKAGES.map((name) => `--package ${name}`).join(' ')} -- fargate-connect sandbox --port 4566`,
    },
    {
      where: 'by pnpm',
      root: '/home/a/shop/node_modules/.pnpm/fargate-connect@1.2.3/node_modules/fargate-connect',
      existing: [],
      line: `pnpm add ${NAMES}`,
    },
    {
      where: 'unpacked from the tarball',
      root: '/opt/package',
      existing: ['/opt/package/package.json'],
      line: `npm install --no-save --omit=dev --include=optional --prefix /opt/package ${NAMES}`,
    },
    {
      where: 'as a checkout',
      root: '/home/a/fargate-connect',
      existing: ['/home/a/fargate-connect/package.json', '/home/a/fargate-connect/package-lock.json'],
      line: 'npm ci --include=optional --prefix /home/a/fargate-connect',
    },
  ])('is reported with the command that installs it: $where', ({ root, existing, line }) => {
    const installation = installationOf(root, '1.2.3', (path) => existing.includes(path));
    const context = { command: 'sandbox', given: {}, argv: ['sandbox', '--port', '4566'] };
    expect(adviceFor('sandbox-part-missing', { packages: PACKAGES, installation }, context)).toEqual([line]);
  });

  it('is reported with its name and the message of Node.js, together with all others', () => {
    const missing = [
      { name: '@electric-sql/pglite', reason: undefined },
      { name: '@lydell/node-pty', reason: 'no build for sunos\nRequire stack: …' },
    ];
    expect(() => requirePackages(missing)).toThrow(
      expect.objectContaining({
        code: 'sandbox-part-missing',
        message:
          'the sandbox needs packages that it cannot load: @electric-sql/pglite (not installed), @lydell/node-pty (no build for sunos)',
        details: expect.objectContaining({
          packages: [
            expect.stringMatching(/^@electric-sql\/pglite@\d+\.\d+\.\d+$/),
            expect.stringMatching(/^@lydell\/node-pty@\d+\.\d+\.\d+$/),
          ],
        }),
      }),
    );
  });

  it('is not reported if all packages can be loaded', () => {
    expect(() => requirePackages([])).not.toThrow();
  });
});
