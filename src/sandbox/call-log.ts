/** One permission check that the HTTP front made for a call, with IAM's decision. */
export interface LoggedCheck {
  readonly action: string;
  readonly resource: string;
  /** Condition keys of the request and the resource whose values were known. */
  readonly context: Readonly<Record<string, string | readonly string[]>>;
  readonly allowed: boolean;
  /** `policy#statement` that allowed or denied it; undefined for an implicit deny. */
  readonly by: string | undefined;
}

/** One API call that the sandbox received with a valid signature. */
export interface LoggedCall {
  /** From 1, in order of arrival. */
  readonly index: number;
  readonly requestId: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly service: string;
  readonly action: string;
  readonly region: string;
  readonly principal: string;
  readonly checks: readonly LoggedCheck[];
  /** `ok`, an AWS error code, or `dropped` (by an injected fault); `pending` until the call is answered. */
  readonly outcome: string;
  /** Message of an error answer; with `InternalFailure` the stack of the exception. */
  readonly detail: string | undefined;
}

/** The log of the calls, filled while the sandbox runs. Input is never logged: it may hold user data and secrets. */
export class CallLog {
  readonly #calls: LoggedCall[] = [];

  get calls(): readonly LoggedCall[] {
    return this.#calls;
  }

  begin(call: Omit<LoggedCall, 'index' | 'checks' | 'outcome' | 'detail'>): number {
    const index = this.#calls.length + 1;
    this.#calls.push({ ...call, index, checks: [], outcome: 'pending', detail: undefined });
    return index;
  }

  update(index: number, change: Partial<Pick<LoggedCall, 'checks' | 'outcome' | 'detail'>>): void {
    const call = this.#calls[index - 1];
    if (call !== undefined) this.#calls[index - 1] = { ...call, ...change };
  }
}
