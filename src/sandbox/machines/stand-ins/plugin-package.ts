import { createHash } from 'node:crypto';

/** Fingerprint of the key that signs the session-manager-plugin (docs/reference/user-data.md §2). */
export const SIGNER_FINGERPRINT = '7959637124CE093AD501D47A2C4D4AFF6F6757EE';

const HEADER = 'sandbox rpm of session-manager-plugin';
const SIGNATURE = 'sandbox signature of ';

export type PackageArchitecture = 'aarch64' | 'x86_64';

/** Replaces the rpm that AWS publishes: a text that names its version and architecture. */
export function pluginPackage(version: string, architecture: PackageArchitecture): string {
  return `${HEADER}\nversion ${version}\narchitecture ${architecture}\n`;
}

/** Undefined if the text is not such a package. */
export function readPluginPackage(
  text: string,
): { readonly version: string; readonly architecture: string } | undefined {
  const match = /^version (\S+)\narchitecture (\S+)\n$/.exec(text.replace(`${HEADER}\n`, ''));
  if (match === null || !text.startsWith(HEADER)) return undefined;
  return { version: match[1] ?? '', architecture: match[2] ?? '' };
}

const digestOf = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');

/** The detached signature of exactly these bytes. */
export function signPackage(bytes: Uint8Array | string): string {
  return `${SIGNATURE}${digestOf(bytes)}\n`;
}

/** Whether `signature` was made for these bytes; undefined if it is not a signature at all. */
export function isSignatureOf(signature: string, bytes: Uint8Array): boolean | undefined {
  if (!signature.startsWith(SIGNATURE)) return undefined;
  return signature === signPackage(bytes);
}

/**
 * Fingerprints (upper-case hex) of the version 4 primary keys in an armored OpenPGP block: SHA-1 over the key packet.
 * Empty for any other text.
 */
export function keyFingerprints(armored: string): readonly string[] {
  const block = /-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n([\s\S]*?)-----END/.exec(armored);
  if (block === null) return [];
  // Armor headers end with an empty line; the checksum line begins with "=".
  const body = (block[1] ?? '').replace(/^(?:[A-Za-z]+: .*\r?\n)*\r?\n/, '');
  const base64 = body
    .split(/\r?\n/)
    .filter((line) => !line.startsWith('='))
    .join('');
  const bytes = Buffer.from(base64, 'base64');
  const fingerprints: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const packet = packetAt(bytes, at);
    if (packet === undefined) break;
    if (packet.tag === 6 && packet.body[0] === 4) {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(packet.body.length);
      fingerprints.push(
        createHash('sha1')
          .update(Buffer.from([0x99]))
          .update(length)
          .update(packet.body)
          .digest('hex')
          .toUpperCase(),
      );
    }
    at = packet.end;
  }
  return fingerprints;
}

/** A packet of RFC 4880 §4.2; undefined where the bytes are cut off or of indeterminate length. */
function packetAt(
  bytes: Buffer,
  at: number,
): { readonly tag: number; readonly body: Buffer; readonly end: number } | undefined {
  const head = bytes[at] ?? 0;
  if ((head & 0x80) === 0) return undefined;
  const modern = (head & 0x40) !== 0;
  const tag = modern ? head & 0x3f : (head >> 2) & 0x0f;
  const first = bytes[at + 1] ?? 0;
  let start: number;
  let length: number;
  if (modern && first < 192) [start, length] = [at + 2, first];
  else if (modern && first < 224) {
    start = at + 3;
    length = (first - 192) * 256 + (bytes[at + 2] ?? 0) + 192;
  } else if (modern || (head & 3) === 2) {
    start = at + (modern ? 6 : 5);
    if (start > bytes.length || (modern && first !== 255)) return undefined;
    length = bytes.readUInt32BE(start - 4);
  } else if ((head & 3) === 0) [start, length] = [at + 2, first];
  else if ((head & 3) === 1) {
    start = at + 3;
    length = first * 256 + (bytes[at + 2] ?? 0);
  } else return undefined;
  if (start + length > bytes.length) return undefined;
  return { tag, body: bytes.subarray(start, start + length), end: start + length };
}
