import { Option, type Command } from 'commander';
import type { Flags } from '../config/settings.ts';
import type { AdviceContext, GivenFlags } from './advice/command-lines.ts';
import { refuseOther } from './contradictions.ts';

const GROUP = 'Shared flags:';

/** Flags that every command understands, before or after its name. Each has an environment variable (docs/configuration.md). */
function sharedOptions(): readonly Option[] {
  return [
    new Option('--profile <name>', 'AWS profile'),
    new Option('--region <region>', 'AWS region'),
    new Option('--cluster <name>', 'ECS cluster, name or ARN'),
    new Option('--service <name>', 'ECS service, name or ARN'),
    new Option('--task <id>', 'ECS task: ARN, id, or the start of an id'),
    new Option('--container <name>', 'container of the task'),
    new Option('-o, --output <format>', 'format of stdout').choices(['table', 'json']),
    new Option('--json', 'same as --output json'),
    new Option('-y, --yes', 'answer yes to every confirmation'),
    new Option('--no-input', 'never ask; list what is missing and exit 2'),
    new Option('-q, --quiet', 'only warnings and errors on stderr'),
    new Option('--debug', 'print more: each setting with its source, stack traces'),
    new Option('--no-color', 'no colours'),
    new Option('--transport <kind>', 'data channel: built in or the official plugin').choices([
      'native',
      'plugin',
    ]),
    new Option('--ssmmessages <host>', 'message gateway, at a VPC endpoint without private DNS'),
  ].map((option) => option.helpGroup(GROUP));
}

/** `--help` as the last of the shared flags on the help page of a command. */
export const helpFlag = (): Option => new Option('-h, --help', 'this help').helpGroup(GROUP);

/** Adds the shared flags to a command and all its subcommands. */
export function addSharedFlags(command: Command, { hidden = false } = {}): void {
  for (const option of sharedOptions()) command.addOption(option.hideHelp(hidden));
  for (const child of command.commands) addSharedFlags(child, { hidden });
}

/** The shared flags as typed, before or after the command's name. Throws `conflicting-option` where both differ. */
export function typedFlags(command: Command): Flags {
  const names = new Set(sharedOptions().map((option) => option.attributeName()));
  const flags: Record<string, unknown> = {};
  for (let at: Command | null = command; at !== null; at = at.parent) {
    for (const [name, value] of Object.entries(at.opts())) {
      if (!names.has(name) || at.getOptionValueSource(name) !== 'cli') continue;
      if (name in flags) refuseOther(name, flags[name], value);
      else flags[name] = value;
    }
  }
  return flags;
}

/** The facts about the running command that advice needs: its name and the flags that its next command lines repeat. */
export function adviceContextOf(command: Command, argv: readonly string[]): AdviceContext {
  const names: string[] = [];
  for (let at: Command = command; at.parent !== null; at = at.parent) names.unshift(at.name());
  const { profile, region, cluster } = typedFlags(command);
  const typed = (name: string): string | undefined => {
    const value: unknown =
      command.getOptionValueSource(name) === 'cli' ? command.getOptionValue(name) : undefined;
    return typeof value === 'string' ? value : undefined;
  };
  const flags: Readonly<Record<keyof GivenFlags, string | undefined>> = {
    profile,
    region,
    cluster,
    name: typed('name'),
    iamPath: typed('iamPath'),
    iamPrefix: typed('iamPrefix'),
  };
  const given = Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined));
  return { command: names.join(' '), given, argv };
}

/** `--json` or `--output json` in a command line that could not be parsed, so that even that error is JSON. */
export function asksForJson(argv: readonly string[]): boolean {
  const own = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
  return own.some(
    (word, index) =>
      word === '--json' ||
      word === '--output=json' ||
      word === '-ojson' ||
      ((word === '--output' || word === '-o') && own[index + 1] === 'json'),
  );
}
