import { isIP } from 'node:net';

import { containsCidr } from '../../core/cidr.ts';
import { usage } from '../../core/errors.ts';

/** Which hosts and ports a proxy (`-D`) leads to. Pure. */

export interface HostPattern {
  /** As it was written. */
  readonly text: string;
  readonly host:
    /** A name in lower case without a dot at its end; `*` stands for any characters, dots included. */
    | { readonly kind: 'name'; readonly glob: string }
    /** An address or a range of addresses. */
    | { readonly kind: 'range'; readonly cidr: string };
  /** Undefined = every port. */
  readonly port: number | undefined;
}

/** Longer ones match no name, since a name has 253 characters at most (RFC 1035 §2.3.4). */
const MAX_LENGTH = 261;

/**
 * Parses `HOST[:PORT]`, where HOST is a name in which `*` stands for any characters, an address, or a range of addresses
 * (`10.0.0.0/16`). IPv6 with a port is written in brackets. Throws `host-pattern-invalid` (usage).
 */
export function parseHostPattern(text: string): HostPattern {
  const refuse = (reason: string): Error =>
    usage('host-pattern-invalid', `cannot read ${text === '' ? 'an empty pattern' : text}: ${reason}`, {
      details: { value: text },
    });
  if (text.length > MAX_LENGTH) throw refuse(`it has more than ${MAX_LENGTH} characters`);
  if (text.includes('://')) throw refuse('a host is expected, not a URL');
  const [, bracketed, plain = '', digits] = /^(?:\[([^\]]*)\]|(.*?))(?::(\d+|\*))?$/.exec(text) ?? [];
  // Without brackets every colon of an IPv6 address belongs to the address.
  const isBareIpv6 = bracketed === undefined && isRange(text) && text.includes(':');
  const host = isBareIpv6 ? text : (bracketed ?? plain);
  const port = isBareIpv6 || digits === undefined || digits === '*' ? undefined : Number(digits);
  if (port !== undefined && (port < 1 || port > 65_535)) throw refuse(`${port} is no port from 1 to 65535`);
  if (isRange(host)) return { text, host: { kind: 'range', cidr: host.toLowerCase() }, port };
  const glob = host.toLowerCase().replace(/\.$/, '');
  if (/^[\d.*/]+$/.test(glob) && glob !== '*')
    throw refuse('addresses are written in full, or as a range such as 10.0.0.0/16');
  if (bracketed !== undefined || !/^[\w*-]+(?:\.[\w*-]+)*$/.test(glob))
    throw refuse('it is no host name, address or range, with a port after it if need be');
  return { text, host: { kind: 'name', glob }, port };
}

/** True for an address, or a range with a length that its family has. */
const isRange = (text: string): boolean =>
  isIP(text.replace(/\/\d{1,3}$/, '')) !== 0 && containsCidr(text, text);

/** `host` is a name, or an address in any spelling. */
export function isAllowed(patterns: readonly HostPattern[], host: string, port: number): boolean {
  const address = canonicalAddress(host);
  const name = address.toLowerCase().replace(/\.$/, '');
  return patterns.some((pattern) => {
    if (pattern.port !== undefined && pattern.port !== port) return false;
    if (pattern.host.kind === 'range') return containsCidr(pattern.host.cidr, address);
    // The name `*` is every host; other names are no patterns of addresses.
    return pattern.host.glob === '*' || (isIP(address) === 0 && matchesGlob(name, pattern.host.glob));
  });
}

/** `*` stands for any characters. Takes linear time, because each part is looked for once. */
function matchesGlob(name: string, glob: string): boolean {
  const [first = '', ...others] = glob.split('*');
  const last = others.pop();
  if (last === undefined) return name === glob;
  if (!name.startsWith(first)) return false;
  let at = first.length;
  for (const part of others) {
    const found = name.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return name.length - last.length >= at && name.endsWith(last);
}

/**
 * The usual form of an address in any spelling that a resolver accepts, e.g. `0xa9feaa02` or `169.254.43522`; other
 * text as it is. The URL standard knows every spelling of an IPv4 address
 * (https://url.spec.whatwg.org/#concept-ipv4-parser).
 */
export function canonicalAddress(host: string): string {
  try {
    const { hostname } = new URL(host.includes(':') ? `http://[${host}]/` : `http://${host}/`);
    return hostname.replace(/^\[|\]$/g, '');
  } catch {
    return host;
  }
}
