import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../src/cli/program.ts';

const ROOT = resolve(import.meta.dirname, '..');
const SRC = join(ROOT, 'src');

/**
 * Allowed static imports of each folder (docs/architecture.md). A value is a folder or a single module without its file
 * extension.
 */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  main: ['cli', 'config', 'ui', 'core', 'aws'],
  cli: [
    'app',
    'config',
    'ui',
    'core',
    // The process edge opens the account, and the demo opens that of its sandbox.
    'aws/open-account',
    // The help page of `policy` lists the kinds.
    'provision/policy/policy-kinds',
    // The plan as lines and as JSON, for `up` and `down`.
    'provision/plan/plan',
  ],
  app: ['provision', 'connect', 'diagnose', 'config', 'ui', 'aws', 'core'],
  provision: ['core'],
  connect: ['core', 'protocol'],
  diagnose: ['core', 'connect/ports', 'provision/ports'],
  ui: ['core', 'connect/ports'],
  config: ['core'],
  aws: ['core', 'provision/ports', 'connect/ports'],
  protocol: ['core/bytes', 'core/errors'],
  sandbox: ['core', 'protocol'],
  core: [],
};

/**
 * Folders whose types a folder may also import, because it renders them or passes them on; type imports leave no code.
 */
const ALLOWED_TYPES: Readonly<Record<string, readonly string[]>> = {
  cli: ['provision', 'connect', 'diagnose', 'aws'],
};

/** The only imports of the sandbox; they are dynamic, so that no other command loads it. */
const SANDBOX_DOORS = ['cli/commands/sandbox', 'cli/commands/demo'];

/** A longer module holds more than one subject. There is no exception at present. */
const LONGEST_MODULE = 400;

/** Modules whose texts hold the flags of other programs: database clients, BusyBox, curl, the AWS CLI, V8. */
const OTHER_PROGRAMS = [
  'connect/database/client-setup',
  'connect/copy/copy-script',
  'connect/forward/proxy-request',
  'provision/export/exported-bastion',
  'app/forward/young-generation',
];

interface Import {
  readonly from: string;
  readonly target: string;
  readonly specifier: string;
  readonly dynamic: boolean;
  /** Whether it is `import type` or `export type`. */
  readonly typeOnly: boolean;
}

const sources = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => ({
    module: name.replaceAll('\\', '/').replace(/\.ts$/, ''),
    text: readFileSync(join(SRC, name), 'utf8'),
  }));

/** Removes comments and template text, which would otherwise count as code. */
function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|[^:'"`])\/\/.*$/gm, '$1');
}

