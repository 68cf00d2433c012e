import { dirname, join } from 'node:path';
import { Command } from 'commander';
import { failed } from '../../core/errors.ts';
import type { Invoke, Run } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { SUPERVISE } from '../supervisor/supervise-name.ts';

/** Not for people: `forward --detach` starts it. It runs until no forward is left, or it gets SIGTERM. */
export function superviseCommand(invoke: Invoke, run: Run<object> = runSupervise): Command {
  return new Command(SUPERVISE)
    .description('supervise detached forwards')
    .action((_flags: unknown, command: Command) => invoke(run, {}, command));
}

async function runSupervise(_options: object, context: CommandContext): Promise<void> {
  const { env, clock, version, scope, signal, startPiped } = context;
  if (startPiped === undefined)
    throw failed('supervisor-not-started', 'this program cannot start another process');
  const [{ Supervisor }, { controlSocket }, { listenControl }, { forwardLog, logPath }, { stateFolder }] =
    await Promise.all([
      import('../../app/supervisor/supervisor.ts'),
      import('../supervisor/supervisor-access.ts'),
      import('../supervisor/control-socket.ts'),
      import('../supervisor/forward-log.ts'),
      import('../../config/state-folder.ts'),
    ]);
  const { path, uid } = controlSocket(env);
  const logs = join(stateFolder(env, process.platform) ?? dirname(path), 'forwards');
  const supervisor = new Supervisor({
    clock,
    version,
    pid: process.pid,
    startProcess: ({ argv, cwd, env: own }) => startPiped(argv, { cwd, env: own }),
    log: (name) => forwardLog(logPath(logs, name)),
  });
  const server = await listenControl(path, uid, (connection) => supervisor.accept(connection));
  scope.add(async () => {
    const closed = server.close();
    await supervisor.stopAll();
    await closed;
  });
  const stopped = new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await Promise.race([supervisor.idle, stopped]);
}
