import { execFile } from 'node:child_process';
import { homedir, tmpdir } from 'node:os';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findProgram, SYSTEM_PATH } from './machine-root.ts';
import type { Program } from './terminal.ts';

/**
 * Isolates the programs of a container from the user's machine, where Linux allows that without root: a user, a mount
 * and a pid namespace (unshare of util-linux). The file system is read-only except for the container's own directory;
 * home directories and /run are empty, /tmp and /var/tmp are the directory `tmp` of the container; other processes cannot be seen or signalled; `reboot` ends the
 * container. The network is shared; a file `etc/hosts` of the directory replaces that of the machine.
 */
export interface Confinement {
  /**
   * Returns `program` wrapped so that it runs in its own namespaces; `root`, which has a directory `tmp`, is the only
   * one that it can write to.
   */
  wrap(program: Program, root: string): Program;
}

/**
 * This script is process 1 of the pid namespace and starts the program as its child: a signal without a handler is
 * not delivered to process 1, so a program that ran there could not be ended with Ctrl-C. The directory is opened
 * before /tmp is covered, and is bound again through that open descriptor: below its own tmp, where it leaves an empty
 * directory.
 */
const SETUP = `set -e
root=$1 cwd=$2 home=$3 path=$PATH; shift 3
# The container's own PATH begins with programs that refuse, mount among them.
PATH=${SYSTEM_PATH.join(':')}
exec 9<"$root"
mount -t proc proc /proc
for temporary in /var/tmp /tmp; do
  if [ -d "$temporary" ] && [ ! -L "$temporary" ]; then mount --no-canonicalize --bind /proc/self/fd/9/tmp "$temporary"; fi
done
for covered in /run /home /root /mnt /media "$home"; do
  if [ -d "$covered" ] && [ ! -L "$covered" ]; then mount -t tmpfs -o mode=755 tmpfs "$covered"; fi
done
mkdir -p "$root"
mount --no-canonicalize --bind /proc/self/fd/9 "$root"
exec 9<&-
[ ! -f "$root/etc/hosts" ] || mount --bind "$root/etc/hosts" /etc/hosts
mount -o remount,bind,ro /
while read -r _ _ _ _ place _; do
  case $place in
    / | /tmp | /var/tmp | /proc | /proc/* | /dev | /dev/* | /sys | /sys/* | "$root" | "$root"/*) ;;
    *) mount -o remount,bind,ro "$place" 2>/dev/null || : ;;
  esac
done </proc/self/mountinfo
cd "$cwd"
PATH=$path
set +e
"$@"
exit $?`;

const NAMESPACES = ['--user', '--map-root-user', '--mount', '--pid', '--fork', '--kill-child', '--'];

/** Undefined where confinement does not work: not on Linux, no unshare, or this user may not create namespaces. */
export async function findConfinement(): Promise<Confinement | undefined> {
  const unshare = findProgram('unshare', SYSTEM_PATH, '/');
  if (process.platform !== 'linux' || unshare === undefined) return undefined;
  const confinement: Confinement = {
    wrap: ({ file, args, cwd, env }, root) => ({
      file: unshare,
      args: [...NAMESPACES, '/bin/sh', '-c', SETUP, 'sandbox', root, cwd, homedir(), file, ...args],
      cwd,
      env,
    }),
  };
  return (await works(confinement)) ? confinement : undefined;
}

/** Tries it out: a confined program must be able to write to its own directory, and nowhere else. */
async function works(confinement: Confinement): Promise<boolean> {
  const root = mkdtempSync(join(tmpdir(), 'fargate-connect-probe-'));
  const outside = mkdtempSync(join(tmpdir(), 'fargate-connect-probe-'));
  mkdirSync(join(root, 'tmp'));
  const script = `[ ! -e "$1" ] && echo x >"$2/written" && ! { echo x >/probe; } 2>/dev/null && [ "$(cat "$2/written")" = x ]`;
  const program = { file: '/bin/sh', args: ['-c', script, 'probe', outside, root], cwd: root, env: {} };
  const { file, args } = confinement.wrap(program, root);
  try {
    await promisify(execFile)(file, [...args], {
      cwd: root,
      timeout: 10_000,
      env: { PATH: SYSTEM_PATH.join(':') },
    });
    return true;
  } catch {
    return false;
  } finally {
    for (const directory of [root, outside]) rmSync(directory, { recursive: true, force: true });
  }
}
