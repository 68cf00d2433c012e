import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';

type Env = Readonly<Record<string, string | undefined>>;

/**
 * The person's folder for sockets: `$XDG_RUNTIME_DIR/fargate-connect`, by default `fargate-connect-UID` in the folder
 * for temporary files. It is gone after a restart of the machine.
 */
export function runtimeFolder(env: Env, uid: number): string {
  const base = env['XDG_RUNTIME_DIR'];
  return base !== undefined && isAbsolute(base)
    ? join(base, 'fargate-connect')
    : join(tmpdir(), `fargate-connect-${uid}`);
}
