import { Command } from 'commander';

import type { ForwardSpec } from '../../connect/forward/forward-spec.ts';
import type { Invoke, Run } from '../command.ts';
import type { CommandContext } from '../context.ts';

export type ConnectOptions = Readonly<Record<string, never>>;

export function connectCommand(invoke: Invoke, run: Run<ConnectOptions> = runConnect): Command {
  return new Command('connect')
    .description('pick a container, then a shell, a port or a database (also without a command)')
    .addHelpText(
      'after',
      `
Cluster, service, task, container, action: type to filter, Enter to choose, Esc to go back. What there is only one of \
picks itself; what a flag names is not asked.

Examples:
  $ fargate-connect
  $ fargate-connect connect --cluster prod --service orders-api`,
    )
    .action((_flags: unknown, command: Command) => invoke(run, {}, command));
}

/** Resolves with the exit status of what was picked. */
async function runConnect(_options: ConnectOptions, context: CommandContext): Promise<number> {
  const [{ pick }, { wantedOf }] = await Promise.all([
    import('../../app/listing/pick.ts'),
    import('../../app/session/session-setup.ts'),
  ]);
  const picked = await pick(context, wantedOf(context, undefined));
  const wanted = {
    cluster: picked.cluster,
    service: undefined,
    task: picked.task.arn,
    container: picked.container.name,
  };
  switch (picked.action) {
    case 'shell': {
      const { openContainer } = await import('../../app/session/container-session.ts');
      return openContainer(wanted, { command: [], stdin: true }, context);
    }
    case 'forward': {
      const { parseForward } = await import('../../connect/forward/forward-spec.ts');
      const answer = await context.prompter.text({
        message: 'port of the task (or local:port, local:host:port)',
        flag: '-L',
        validate: (text) => forwardProblem(text, parseForward),
      });
      return forwardThrough(context, wanted, [parseForward(fullSpec(answer))]);
    }
    case 'database': {
      const endpoint = picked.database?.endpoints[0];
      if (picked.database === undefined || endpoint === undefined) return 0;
      return forwardThrough(context, wanted, [
        { bind: '127.0.0.1', localPort: 0, remoteHost: endpoint.host, remotePort: endpoint.port },
      ]);
    }
    default:
      return picked.action satisfies never;
  }
}

/** A bare port is the task's own, on any free local port. */
const fullSpec = (text: string): string => (/^\d+$/.test(text.trim()) ? `0:${text.trim()}` : text.trim());

function forwardProblem(text: string, parse: (spec: string) => unknown): string | undefined {
  try {
    parse(fullSpec(text));
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function forwardThrough(
  context: CommandContext,
  wanted: { readonly cluster: string; readonly task: string; readonly container: string },
  specs: readonly ForwardSpec[],
): Promise<number> {
  const { runForwards } = await import('../../app/forward/forwards.ts');
  const settings = { ...context.settings, ...wanted };
  return runForwards(
    specs,
    { via: 'task', service: undefined, name: undefined, replace: false, document: undefined },
    { ...context, settings },
  );
}
