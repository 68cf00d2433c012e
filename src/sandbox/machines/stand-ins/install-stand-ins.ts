import { singleQuoted } from '../../../core/shell-words.ts';
import { join } from 'node:path';
import type { MachineRoot } from '../machine-root.ts';
import { HOST_PROGRAM_BIN, installHostPrograms } from './host-programs.ts';
import { FORWARDER_SOURCE } from './forwarder.ts';
import { pipeCallerScript } from './stand-in-pipe.ts';

/** Directory of an instance's stand-ins, below its root. */
export const STAND_IN_BIN = HOST_PROGRAM_BIN;
const FORWARDER = '.stand-ins/forward.cjs';
const SOCKET = '.stand-ins/socket';

/** Directory of the calls that are made through pipes. */
export const standInCalls = (root: MachineRoot): string => join(root.path, '.stand-ins/calls');

/** Stand-ins that use the caller's terminal. They are called through the socket, the others through pipes. */
export const INTERACTIVE_STAND_INS: readonly string[] = ['aws', 'session-manager-plugin'];

export const standInSocket = (root: MachineRoot): string => join(root.path, SOCKET);

/** Writes a program of the machine that forwards its call to the sandbox. `file` is below the root. */
export function installForwarded(root: MachineRoot, file: string, program: string, node: string): void {
  const words = [node, join(root.path, FORWARDER), standInSocket(root), program].map(singleQuoted).join(' ');
  root.write(file, `#!/bin/sh\nexec ${words} "$@"\n`, 0o755);
}

/** Writes the programs that replace those of Amazon Linux; `StandInServer` answers the forwarded ones. */
export function installStandIns(
  root: MachineRoot,
  options: {
    readonly architecture: 'arm64' | 'x86_64';
    readonly forwarded: readonly string[];
    /** The Node.js that runs the forwarder. */
    readonly node: string;
  },
): void {
  installHostPrograms(root, new Set([...options.forwarded, 'sudo']));
  // On Amazon Linux the user of a session may use sudo; here it gives no more rights.
  root.write(`${STAND_IN_BIN}/sudo`, SUDO, 0o755);
  root.write(FORWARDER, FORWARDER_SOURCE);
  for (const program of options.forwarded) {
    const file = `${STAND_IN_BIN}/${program}`;
    if (INTERACTIVE_STAND_INS.includes(program)) installForwarded(root, file, program, options.node);
    else root.write(file, pipeCallerScript(standInCalls(root), program), 0o755);
  }
  const machine = options.architecture === 'arm64' ? 'aarch64' : 'x86_64';
  root.write(
    `${STAND_IN_BIN}/uname`,
    `#!/bin/sh\ncase "$*" in -m | -p | -i) echo ${machine} ;; *) exec /bin/uname "$@" ;; esac\n`,
    0o755,
  );
}

const SUDO = `#!/bin/sh
while [ $# -gt 0 ]; do
  case "$1" in
    -u | -g | -C | -p) shift 2 ;;
    -*) shift ;;
    *) break ;;
  esac
done
exec "$@"
`;
