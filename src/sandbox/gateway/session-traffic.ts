/** Counts of what clients sent to agents, over all sessions of a gateway. */
export interface SessionTraffic {
  /** Stream messages, including repeated ones. */
  readonly input: number;
  /** Stream messages whose sequence number had been received before. */
  readonly repeatedInput: number;
}

/** Counts for the gateway; each session numbers its messages from 0. */
export class TrafficCounter {
  #input = 0;
  #repeatedInput = 0;

  get totals(): SessionTraffic {
    return { input: this.#input, repeatedInput: this.#repeatedInput };
  }

  count(isRepeated: boolean): void {
    this.#input++;
    if (isRepeated) this.#repeatedInput++;
  }
}
