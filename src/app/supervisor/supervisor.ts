import type { Clock } from '../../core/clock.ts';
import { ToolError } from '../../core/errors.ts';
import {
  type Answer,
  CONTROL_PROTOCOL,
  encodeLine,
  LineReader,
  parseRequest,
  type Request,
  type StartRequest,
} from './control-messages.ts';
import { DetachedForward, type ForwardLog, type ForwardProcess } from './detached-forward.ts';

/** A connection of the control socket. */
export interface ControlConnection {
  write(line: string): void;
  end(): void;
  onBytes(listener: (bytes: Buffer) => void): void;
  onClose(listener: () => void): void;
}

export interface SupervisorPorts {
  readonly clock: Clock;
  readonly version: string;
  readonly pid: number;
  /** Never throws; a process that cannot be started ends at once. */
  startProcess(request: StartRequest): ForwardProcess;
  log(name: string): ForwardLog;
  /** How long a forward has to be ready until its start is complete; absent = a second. */
  readonly settleMs?: number;
}

/** A client that sends no request for so long is disconnected. */
const REQUEST_MS = 10_000;
const MOST_CONNECTIONS = 64;
const MOST_FORWARDS = 100;
/** Without a forward, the supervisor ends after this time; one that has ended by itself is listed for an hour. */
const IDLE_MS = 5_000;
const KEPT_MS = 60 * 60_000;

/** Runs the detached forwards of one person, each in a process of its own, and answers commands. */
export class Supervisor {
  readonly #ports: SupervisorPorts;
  readonly #forwards = new Map<string, DetachedForward>();
  #connections = 0;
  #cancelIdle: () => void = () => undefined;
  #idle: () => void = () => undefined;
  /** Resolves when nothing is left to supervise. */
  readonly idle: Promise<void>;

  constructor(ports: SupervisorPorts) {
    this.#ports = ports;
    this.idle = new Promise((resolve) => {
      this.#idle = resolve;
    });
    this.#watchIdle();
  }

  accept(connection: ControlConnection): void {
    const { clock, pid, version } = this.#ports;
    if (this.#connections >= MOST_CONNECTIONS) {
      connection.end();
      return;
    }
    this.#connections++;
    this.#cancelIdle();
    const reader = new LineReader();
    let isOpen = true;
    let hasRequest = false;
    const answer = (message: Answer): void => {
      if (!isOpen) return;
      connection.write(encodeLine(message));
      if (message.type !== 'event') connection.end();
    };
    const cancel = clock.timer(REQUEST_MS, () =>
      answer({ type: 'refused', reason: 'no request came in time' }),
    );
    connection.onClose(() => {
      cancel();
      isOpen = false;
      this.#connections--;
      this.#watchIdle();
    });
    connection.onBytes((bytes) => {
      if (hasRequest) return;
      try {
        const [line] = reader.push(bytes);
        if (line === undefined) return;
        hasRequest = true;
        cancel();
        this.#handle(parseRequest(line), answer);
      } catch (error) {
        hasRequest = true;
        answer({ type: 'refused', reason: error instanceof ToolError ? error.message : String(error) });
      }
    });
    connection.write(encodeLine({ type: 'greeting', protocol: CONTROL_PROTOCOL, version, pid }));
  }

  async stopAll(): Promise<void> {
    await Promise.all(
      [...this.#forwards.values()].filter(({ hasEnded }) => !hasEnded).map((forward) => forward.stop()),
    );
  }

  #handle(request: Request, answer: (answer: Answer) => void): void {
    switch (request.type) {
      case 'list':
        answer({ type: 'list', forwards: [...this.#forwards.values()].map(({ state }) => state) });
        return;
      case 'stop':
        void this.#stop(request.names).then(answer);
        return;
      case 'start':
        this.#start(request, answer);
    }
  }

  #start(request: StartRequest, answer: (answer: Answer) => void): void {
    const { clock, settleMs } = this.#ports;
    const running = this.#forwards.get(request.name);
    if (running !== undefined && !running.hasEnded) {
      if (running.state.identity === request.identity) running.whenStarted(answer);
      else answer({ type: 'taken', forward: running.state });
      return;
    }
    if ([...this.#forwards.values()].filter(({ hasEnded }) => !hasEnded).length >= MOST_FORWARDS) {
      answer({ type: 'refused', reason: `${MOST_FORWARDS} forwards run already` });
      return;
    }
    const process = this.#ports.startProcess(request);
    const forward = new DetachedForward(request, process, this.#ports.log(request.name), clock, settleMs);
    this.#forwards.set(request.name, forward);
    forward.whenStarted(answer);
    void forward.ended.then(() => {
      // Who started it knows why it failed.
      if (forward.hasFailedToStart) this.#remove(request.name, forward);
      else clock.timer(KEPT_MS, () => this.#remove(request.name, forward));
      this.#watchIdle();
    });
  }

  async #stop(names: readonly string[] | undefined): Promise<Answer> {
    const wanted = names ?? [...this.#forwards.keys()];
    const found = wanted.flatMap((name) => {
      const forward = this.#forwards.get(name);
      return forward === undefined ? [] : [{ name, forward }];
    });
    await Promise.all(
      found.map(async ({ name, forward }) => {
        if (!forward.hasEnded) await forward.stop();
        this.#remove(name, forward);
      }),
    );
    return {
      type: 'stopped',
      forwards: found.map(({ forward }) => forward.state),
      unknown: wanted.filter((name) => !found.some((each) => each.name === name)),
    };
  }

  #remove(name: string, forward: DetachedForward): void {
    if (this.#forwards.get(name) === forward) this.#forwards.delete(name);
    this.#watchIdle();
  }

  #watchIdle(): void {
    this.#cancelIdle();
    if (this.#connections > 0 || this.#forwards.size > 0) return;
    this.#cancelIdle = this.#ports.clock.timer(IDLE_MS, () => this.#idle());
  }
}
