import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { ENTRY } from '../../support/cli-process.ts';
import { elapsedMs, type Measurement, type Remark, repeat, type Row } from '../row.ts';

const ROOT = resolve(import.meta.dirname, '..', '..', '..');
const PACKED = [
  'package.json',
  'policies',
  'userdata',
  'docs',
  'CHANGELOG.md',
  'README.md',
  'SECURITY.md',
  'LICENSE',
];

export const size: Row = {
  name: 'size',
  title: 'what an installation downloads',
  run: async (options) => {
    const packed = pack();
    const installed = execFileSync('npm', ['ls', '--omit=dev', '--all', '--parseable'], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    return [
      { what: 'packed tarball', unit: 'kB', values: [packed.size / 1000] },
      { what: 'unpacked', unit: 'kB', values: [packed.unpackedSize / 1000] },
      { what: 'files', unit: 'files', values: [packed.entryCount] },
      {
        what: 'packages of an installation, optional ones included',
        unit: 'packages',
        values: [installed.trim().split('\n').length - 1],
      },
      await cleanInstall(options),
    ];
  },
};

interface Packed {
  readonly size: number;
  readonly unpackedSize: number;
  readonly entryCount: number;
}

/** Packs the built files from the output folder, which may be another one than dist/. */
function pack(): Packed {
  const folder = mkdtempSync(join(tmpdir(), 'fc-pack-'));
  try {
    for (const name of PACKED)
      cpSync(join(ROOT, name), join(folder, name), { recursive: true, errorOnExist: false });
    cpSync(dirname(ENTRY), join(folder, 'dist'), { recursive: true });
    const answer = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      cwd: folder,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [packed] = JSON.parse(answer) as readonly Packed[];
    if (packed === undefined) throw new Error('npm pack said nothing');
    return packed;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function cleanInstall({ slow, runs }: { slow: boolean; runs: number }): Promise<Measurement | Remark> {
  if (!slow) return { remark: 'npm ci is measured with --slow only: it needs a registry.' };
  const folder = mkdtempSync(join(tmpdir(), 'fc-install-'));
  try {
    for (const name of ['package.json', 'package-lock.json']) cpSync(join(ROOT, name), join(folder, name));
    const values = await repeat(runs, () => {
      const began = performance.now();
      execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
        cwd: folder,
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      return Promise.resolve(elapsedMs(began) / 1000);
    });
    return { what: 'npm ci of the checkout, npm’s cache as it is', unit: 's', values };
  } catch (error) {
    // The sizes are reported even if npm ci fails.
    return { remark: `npm ci failed: ${error instanceof Error ? error.message : String(error)}` };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
