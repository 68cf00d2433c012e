import type { Argument, Command, Option } from 'commander';
import { singleQuoted } from '../core/shell-words.ts';
import { REQUEST } from './completion-request.ts';

interface Node {
  /** Words after the program's name, joined by spaces; empty for the program itself. */
  readonly path: string;
  readonly children: readonly { readonly name: string; readonly about: string }[];
  readonly flags: readonly {
    readonly long: string;
    readonly short: string | undefined;
    readonly about: string;
  }[];
  /** Fixed values of flags, by long name. */
  readonly values: Readonly<Record<string, readonly string[]>>;
  /** All flags that take a value. */
  readonly takesValue: readonly string[];
  /** Fixed values of the first argument. */
  readonly argumentValues: readonly string[];
}

/**
 * A script for the shell, generated from the command tree. It completes commands, flags and fixed values by itself, and
 * calls the program for names in AWS (commands/complete.ts).
 */
export function completionScript(shell: 'bash' | 'zsh' | 'fish', program: Command): string {
  const nodes = collect(program, []);
  switch (shell) {
    case 'bash':
      return bash(program.name(), nodes);
    case 'zsh':
      return zsh(program.name(), nodes);
    case 'fish':
      return fish(program.name(), nodes);
  }
}

function collect(command: Command, path: readonly string[]): readonly Node[] {
  const help = command.createHelp();
  const options: readonly Option[] = help.visibleOptions(command).filter((option) => option.long);
  const firstArgument: Argument | undefined = command.registeredArguments[0];
  const node: Node = {
    path: path.join(' '),
    children: help.visibleCommands(command).map((child) => ({
      name: child.name(),
      about: firstSentence(child.description()),
    })),
    flags: options.map((option) => ({
      long: option.long ?? '',
      short: option.short,
      about: firstSentence(option.description),
    })),
    values: Object.fromEntries(
      options.filter((option) => option.argChoices).map((option) => [option.long, option.argChoices ?? []]),
    ),
    // Hidden flags too: the shared flags are accepted before the command's name.
    takesValue: command.options
      .filter((option) => option.required || option.optional)
      .flatMap((option) => option.long ?? []),
    argumentValues: firstArgument?.argChoices ?? [],
  };
  const visible = command.commands.filter((child) => help.visibleCommands(command).includes(child));
  return [node, ...visible.flatMap((child) => collect(child, [...path, child.name()]))];
}

const firstSentence = (text: string): string => text.split(/[.;:](?:\s|$)/)[0] ?? text;
const words = (list: readonly string[]): string => list.join(' ');
const flagWords = (node: Node): string[] =>
  node.flags.flatMap((flag) => (flag.short === undefined ? [flag.long] : [flag.short, flag.long]));

function bash(name: string, nodes: readonly Node[]): string {
  const cases = nodes.map((node) => {
    const plain = [...node.children.map((child) => child.name), ...node.argumentValues];
    return `    ${singleQuoted(node.path)}) plain=${singleQuoted(words(plain))}; flags=${singleQuoted(words(flagWords(node)))}; valued=${singleQuoted(words(node.takesValue))} ;;`;
  });
  const paths = nodes.filter((node) => node.path !== '').map((node) => singleQuoted(node.path));
  return `# bash completion for ${name}
_fargate_connect() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} path='' word try known plain flags valued
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    try="\${path:+$path }$word"
    for known in ${paths.join(' ')}; do [[ $try == "$known" ]] && path=$try && break; done
  done
  case "$path" in
${cases.join('\n')}
  esac
  case "$previous" in
${valueCases(nodes, (values) => `COMPREPLY=($(compgen -W ${singleQuoted(words(values))} -- "$current")); return ;;`)}
  esac
  COMPREPLY=()
  if [[ " $valued " != *" $previous "* && $previous != = && $current != = ]]; then
    if [[ $current == -* && $current != *=* ]]; then COMPREPLY=($(compgen -W "$flags" -- "$current")); return; fi
    [[ " $plain " == *" $previous "* ]] || COMPREPLY=($(compgen -W "$plain" -- "$current"))
  fi
  while IFS= read -r word; do COMPREPLY+=("$word"); done < <("\${COMP_WORDS[0]}" ${words(REQUEST)} "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null </dev/null)
  if [[ $path == cp && $current != -* && $current != : && $previous != : && " $valued " != *" $previous "* ]]; then
    # A service is followed by its path. Where no service begins like this, it is a file of this machine.
    if (( \${#COMPREPLY[@]} )); then compopt -o nospace 2>/dev/null; [[ -z $current ]] || return; else compopt -o filenames 2>/dev/null; fi
    while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "$current")
  fi
}
complete -F _fargate_connect ${name}
`;
}

