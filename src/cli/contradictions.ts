import type { Command } from 'commander';
import type { Flags, Settings } from '../config/settings.ts';
import { usage } from '../core/errors.ts';

/**
 * Two different values for one setting are a usage error, so that neither is silently ignored; the same value given
 * twice is accepted.
 */

const conflict = (message: string, ...answers: readonly string[]): Error =>
  usage('conflicting-option', message, {
    details: { expected: `give one of them: ${answers.join(' or ')}` },
  });

/** Throws if a flag is given twice with different values. Flags that may be repeated (`-L`) are not checked. */
export function refuseRepeats(command: Command): void {
  for (const option of command.options) {
    const collects = option.parseArg !== undefined && option.argChoices === undefined;
    if (option.variadic || collects) continue;
    let first: string | undefined;
    command.on(`option:${option.name()}`, (value: unknown) => {
      if (typeof value !== 'string') return;
      const flag = option.long ?? option.short ?? option.name();
      if (first !== undefined && first !== value)
        throw conflict(`${flag} is given twice`, `${flag} ${first}`, `${flag} ${value}`);
      first = value;
    });
  }
}

/** Throws if one flag has different values before and after the command's name. */
export function refuseOther(name: string, value: unknown, other: unknown): void {
  if (value === other || typeof value !== 'string' || typeof other !== 'string') return;
  throw conflict(`--${name} is given twice`, `--${name} ${other}`, `--${name} ${value}`);
}

/** Throws for `--json --output table`, and for names without a letter. */
export function refuseContradictions(flags: Flags): void {
  if (flags.json === true && flags.output === 'table')
    throw conflict('--json and --output table exclude each other', '--json', '--output table');
  for (const name of ['profile', 'region', 'cluster', 'service', 'task', 'container'] as const)
    if (flags[name]?.trim() === '')
      throw usage('invalid-argument', `--${name} '${flags[name]}' is no name`, {
        details: { expected: `--${name} NAME, or without --${name}` },
      });
}

/** The commands whose answer may be that of several accounts and regions. */
const FOR_SEVERAL_PLACES: readonly string[] = ['connect', 'ls', 'status'];

/** Throws for `--profile a,b` and `--region x,y` in a command that works in one account. */
export function refuseSeveralPlaces(settings: Pick<Settings, 'profile' | 'region'>, command: string): void {
  if (FOR_SEVERAL_PLACES.includes(command)) return;
  for (const name of ['profile', 'region'] as const) {
    const value = settings[name];
    const [first, second] = value?.split(',') ?? [];
    if (value === undefined || first === undefined || second === undefined) continue;
    throw usage('invalid-argument', `${command} works with one ${name}, not with ${value}`, {
      details: { expected: `--${name} ${first}; ls, status and connect take several` },
    });
  }
}

/** A service as argument means the same as `--service`; it is stored as the value of that flag. */
export function serviceArgument(service: string | undefined, command: Command): void {
  if (service === undefined) return;
  if (service.trim() === '') throw usage('invalid-argument', `'${service}' is no service`, { details: {} });
  for (let at: Command | null = command; at !== null; at = at.parent) {
    if (at.getOptionValueSource('service') !== 'cli') continue;
    const other = String(at.getOptionValue('service'));
    if (other !== service)
      throw conflict(`two services: ${service} and --service ${other}`, service, `--service ${other}`);
  }
  command.setOptionValueWithSource('service', service, 'cli');
}
