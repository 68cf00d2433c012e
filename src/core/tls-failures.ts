import { ToolError, transport } from './errors.ts';

/** The names that OpenSSL and Node use for problems of a certificate chain. */
const UNTRUSTED = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_UNTRUSTED',
  'INVALID_CA',
]);
const OUT_OF_DATE = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID']);
const WRONG_NAME = new Set(['ERR_TLS_CERT_ALTNAME_INVALID', 'HOSTNAME_MISMATCH']);
const isOtherTlsCode = (code: string): boolean =>
  code === 'EPROTO' || code.startsWith('ERR_SSL_') || code.startsWith('CERT_') || code.startsWith('ERR_TLS_');

/**
 * What failed in the TLS handshake with `host`: `tls-untrusted`, `tls-out-of-date`, `tls-wrong-host` or `tls-failed`,
 * each with Node's code in details.tlsError. Undefined if the error is not a TLS error.
 */
export function tlsFailure(error: unknown, host: string): ToolError | undefined {
  if (error instanceof ToolError) return undefined;
  const code = tlsCodeOf(error);
  if (code === undefined) return undefined;
  const message = error instanceof Error ? error.message.split('\n')[0] : String(error);
  const options = { details: { host, tlsError: code }, cause: error };
  if (UNTRUSTED.has(code)) {
    return transport(
      'tls-untrusted',
      `no authority that this machine trusts has signed the certificate of ${host} (${code})`,
      options,
    );
  }
  if (OUT_OF_DATE.has(code)) {
    return transport(
      'tls-out-of-date',
      `the certificate of ${host} is not valid at this time (${code})`,
      options,
    );
  }
  if (WRONG_NAME.has(code)) {
    return transport('tls-wrong-host', `${host} shows the certificate of another host: ${message}`, options);
  }
  return transport('tls-failed', `no TLS connection with ${host}: ${message} (${code})`, options);
}

/** The first TLS error code in the chain of causes. */
function tlsCodeOf(error: unknown): string | undefined {
  for (let link = error, depth = 0; typeof link === 'object' && link !== null && depth < 5; depth++) {
    const code: unknown = Reflect.get(link, 'code');
    if (typeof code === 'string') {
      const isTls =
        UNTRUSTED.has(code) || OUT_OF_DATE.has(code) || WRONG_NAME.has(code) || isOtherTlsCode(code);
      if (isTls) return code;
    }
    link = Reflect.get(link, 'cause');
  }
  return undefined;
}
