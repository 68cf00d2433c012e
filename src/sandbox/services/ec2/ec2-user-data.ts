import { AwsError } from '../../contracts.ts';

/** Size in bytes before base64 encoding (EC2 User Guide). */
const MAX_USER_DATA_BYTES = 16_384;

/** Throws AwsError `InvalidUserData.Malformed` if the text is not base64 or is longer than MAX_USER_DATA_BYTES. */
export function checkUserData(encoded: string | undefined): void {
  if (encoded === undefined) return;
  if (!/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(encoded) || encoded.replace(/\s/g, '').length % 4 !== 0) {
    throw new AwsError('InvalidUserData.Malformed', 'Invalid BASE64 encoding of user data.');
  }
  const bytes = Buffer.from(encoded, 'base64').byteLength;
  if (bytes > MAX_USER_DATA_BYTES) {
    throw new AwsError('InvalidUserData.Malformed', `User data is limited to ${MAX_USER_DATA_BYTES} bytes`);
  }
}

export const decodeUserData = (encoded: string | undefined): string | undefined =>
  encoded === undefined ? undefined : Buffer.from(encoded, 'base64').toString('utf8');
