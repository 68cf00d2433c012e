import type { ToolEvent } from '../../core/events.ts';
import type { ChannelDriver } from '../channel/channel-driver.ts';
import type { CommandEnd, CommandSessionOptions } from './command-end.ts';
import { TerminalBridge } from './shell-session.ts';

/** The command gets our terminal: keys go to it, its output goes to the screen. */
export class CommandTerminal implements CommandEnd {
  readonly isBehind = false;
  readonly #options: CommandSessionOptions;
  readonly #driver: ChannelDriver;
  readonly #bridge: TerminalBridge;
  #undo: (() => void)[] = [];

  constructor(options: CommandSessionOptions, driver: ChannelDriver) {
    this.#options = options;
    this.#driver = driver;
    this.#bridge = new TerminalBridge(options.terminal, options.report);
    this.#bridge.attach(driver);
  }

  get stopped(): Promise<unknown> {
    return this.#bridge.stopped;
  }

  begin(): void {
    const { signals, terminal } = this.#options;
    this.#undo.push(signals.on('SIGWINCH', () => this.#driver.sendSize(terminal.size())));
    this.#undo.push(terminal.raw());
    this.#bridge.opened();
    this.#bridge.readKeys();
  }

  stdout(bytes: Uint8Array): void {
    this.#bridge.output(bytes);
  }

  /** Never called: a terminal has a single output stream. */
  stderr(bytes: Uint8Array): void {
    this.#bridge.output(bytes);
  }

  taken(): void {
    // The script does not count a terminal's input.
  }

  again(): boolean {
    return true;
  }

  room(): void {
    this.#bridge.room();
  }

  stop(): void {
    this.#bridge.stop();
    for (const restore of this.#undo) restore();
    this.#undo = [];
  }

  note(event: ToolEvent): void {
    this.#bridge.note(event);
  }

  finish(hasFailed: boolean): Promise<void> {
    return this.#bridge.finish(hasFailed);
  }
}
