import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { SupervisorAccess } from '../../app/supervisor/supervisor-client.ts';
import { runtimeFolder } from '../../config/runtime-folder.ts';
import { sleep } from '../../core/clock.ts';
import { failed, usage } from '../../core/errors.ts';
import type { CommandContext, StartDetached } from '../context.ts';
import { connectControl, ownFolder } from './control-socket.ts';
import { withStartLock } from './start-lock.ts';
import { SUPERVISE } from './supervise-name.ts';

const POLL_MS = 50;
const START_MS = 30_000;

type Env = Readonly<Record<string, string | undefined>>;

/** Throws `detach-unsupported` (usage) on Windows. */
export function controlSocket(
  env: Env,
  uid = process.getuid?.(),
): { readonly path: string; readonly uid: number } {
  if (uid === undefined)
    throw usage('detach-unsupported', 'detached forwards need the sockets and signals of Linux or macOS');
  return { path: join(runtimeFolder(env, uid), 'supervisor.sock'), uid };
}

/** `uid` is that of this person. */
export function supervisorAccess(
  { env, clock, startDetached }: Pick<CommandContext, 'env' | 'clock' | 'startDetached'>,
  socket = controlSocket(env),
): SupervisorAccess {
  const { path, uid } = socket;
  return {
    clock,
    path,
    connect: () => connectControl(path, uid),
    async ensure() {
      ownFolder(dirname(path), uid);
      await withStartLock(`${path}.lock`, clock, async () => {
        const other = await connectControl(path, uid);
        if (other !== undefined) {
          other.end();
          return;
        }
        // Nobody listens, and nobody starts to, because that needs the lock.
        rmSync(path, { force: true });
        if (startDetached === undefined)
          throw failed('supervisor-not-started', 'this program cannot start another process');
        await started(startDetached, { env, clock, path, uid });
      });
    },
  };
}

async function started(
  start: StartDetached,
  {
    env,
    clock,
    path,
    uid,
  }: Pick<CommandContext, 'env' | 'clock'> & { readonly path: string; readonly uid: number },
): Promise<void> {
  let exitStatus: number | undefined;
  start([SUPERVISE, '--no-input'], {
    env: supervisorEnvironment(env),
    // It would keep a file system busy, or be in a folder that is deleted.
    cwd: '/',
    onExit: (status) => {
      exitStatus = status;
    },
  });
  const deadline = clock.now() + START_MS;
  for (;;) {
    const connection = await connectControl(path, uid);
    if (connection !== undefined) {
      connection.end();
      return;
    }
    if (exitStatus !== undefined)
      throw failed('supervisor-not-started', `the supervisor of detached forwards ended with ${exitStatus}`);
    if (clock.now() > deadline)
      throw failed(
        'supervisor-not-started',
        'the supervisor of detached forwards does not listen after 30 seconds',
      );
    await sleep(clock, POLL_MS);
  }
}

/** Without credentials: each forward gets the environment of the command that starts it. */
const supervisorEnvironment = (env: Env): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) =>
      value !== undefined &&
      /^(HOME|PATH|TMPDIR|LANG|LC_ALL|TZ|XDG_\w+|NODE_\w+|FARGATE_CONNECT_NO_COMPILE_CACHE)$/.test(name)
        ? [[name, value]]
        : [],
    ),
  );
