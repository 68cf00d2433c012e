import { Argument, Command } from 'commander';
import type { Invoke, Run } from '../command.ts';
import type { CommandContext } from '../context.ts';

export interface CompletionOptions {
  readonly shell: 'bash' | 'zsh' | 'fish';
  /** The command tree to complete. */
  readonly program: Command;
}

export function completionCommand(invoke: Invoke, run: Run<CompletionOptions> = runCompletion): Command {
  return new Command('completion')
    .description('print a completion script for your shell')
    .addArgument(new Argument('<shell>', 'which shell').choices(['bash', 'zsh', 'fish']))
    .addHelpText(
      'after',
      `
Examples:
  $ source <(fargate-connect completion bash)
  $ fargate-connect completion zsh > "\${fpath[1]}/_fargate-connect"
  $ fargate-connect completion fish > ~/.config/fish/completions/fargate-connect.fish`,
    )
    .action((shell: CompletionOptions['shell'], _flags: unknown, command: Command) =>
      invoke(run, { shell, program: command.parent ?? command }, command),
    );
}

async function runCompletion(options: CompletionOptions, context: CommandContext): Promise<void> {
  const { completionScript } = await import('../completion-script.ts');
  context.terminal.stdout.write(completionScript(options.shell, options.program));
}
