/**
 * The only text frame of a data channel. The client sends it right after the upgrade, and the gateway does not answer
 * it (SPEC.md §2).
 */
export interface OpenDataChannelInput {
  readonly tokenValue: string;
  /** One per process, kept across reconnects. */
  readonly clientId: string;
  /** A new UUID each time the channel is opened. */
  readonly requestId: string;
  readonly clientVersion: string;
}

/** The JSON text; it holds the token, so it must not be logged. */
export function openDataChannelInput(input: OpenDataChannelInput): string {
  return JSON.stringify({
    MessageSchemaVersion: '1.0',
    RequestId: input.requestId,
    TokenValue: input.tokenValue,
    ClientId: input.clientId,
    ClientVersion: input.clientVersion,
  });
}
