import { text, utf8, view } from '../core/bytes.ts';
import type { SessionFlag, WindowSize } from './data-channel-types.ts';
import { numberMember, parseObject } from './json-payload.ts';

/** Payload types 3, 10 and 12 (SPEC.md §5). Readers return undefined for a payload that they cannot read. */

const FLAG_VALUE: Readonly<Record<SessionFlag, number>> = {
  DisconnectToPort: 1,
  TerminateSession: 2,
  ConnectToPortError: 3,
};
const FLAGS: readonly SessionFlag[] = ['DisconnectToPort', 'TerminateSession', 'ConnectToPortError'];
const EXIT_CODE_PREFIX = 'EXIT_CODE: ';
/** The kernel stores terminal sizes in 16 bits. */
const MAX_DIMENSION = 0xffff;

/** Payload type 10: four bytes, big-endian. */
export function encodeFlag(flag: SessionFlag): Uint8Array {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(FLAG_VALUE[flag]);
  return payload;
}

export function readFlag(payload: Uint8Array): SessionFlag | undefined {
  if (payload.byteLength !== 4) return undefined;
  const value = view(payload).readUInt32BE(0);
  return FLAGS.find((flag) => FLAG_VALUE[flag] === value);
}

/** Payload type 3. */
export const encodeSize = (size: WindowSize): Uint8Array =>
  utf8(JSON.stringify({ cols: size.columns, rows: size.rows }));

/** Undefined also for sizes that do not fit into the kernel's 16 bits. */
export function readSize(payload: Uint8Array): WindowSize | undefined {
  const size = parseObject(text(payload));
  const columns = dimension(numberMember(size, 'cols'));
  const rows = dimension(numberMember(size, 'rows'));
  return columns === undefined || rows === undefined ? undefined : { columns, rows };
}

const dimension = (value: number | undefined): number | undefined =>
  value !== undefined && value >= 0 && value <= MAX_DIMENSION ? value : undefined;

/** Payload type 12: the text `EXIT_CODE: ` and the number. */
export const encodeExitCode = (code: number): Uint8Array => utf8(`${EXIT_CODE_PREFIX}${code}`);

export function readExitCode(payload: Uint8Array): number | undefined {
  const match = /^EXIT_CODE: (-?\d{1,10})$/.exec(text(payload).trim());
  return match === null ? undefined : Number(match[1]);
}
