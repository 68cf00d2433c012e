/**
 * Checks what `npm publish` would publish: the size of the tarball, what an installation of it brings, and that the tool runs
 * without any node_modules. Needs a build and npm's registry. Prints what was measured; a line on stderr for each failure.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { BUDGETS, kilobytes } from './bundle-checks.ts';

const MOST_PACKAGES = { withOptional: 5, withoutOptional: 1 } as const;
const PATIENCE_MS = 180_000;
const BUILT = resolve('dist', 'main.js');

const failures: string[] = [];
const say = (line: string): void => console.log(line);
function check(what: string, holds: boolean): void {
  say(`${holds ? 'ok' : 'FAILED'}: ${what}`);
  if (!holds) failures.push(what);
}

interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly files: readonly { readonly path: string }[];
}

function pack(folder: string): Packed {
  const answer = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [packed] = JSON.parse(answer) as readonly Packed[];
  if (packed === undefined) throw new Error('npm pack printed nothing');
  return packed;
}

/** Folders of packages on disk, at any depth: what npm prints counts what it left out, too. */
function packagesBelow(folder: string): readonly string[] {
  const modules = join(folder, 'node_modules');
  if (!existsSync(modules)) return [];
  return readdirSync(modules)
    .filter((name) => !name.startsWith('.'))
    .flatMap((name) =>
      name.startsWith('@') ? readdirSync(join(modules, name)).map((inner) => join(name, inner)) : [name],
    )
    .flatMap((name) => [name, ...packagesBelow(join(modules, name))]);
}

function checkInstallation(tarball: string, folder: string, omit: readonly string[], most: number): void {
  mkdirSync(folder);
  const kind = omit.length === 0 ? 'with the optional packages' : 'without the optional packages';
  execFileSync('npm', ['init', '-y'], { cwd: folder, stdio: 'ignore' });
  execFileSync('npm', ['install', '--no-audit', '--no-fund', ...omit, tarball], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const packages = packagesBelow(folder);
  check(
    `an installation ${kind} brings ${packages.length} packages, at most ${most} (${packages.join(', ')})`,
    packages.length <= most,
  );
}

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs to the end, or until `enough` says so of its standard output; then it is interrupted. */
function run(
  entry: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  enough: (stdout: string) => boolean = () => false,
): Promise<Ended> {
  const child = spawn(process.execPath, [entry, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const limit = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    if (enough(stdout)) child.kill('SIGINT');
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((done) => {
    child.on('close', (status) => {
      clearTimeout(limit);
      done({ status, stdout, stderr });
    });
  });
}

/** The sandbox of the checkout's build, ready for use. */
async function startSandbox(): Promise<{
  readonly child: ChildProcess;
  readonly env: Record<string, string>;
}> {
  const child = spawn(process.execPath, [BUILT, 'sandbox', '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: child.stdout }))
    return { child, env: (JSON.parse(line) as { readonly env: Record<string, string> }).env };
  throw new Error('the sandbox ended before it was ready');
}

/** The commands of everyday work from the unpacked tarball, beside which there is no node_modules. */
async function checkUnpacked(tarball: string, folder: string): Promise<void> {
  mkdirSync(folder);
  execFileSync('tar', ['xzf', tarball, '-C', folder]);
  const entry = join(folder, 'package', 'dist', 'main.js');
  const { child, env: sandbox } = await startSandbox();
  const env = { ...sandbox, PATH: process.env['PATH'] ?? '', HOME: folder };
  try {
    const expectRun = async (
      args: readonly string[],
      expected: RegExp,
      enough?: (stdout: string) => boolean,
    ): Promise<void> => {
      const { status, stdout, stderr } = await run(entry, args, env, enough);
      const isExpected = enough === undefined ? status === 0 : status === 0 || status === 130;
      const holds = isExpected && expected.test(stdout + stderr);
      check(`${args[0]} runs without node_modules`, holds);
      if (!holds) say(`status ${status}\n${stdout}\n${stderr}`);
    };
    await expectRun(['ls', 'services', '--cluster', 'demo'], /orders-api/);
    await expectRun(
      ['exec', 'orders-api', '--cluster', 'demo', '--container', 'app', '--', 'echo', 'was', 'here'],
      /was here/,
    );
    await expectRun(['up', '--cluster', 'demo', '--yes'], /is up/);
    await expectRun(
      ['forward', '-L', '0:10.0.0.10:443', '--cluster', 'demo', '--via', 'bastion', '--json'],
      /forward-ready/,
      (stdout) => stdout.includes('forward-ready'),
    );
    await expectRun(['down', '--yes'], /none is left/);
    const { status, stderr } = await run(entry, ['demo'], env);
    check(
      'demo without its packages says so, with a command',
      status === 1 && /npm install .*pglite.*node-pty/s.test(stderr),
    );
  } finally {
    child.kill('SIGINT');
  }
}

const folder = mkdtempSync(join(tmpdir(), 'fc-package-'));
try {
  const packed = pack(folder);
  const tarball = join(folder, packed.filename);
  check(
    `the tarball has ${kilobytes(packed.size)}, at most ${kilobytes(BUDGETS.tarballBytes)}`,
    packed.size <= BUDGETS.tarballBytes,
  );
  const paths = packed.files.map(({ path }) => path);
  for (const path of [
    'dist/THIRD_PARTY_NOTICES.txt',
    'README.md',
    'LICENSE',
    'SECURITY.md',
    'docs/errors.md',
  ])
    check(`${path} is in the tarball`, paths.includes(path));
  checkInstallation(tarball, join(folder, 'all'), [], MOST_PACKAGES.withOptional);
  checkInstallation(tarball, join(folder, 'bare'), ['--omit=optional'], MOST_PACKAGES.withoutOptional);
  await checkUnpacked(tarball, join(folder, 'unpacked'));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
for (const failure of failures) console.error(`package: ${failure}`);
process.exitCode = failures.length === 0 ? 0 : 1;