function valueCases(nodes: readonly Node[], body: (values: readonly string[]) => string): string {
  const all = new Map(nodes.flatMap((node) => Object.entries(node.values)));
  return [...all].map(([flag, values]) => `    ${flag}) ${body(values)}`).join('\n');
}

function zsh(name: string, nodes: readonly Node[]): string {
  const described = (entries: readonly { readonly text: string; readonly about: string }[]): string =>
    entries.map((entry) => singleQuoted(`${entry.text.replaceAll(':', '\\:')}:${entry.about}`)).join(' ');
  const cases = nodes.map((node) => {
    const plain = [
      ...node.children.map((child) => ({ text: child.name, about: child.about })),
      ...node.argumentValues.map((value) => ({ text: value, about: '' })),
    ];
    const flags = node.flags.map((flag) => ({ text: flag.long, about: flag.about }));
    return `    ${singleQuoted(node.path)}) plain=(${described(plain)}); flags=(${described(flags)}); valued=(${words(node.takesValue)}) ;;`;
  });
  const paths = nodes.filter((node) => node.path !== '').map((node) => singleQuoted(node.path));
  return `#compdef ${name}
_fargate_connect() {
  local trail='' word known previous=\${words[CURRENT-1]}
  local -a plain flags valued
  for word in \${words[2,CURRENT-1]}; do
    for known in ${paths.join(' ')}; do [[ "\${trail:+$trail }$word" == "$known" ]] && trail=$known && break; done
  done
  case "$trail" in
${cases.join('\n')}
  esac
  case "$previous" in
${valueCases(nodes, (values) => `compadd -- ${words(values)}; return ;;`)}
  esac
  local -a names
  if [[ \${words[CURRENT]} == -* && \${words[CURRENT]} != *=* ]] && ! (( \${valued[(Ie)$previous]} )); then _describe 'flag' flags; return; fi
  names=("\${(@f)$("\${words[1]}" ${words(REQUEST)} "\${(@)words[2,CURRENT]}" 2>/dev/null </dev/null)}")
  names=(\${names:#})
  if [[ $trail == cp ]] && ! (( \${valued[(Ie)$previous]} )); then (( $#names )) && compadd -S '' -- $names; _files; return; fi
  if (( $#names )); then compadd -- $names; [[ -z $trail ]] && ! (( \${valued[(Ie)$previous]} )) || return; fi
  if (( \${valued[(Ie)$previous]} )); then _default; else _describe 'command' plain; fi
}
if [[ $funcstack[1] == _fargate_connect || $funcstack[1] == _${name} ]]; then _fargate_connect "$@"; else compdef _fargate_connect ${name}; fi
`;
}

function fish(name: string, nodes: readonly Node[]): string {
  const lines = nodes.flatMap((node) => {
    const root = node.path === '';
    const path = node.path.split(' ');
    const here = root
      ? '__fish_use_subcommand'
      : path.map((word) => `__fish_seen_subcommand_from ${word}`).join('; and ');
    const start = `complete -c ${name} -n ${singleQuoted(here)}`;
    return [
      ...node.children.map((child) => `${start} -f -a ${child.name} -d ${singleQuoted(child.about)}`),
      ...node.argumentValues.map((value) => `${start} -f -a ${singleQuoted(value)}`),
      ...node.flags.map((flag) => {
        const short = flag.short === undefined ? '' : ` -s ${flag.short.slice(1)}`;
        const fixed = node.values[flag.long];
        const value =
          fixed === undefined
            ? node.takesValue.includes(flag.long)
              ? ` -x -a '(__fargate_connect_names)'`
              : ''
            : ` -x -a ${singleQuoted(words(fixed))}`;
        return `${start} -l ${flag.long.slice(2)}${short}${value} -d ${singleQuoted(flag.about)}`;
      }),
    ];
  });
  return `# fish completion for ${name}
function __fargate_connect_names
  set -l words (commandline -opc) (commandline -ct)
  $words[1] ${words(REQUEST)} $words[2..-1] 2>/dev/null </dev/null
end
complete -c ${name} -f -a '(__fargate_connect_names)'
complete -c ${name} -n '__fish_seen_subcommand_from cp' -F
${lines.join('\n')}
`;
}
