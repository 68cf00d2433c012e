import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CommanderError } from 'commander';
import { describe, expect, it } from 'vitest';
import { COMMANDS, createProgram } from '../../src/cli/program.ts';
import { refuseUnknownCommand } from '../../src/cli/usage-errors.ts';
import { ToolError } from '../../src/core/errors.ts';

/** Every command line of README.md and docs/ is one that the parser accepts: its command, its flags, its arguments. */

const ROOT = resolve(import.meta.dirname, '../..');
const DOCUMENTS = ['README.md', ...readdirSync(join(ROOT, 'docs')).map((name) => join('docs', name))].filter(
  (name) => name.endsWith('.md'),
);

const programOf = () =>
  createProgram({
    invoke: () => Promise.resolve(),
    commands: COMMANDS,
    version: '0.0.0',
    write: () => undefined,
    columns: 80,
  });
const NAMES: ReadonlySet<string> = new Set(
  programOf()
    .commands.map((command) => command.name())
    .filter((name) => name !== 'help'),
);

interface CommandLine {
  readonly document: string;
  readonly text: string;
  /** False = code in a sentence, which may name a command and a flag without their values. */
  readonly isComplete: boolean;
}

/** Lines after a prompt, and code in the text that starts with the name of the program or of a command with a flag. */
function commandLinesOf(document: string): readonly CommandLine[] {
  const text = readFileSync(join(ROOT, document), 'utf8');
  const joined = text.replaceAll(/\\\n\s*/g, '');
  const prompts = [...joined.matchAll(/^\$ (?:sudo )?(?<line>fargate-connect\b.*)$/gm)];
  const codes = [...joined.matchAll(/`(?<line>[^`\n]+)`/g)].filter(({ groups }) => {
    const [first = '', ...rest] = (groups?.['line'] ?? '').split(' ');
    return first === 'fargate-connect' || (NAMES.has(first) && rest.some((word) => word.startsWith('--')));
  });
  const linesOf = (found: readonly RegExpExecArray[], isComplete: boolean): readonly CommandLine[] =>
    found.map(({ groups }) => ({ document, text: groups?.['line'] ?? '', isComplete }));
  return [...linesOf(prompts, true), ...linesOf(codes, false)];
}

/** The words before a pipe, a redirection or a comment. An ellipsis and `[…]` leave words out. */
function wordsOf(text: string): readonly string[] {
  const own = text.replace(/^fargate-connect\s*/, '').split(/\s(?:\||>|&&|#|2>)|;|\)"?$/)[0] ?? '';
  return (own.match(/'[^']*'|"[^"]*"|\S+/g) ?? []).map((word) => word.replaceAll(/^['"]|['"]$/g, ''));
}

/** A command line with a placeholder for a command, or with words left out, is no command line. */
const isPattern = (words: readonly string[]): boolean =>
  words.some((word) => /…|\.\.\.|^\[|\]$|\|/.test(word)) || /^(?:COMMAND|KIND)$/.test(words[0] ?? '');

/** Connections of the configuration files in the examples: a word in the place of a command may name one. */
const CONNECTIONS: ReadonlySet<string> = new Set(['NAME', 'orders']);

/** Errors about the shape of a command line; a placeholder is no legal value of many flags. */
const SHAPE: ReadonlySet<string> = new Set([
  'commander.unknownOption',
  'commander.unknownCommand',
  'commander.excessArguments',
  'commander.conflictingOption',
  'unknown-command',
]);
const MISSING: ReadonlySet<string> = new Set([
  'commander.missingArgument',
  'commander.optionMissingArgument',
]);

async function refusalOf({ isComplete, text }: CommandLine): Promise<string | undefined> {
  const words = wordsOf(text);
  if (isPattern(words) || CONNECTIONS.has(words[0] ?? '') || (words[0] === 'policy' && words[1] === 'KIND'))
    return undefined;
  const program = programOf();
  try {
    refuseUnknownCommand(words, program);
    await program.parseAsync([...words], { from: 'user' });
    return undefined;
  } catch (error) {
    const code = error instanceof CommanderError || error instanceof ToolError ? error.code : 'internal';
    return SHAPE.has(code) || (isComplete && MISSING.has(code))
      ? `${code}: ${(error as Error).message}`
      : undefined;
  }
}

const all = DOCUMENTS.flatMap(commandLinesOf);

describe('documented command lines', () => {
  it('are found', () => {
    expect(all.length).toBeGreaterThan(100);
    expect(all.filter(({ document }) => document.endsWith('migrating.md')).length).toBeGreaterThan(20);
  });

  it.each(DOCUMENTS)('of %s are accepted by the parser', async (document) => {
    const refused: string[] = [];
    for (const line of all.filter((each) => each.document === document)) {
      const refusal = await refusalOf(line);
      if (refusal !== undefined) refused.push(`${line.text}: ${refusal}`);
    }
    expect(refused).toEqual([]);
  });

  it('are refused where a flag or a command does not exist', async () => {
    const line = { document: '', isComplete: true };
    expect(await refusalOf({ ...line, text: 'fargate-connect up --nonsense' })).toContain('unknownOption');
    expect(await refusalOf({ ...line, text: 'fargate-connect donw' })).toContain('unknown-command');
  });
});
