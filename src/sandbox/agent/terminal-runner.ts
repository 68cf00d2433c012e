import type { MachineTerminal } from '../contracts.ts';
import type { RunnerContext, SessionRunner } from './runner.ts';
import { failedTask, startError } from './start-error.ts';
import { WholeCharacters } from './whole-characters.ts';

/** After it has started a shell, the official agent waits this long before it reads the first output. */
const OFFICIAL_START_MS = 1000;
/** The official agent waits this long before it reports a program that could not be started. */
const OFFICIAL_FAILURE_MS = 2000;
const DEFAULT_SIZE = { columns: 80, rows: 24 };

/** Standard_Stream and InteractiveCommands: a program on a pty (SPEC.md §11.2). `command` absent = a login shell. */
export function runTerminal(context: RunnerContext, command: string | undefined): SessionRunner {
  const { clock, outlet, machine } = context;
  const official = context.pace === 'official';
  const characters = new WholeCharacters();
  let terminal: MachineTerminal | undefined;
  let size = DEFAULT_SIZE;
  let waitingInput: Uint8Array[] = [];
  let stopped = false;
  let cancelStart: (() => void) | undefined;

  const attach = (started: MachineTerminal): void => {
    if (stopped) {
      started.kill();
      return;
    }
    terminal = started;
    started.onData((bytes) => {
      if (!outlet.write(characters.push(bytes))) started.pause();
    });
    outlet.onDrain(() => started.resume());
    started.onExit(() => {
      outlet.write(characters.flush());
      context.succeed();
    });
    if (official) {
      started.pause();
      cancelStart = clock.timer(OFFICIAL_START_MS, () => started.resume());
    }
    started.resize(size.columns, size.rows);
    for (const bytes of waitingInput) started.write(bytes);
    waitingInput = [];
  };

  const failToStart = (error: unknown): void => {
    if (stopped) return;
    const what = command === undefined ? 'shell' : 'command';
    const reason = startError(error, command ?? '/bin/sh');
    const output = failedTask(`Unable to start ${what}: Failed to start pty: ${reason}\n`);
    cancelStart = clock.timer(official ? OFFICIAL_FAILURE_MS : 0, () => context.fail(output));
  };

  machine.terminal({ ...size, ...(command === undefined ? {} : { command }) }).then(attach, failToStart);

  return {
    input(bytes) {
      const into = terminal;
      if (into === undefined) {
        waitingInput.push(bytes);
        return undefined;
      }
      // A pty with room takes the bytes at once, and then the next message need not wait for another turn.
      let isTaken = false;
      let onTaken = (): void => undefined;
      into.write(bytes, () => {
        isTaken = true;
        onTaken();
      });
      return isTaken ? undefined : new Promise((resolve) => (onTaken = resolve));
    },
    size(columns, rows) {
      size = { columns, rows };
      terminal?.resize(columns, rows);
    },
    // Flags are for port sessions; a shell session ignores them.
    flag() {},
    stop() {
      stopped = true;
      cancelStart?.();
      terminal?.kill();
    },
  };
}
