import { ProtocolError } from '../core/errors.ts';

/*
 * smux version 1 frame (SPEC.md §6). Little-endian, unlike everything around it.
 *
 *   offset size
 *        0    1  version   1
 *        1    1  command
 *        2    2  length    of the data
 *        4    4  stream id 0 for NOP
 *        8    n  data      PSH only
 */
export const FRAME_HEADER_LENGTH = 8;
const VERSION = 1;

/** The commands of version 1; UPD (4) belongs to version 2. */
export const FRAME_COMMAND = { syn: 0, fin: 1, psh: 2, nop: 3 } as const;
export type FrameCommand = (typeof FRAME_COMMAND)[keyof typeof FRAME_COMMAND];

/** `length` counts the bytes of data that follow the header: 0 to 65535. */
export interface FrameHeader {
  readonly command: FrameCommand;
  readonly length: number;
  readonly streamId: number;
}

/** The caller must split data of more than 65535 bytes, which does not fit into a frame. */
export function encodeFrame(command: FrameCommand, streamId: number, data?: Uint8Array): Uint8Array {
  const length = data?.byteLength ?? 0;
  const frame = Buffer.allocUnsafe(FRAME_HEADER_LENGTH + length);
  frame[0] = VERSION;
  frame[1] = command;
  frame.writeUInt16LE(length, 2);
  frame.writeUInt32LE(streamId, 4);
  if (data !== undefined) frame.set(data, FRAME_HEADER_LENGTH);
  return frame;
}

/**
 * Throws `mux-version`, `mux-command` (UPD belongs to version 2), `mux-frame-length` for data in a frame that cannot
 * have any.
 */
export function decodeFrameHeader(header: Buffer): FrameHeader {
  const version = header.readUInt8(0);
  const command = header.readUInt8(1);
  const length = header.readUInt16LE(2);
  const streamId = header.readUInt32LE(4);
  if (version !== VERSION)
    throw new ProtocolError('mux-version', `multiplexer frame of version ${version} instead of 1`);
  if (!isCommand(command)) throw new ProtocolError('mux-command', `unknown multiplexer command ${command}`);
  if (command !== FRAME_COMMAND.psh && length !== 0)
    throw new ProtocolError(
      'mux-frame-length',
      `multiplexer command ${command} with ${length} bytes of data`,
    );
  return { command, length, streamId };
}

const isCommand = (value: number): value is FrameCommand =>
  value >= FRAME_COMMAND.syn && value <= FRAME_COMMAND.nop;
