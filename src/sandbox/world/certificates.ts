import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

/**
 * X.509 certificates as RDS issues them: a private authority, and server certificates that name the hosts of a
 * database as alternative names. Node.js reads certificates and cannot write them; this module writes the few
 * structures of RFC 5280 that a TLS client looks at, in DER (X.690).
 */

export interface ServerCertificate {
  /** PEM. */
  readonly certificate: string;
  /** PEM of the private key. */
  readonly key: string;
}

export interface CertificateAuthority {
  /** PEM of the authority's own certificate. */
  readonly certificate: string;
  /** `now` in milliseconds since the epoch; the certificate is valid from a day before until `days` later. */
  issue(options: {
    readonly names: readonly string[];
    readonly now: number;
    readonly days?: number;
  }): ServerCertificate;
}

const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 3650;
const SERVER_DAYS = 365;

/** `name` is the authority's common name. */
export function createCertificateAuthority(name: string, now: number): CertificateAuthority {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const issuer = commonName(name);
  const certificate = signed(privateKey, {
    issuer,
    subject: issuer,
    from: now - DAY_MS,
    to: now + AUTHORITY_DAYS * DAY_MS,
    publicKey,
    extensions: [
      extension(OID.basicConstraints, true, sequence(BOOLEAN_TRUE)),
      extension(OID.keyUsage, true, tlv(0x03, Buffer.from([0x01, 0x06]))),
      extension(OID.subjectKeyId, false, tlv(0x04, keyId(publicKey))),
    ],
  });
  return {
    certificate,
    issue({ names, now: at, days = SERVER_DAYS }) {
      const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      return {
        certificate: signed(privateKey, {
          issuer,
          subject: commonName('database'),
          from: Math.min(at - DAY_MS, at + (days - 1) * DAY_MS),
          to: at + days * DAY_MS,
          publicKey: pair.publicKey,
          extensions: [
            extension(OID.basicConstraints, true, sequence()),
            extension(
              OID.subjectAltName,
              false,
              sequence(...names.map((each) => tlv(0x82, Buffer.from(each, 'latin1')))),
            ),
            extension(OID.authorityKeyId, false, sequence(tlv(0x80, keyId(publicKey)))),
          ],
        }),
        key: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      };
    },
  };
}

/** Object identifiers, encoded. */
const OID = {
  commonName: [0x55, 0x04, 0x03],
  subjectKeyId: [0x55, 0x1d, 0x0e],
  keyUsage: [0x55, 0x1d, 0x0f],
  subjectAltName: [0x55, 0x1d, 0x11],
  basicConstraints: [0x55, 0x1d, 0x13],
  authorityKeyId: [0x55, 0x1d, 0x23],
  ecdsaWithSha256: [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02],
} as const;

interface ToSign {
  readonly issuer: Buffer;
  readonly subject: Buffer;
  /** Milliseconds since the epoch. */
  readonly from: number;
  readonly to: number;
  readonly publicKey: KeyObject;
  readonly extensions: readonly Buffer[];
}

function signed(key: KeyObject, of: ToSign): string {
  const algorithm = sequence(oid(OID.ecdsaWithSha256));
  const body = sequence(
    tlv(0xa0, tlv(0x02, Buffer.from([2]))),
    tlv(0x02, Buffer.concat([Buffer.from([0x01]), randomBytes(15)])),
    algorithm,
    of.issuer,
    sequence(time(of.from), time(of.to)),
    of.subject,
    of.publicKey.export({ type: 'spki', format: 'der' }),
    tlv(0xa3, sequence(...of.extensions)),
  );
  const signature = sign('sha256', body, key);
  const whole = sequence(body, algorithm, tlv(0x03, Buffer.concat([Buffer.from([0]), signature])));
  const lines = whole.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

/** Tag, length and value. */
function tlv(tag: number, value: Buffer): Buffer {
  const { length } = value;
  const size =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), value]);
}

const sequence = (...items: readonly Buffer[]): Buffer => tlv(0x30, Buffer.concat(items));
const oid = (bytes: readonly number[]): Buffer => tlv(0x06, Buffer.from(bytes));
const BOOLEAN_TRUE = tlv(0x01, Buffer.from([0xff]));

const commonName = (name: string): Buffer =>
  sequence(tlv(0x31, sequence(oid(OID.commonName), tlv(0x0c, Buffer.from(name, 'utf8')))));

const extension = (id: readonly number[], critical: boolean, value: Buffer): Buffer =>
  sequence(oid(id), ...(critical ? [BOOLEAN_TRUE] : []), tlv(0x04, value));

/** GeneralizedTime, e.g. `20261130101500Z`; RFC 5280 demands UTCTime before the year 2050. */
const time = (ms: number): Buffer => {
  const digits = new Date(ms).toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  return Number(digits.slice(0, 4)) < 2050
    ? tlv(0x17, Buffer.from(digits.slice(2), 'latin1'))
    : tlv(0x18, Buffer.from(digits, 'latin1'));
};

const keyId = (key: KeyObject): Buffer =>
  createHash('sha1')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest();
