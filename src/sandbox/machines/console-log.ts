import { execFile } from 'node:child_process';
import { constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { promisify } from 'node:util';

/** GetConsoleOutput returns the last 64 KB. */
const KEPT_BYTES = 64 * 1024;

/**
 * The serial console of an instance. It is a named pipe because scripts both append to `/dev/console` and overwrite
 * it.
 */
export class ConsoleLog {
  #kept: Buffer = Buffer.alloc(0);
  #watchers: (() => void)[] = [];
  #pipe: Socket | undefined;

  /** Makes the pipe at `path` and reads what programs write to it. */
  async open(path: string): Promise<void> {
    await promisify(execFile)('mkfifo', [path]);
    // The pipe is opened for writing too, so that reading does not end between two writers.
    const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    this.#pipe = new Socket({ fd, readable: true, writable: false });
    this.#pipe.on('data', (bytes: Buffer) => this.write(bytes));
    this.#pipe.on('error', () => undefined);
  }

  write(bytes: Uint8Array | string): void {
    const added = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
    this.#kept = Buffer.concat([this.#kept, added]).subarray(-KEPT_BYTES);
    for (const watcher of this.#watchers) watcher();
  }

  get text(): string {
    return this.#kept.toString('utf8');
  }

  /** Calls `watcher` after each write; `text` then holds the whole output. */
  onWrite(watcher: () => void): void {
    this.#watchers.push(watcher);
  }

  close(): void {
    this.#pipe?.destroy();
    this.#watchers = [];
  }
}
