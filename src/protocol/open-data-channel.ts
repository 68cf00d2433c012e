/** The one text frame of a data channel, sent by the client right after the upgrade; nothing answers it (SPEC.md §2). */
export interface OpenDataChannelInput {
  readonly tokenValue: string;
  /** One per process, kept across reconnects. */
  readonly clientId: string;
  /** A new one for every open. */
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
