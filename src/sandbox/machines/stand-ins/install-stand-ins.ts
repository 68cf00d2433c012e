import { join } from 'node:path';
import type { MachineRoot } from '../machine-root.ts';
import { FORWARDER_SOURCE } from './forwarder.ts';

/** Where the stand-ins of an instance lie, below its root. */
export const STAND_IN_BIN = '.stand-ins/bin';
const FORWARDER = '.stand-ins/forward.cjs';
const SOCKET = '.stand-ins/socket';

export const standInSocket = (root: MachineRoot): string => join(root.path, SOCKET);

const quote = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** A program of the machine that hands its call to the sandbox. `file` is below the root. */
export function installForwarded(root: MachineRoot, file: string, program: string, node: string): void {
  const words = [node, join(root.path, FORWARDER), standInSocket(root), program].map(quote).join(' ');
  root.write(file, `#!/bin/sh\nexec ${words} "$@"\n`, 0o755);
}

/** Writes the programs that stand in for those of Amazon Linux; the forwarded ones are answered by `StandInServer`. */
export function installStandIns(
  root: MachineRoot,
  options: {
    readonly architecture: 'arm64' | 'x86_64';
    readonly forwarded: Iterable<string>;
    /** The Node.js that runs the forwarder. */
    readonly node: string;
  },
): void {
  root.write(FORWARDER, FORWARDER_SOURCE);
  for (const program of options.forwarded)
    installForwarded(root, `${STAND_IN_BIN}/${program}`, program, options.node);
  const machine = options.architecture === 'arm64' ? 'aarch64' : 'x86_64';
  root.write(
    `${STAND_IN_BIN}/uname`,
    `#!/bin/sh\ncase "$*" in -m | -p | -i) echo ${machine} ;; *) exec /bin/uname "$@" ;; esac\n`,
    0o755,
  );
}