/** The literals of a module that contain a flag and more than it. */
function flagsInTexts(text: string): readonly string[] {
  const literals =
    withoutComments(text).match(/'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g) ?? [];
  return literals
    .map((literal) => literal.slice(1, -1))
    .filter((literal) => /(?<![\w-])--[a-z]/.test(literal) && !/^--[a-z-]+$/.test(literal));
}

function importsOf(source: { readonly module: string; readonly text: string }): Import[] {
  const text = withoutComments(source.text);
  const found: Import[] = [];
  const add = (specifier: string, dynamic: boolean, typeOnly = false): void => {
    const target = specifier.startsWith('.')
      ? relative(SRC, resolve(dirname(join(SRC, source.module)), specifier)).replace(/\.ts$/, '')
      : specifier;
    found.push({ from: source.module, target, specifier, dynamic, typeOnly });
  };
  for (const match of text.matchAll(/^\s*(?:import|export)(\s+type)?\b[^'"`;]*?from\s*['"]([^'"]+)['"]/gm))
    add(match[2] ?? '', false, match[1] !== undefined);
  for (const match of text.matchAll(/^\s*import\s*['"]([^'"]+)['"]/gm)) add(match[1] ?? '', false);
  for (const match of text.matchAll(/\bimport\(\s*['"]([^'"]+)['"]\s*\)/g)) add(match[1] ?? '', true);
  return found;
}

const imports = sources.flatMap(importsOf);
const wingOf = (module: string): string => module.split('/')[0] ?? module;

it('every SDK client reads the endpoints of its own profile', () => {
  const clients = sources
    .filter(({ module }) => wingOf(module) === 'aws')
    .flatMap(({ module, text }) =>
      [...text.matchAll(/(?<before>\S*\s*)new (?:\w+\.)?[A-Z]\w*Client\([^)]*\)(?<after>\.config)?/g)].map(
        ({ groups }) => ({
          module,
          isWrapped:
            /withProfileEndpoints\(\s*$/.test(groups?.['before'] ?? '') || groups?.['after'] !== undefined,
        }),
      ),
    );
  expect(clients.length).toBeGreaterThan(15);
  expect(clients.filter(({ isWrapped }) => !isWrapped)).toEqual([]);
});

describe('the import table', () => {
  it('has a row for every folder', () => {
    const wings = new Set(sources.map((source) => wingOf(source.module)));
    expect([...wings].filter((wing) => ALLOWED[wing] === undefined)).toEqual([]);
  });

  it('is obeyed by all imports between our folders', () => {
    const broken = imports
      .filter((item) => item.specifier.startsWith('.') && !item.target.startsWith('..'))
      .filter((item) => wingOf(item.from) !== wingOf(item.target))
      .filter(
        (item) => !(item.dynamic && wingOf(item.target) === 'sandbox' && SANDBOX_DOORS.includes(item.from)),
      )
      .filter(
        (item) =>
          ![
            ...(ALLOWED[wingOf(item.from)] ?? []),
            ...(item.typeOnly ? (ALLOWED_TYPES[wingOf(item.from)] ?? []) : []),
          ].some((allowed) => item.target === allowed || item.target.startsWith(`${allowed}/`)),
      )
      .map((item) => `${item.from} → ${item.target}`);
    expect(broken).toEqual([]);
  });

  it('has no cycle, type imports included', () => {
    const targets = new Map(
      sources.map(({ module }) => [
        module,
        imports.filter((item) => item.from === module && !item.dynamic).map((item) => item.target),
      ]),
    );
    const state = new Map<string, 'open' | 'done'>();
    const cycles: string[] = [];
    const visit = (module: string, path: readonly string[]): void => {
      if (state.get(module) === 'open')
        cycles.push([...path.slice(path.indexOf(module)), module].join(' → '));
      if (state.has(module)) return;
      state.set(module, 'open');
      for (const target of targets.get(module) ?? []) visit(target, [...path, module]);
      state.set(module, 'done');
    };
    for (const { module } of sources) visit(module, []);
    expect(cycles).toEqual([]);
  });

  it('lets only aws/ import the SDK', () => {
    const broken = imports
      .filter((item) => /^@(aws-sdk|smithy|aws-crypto)\//.test(item.specifier) && wingOf(item.from) !== 'aws')
      .map((item) => `${item.from} → ${item.specifier}`);
    expect(broken).toEqual([]);
  });

  it('restricts the named and heavy packages to their folders', () => {
    const rooms: Readonly<Record<string, readonly string[]>> = {
      inquirer: ['ui'],
      commander: ['cli'],
      execa: ['connect'],
      ws: ['connect', 'sandbox'],
      yaml: ['config', 'sandbox'],
      picocolors: ['ui'],
      '@lydell/node-pty': ['sandbox'],
      '@electric-sql/pglite': ['sandbox'],
    };
    const broken = imports
      .filter((item) => rooms[item.specifier]?.includes(wingOf(item.from)) === false)
      .map((item) => `${item.from} → ${item.specifier}`);
    expect(broken).toEqual([]);
  });

  it('has no module of more than 400 lines', () => {
    expect(
      sources
        .map(({ module, text }) => ({ module, lines: text.split('\n').length - 1 }))
        .filter(({ lines }) => lines > LONGEST_MODULE),
    ).toEqual([]);
  });

  it('allows no barrel modules', () => {
    expect(
      sources.filter((source) => /(^|\/)index$/.test(source.module)).map((source) => source.module),
    ).toEqual([]);
  });
});

describe('code without side effects', () => {
  const offenders = (wings: readonly string[], pattern: RegExp, except: readonly string[] = []): string[] =>
    sources
      .filter((source) => wings.includes(wingOf(source.module)) && !except.includes(source.module))
      .filter((source) => pattern.test(withoutComments(source.text)))
      .map((source) => source.module);
  const everywhere = Object.keys(ALLOWED);

  it('protocol/ uses no sockets, timers, processes, dates and randomness', () => {
    expect(
      offenders(
        ['protocol'],
        /\b(Date\.now|new Date\(\)|Math\.random|setTimeout|setInterval|setImmediate|process\.|node:(?!buffer))/,
      ),
    ).toEqual([]);
  });

  it('business code gets clock and randomness from outside', () => {
    expect(
      offenders(
        ['provision', 'connect', 'diagnose', 'config', 'core'],
        /\b(Date\.now\(|Math\.random\(|new Date\(\))/,
        ['core/clock'],
      ),
    ).toEqual([]);
  });

  it('only the process edge ends the process and reads its environment', () => {
    expect(offenders(everywhere, /\bprocess\.exit\(/, ['main'])).toEqual([]);
    expect(
      offenders(
        ['cli', 'app', 'provision', 'connect', 'diagnose', 'aws', 'core', 'protocol', 'config'],
        /\bprocess\.env\b/,
      ),
    ).toEqual([]);
  });

  it('only cli/ contains our command lines', () => {
    const commands = COMMANDS.flatMap((group) => group.factories).map((factory) =>
      factory(() => Promise.resolve()).name(),
    );
    // `fargate-connect:bastion` is a tag, and "the fargate-connect bastion" is not a command.
    const commandLine = new RegExp(String.raw`fargate-connect (?:(?:${commands.join('|')})\b|--|\$)`);
    expect('hint: fargate-connect ls services').toMatch(commandLine);
    expect('the fargate-connect bastion of tag fargate-connect:bastion').not.toMatch(commandLine);
    const below = everywhere.filter((wing) => !['main', 'cli', 'sandbox'].includes(wing));
    expect(offenders(below, commandLine)).toEqual([]);
  });

  it('below cli/ a flag is a fact of its own, never a part of a text', () => {
    const below = sources.filter(
      ({ module }) =>
        !['main', 'cli', 'sandbox'].includes(wingOf(module)) && !OTHER_PROGRAMS.includes(module),
    );
    expect(flagsInTexts("hint: 'one of --db and --host'")).toEqual(['one of --db and --host']);
    expect(flagsInTexts("flag: '--db', // not --host")).toEqual([]);
    expect(
      below.flatMap(({ module, text }) => flagsInTexts(text).map((literal) => `${module}: ${literal}`)),
    ).toEqual([]);
  });

  it('only ui/ prints', () => {
    expect(offenders(everywhere, /\bconsole\.(log|error|warn|info|debug)\(/, ['main'])).toEqual([]);
  });
});

it('tests that do not run everywhere print why', () => {
  const silent = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts') && name !== 'architecture.test.ts')
    .filter((name) => {
      const text = withoutComments(readFileSync(join(import.meta.dirname, name), 'utf8'));
      return (
        /\b(?:runIf|skipIf|context\.skip|(?:it|test|describe)\.skip)\(/.test(text) &&
        !text.includes('reportSkip(')
      );
    });
  expect(silent).toEqual([]);
});
