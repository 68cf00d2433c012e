import type { ChannelDriver } from '../channel/channel-driver.ts';
import { Deferred } from '../../core/deferred.ts';
import type { ToolEvent } from '../../core/events.ts';
import type { CommandEnd, CommandSessionOptions } from './command-end.ts';
import type { RemoteSetup } from './exec-script.ts';
import { StdinFrames } from './exec-script-input.ts';
import { OutputWriter, readInput } from './session-terminal.ts';

type Stream = 'stdout' | 'stderr';

/** The command has three pipes: our stdin, stdout and stderr. */
export class CommandPipes implements CommandEnd {
  readonly #options: CommandSessionOptions;
  readonly #driver: ChannelDriver;
  readonly #writers: Readonly<Record<Stream, OutputWriter>>;
  readonly #full = new Set<Stream>();
  readonly #stopped = new Deferred<undefined>();
  #frames: StdinFrames | undefined;
  #input: { room(): void; stop(): void } | undefined;

  constructor(options: CommandSessionOptions, driver: ChannelDriver) {
    this.#options = options;
    this.#driver = driver;
    const { stdout, stderr } = options.terminal;
    const writer = (name: Stream, stream: typeof stdout): OutputWriter =>
      new OutputWriter(stream, {
        full: () => {
          this.#full.add(name);
          driver.pauseOutput();
        },
        drained: () => {
          this.#full.delete(name);
          if (this.#full.size === 0) driver.resumeOutput();
        },
        broken: () => {
          this.#full.delete(name);
          if (name === 'stdout') this.#stopped.resolve(undefined);
          else if (this.#full.size === 0) driver.resumeOutput();
        },
      });
    this.#writers = { stdout: writer('stdout', stdout), stderr: writer('stderr', stderr) };
  }

  get stopped(): Promise<unknown> {
    return this.#stopped.promise;
  }

  get isBehind(): boolean {
    return this.#full.size > 0;
  }

  begin({ input }: RemoteSetup): void {
    if (input === 'counted' || input === 'text') this.#sendStdin(new StdinFrames(input, this.#options.nonce));
    else this.#warnOfStdin();
  }

  stdout(bytes: Uint8Array): void {
    this.#writers.stdout.write(bytes);
  }

  stderr(bytes: Uint8Array): void {
    this.#writers.stderr.write(bytes);
  }

  taken(): void {
    this.#frames?.taken();
    this.#sendFrames();
  }

  again(): boolean {
    if (this.#frames?.again() === false) return false;
    this.#sendFrames();
    return true;
  }

  room(): void {
    this.#sendFrames();
  }

  stop(): void {
    this.#input?.stop();
    this.#frames = undefined;
  }

  note(event: ToolEvent): void {
    this.#options.report(event);
  }

  async finish(): Promise<void> {
    await Promise.all([this.#writers.stdout.finish(), this.#writers.stderr.finish()]);
  }

  #sendStdin(frames: StdinFrames): void {
    this.#frames = frames;
    const { readStdin, terminal } = this.#options;
    if (!readStdin) {
      frames.end();
      this.#sendFrames();
      return;
    }
    this.#input = readInput(terminal.stdin, {
      data: (bytes) => {
        frames.push(bytes);
        return this.#sendFrames();
      },
      end: () => {
        frames.end();
        this.#sendFrames();
      },
    });
  }

  /** Sends what the remote side can accept. True when stdin should go on. */
  #sendFrames(): boolean {
    const frames = this.#frames;
    if (frames === undefined) return true;
    const acceptsMore = this.#driver.send(frames.take()) && !frames.isFull;
    if (acceptsMore) this.#input?.room();
    return acceptsMore;
  }

  #warnOfStdin(): void {
    const { readStdin, report, terminal } = this.#options;
    if (!readStdin || terminal.stdinIsTty) return;
    const input = readInput(terminal.stdin, {
      data: () => {
        report({
          type: 'note',
          level: 'warning',
          code: 'stdin-not-sent',
          message: 'stdin was not sent: the image has no stty, or neither cat nor dd',
        });
        input.stop();
        return false;
      },
      end: () => undefined,
    });
    this.#input = input;
  }
}
