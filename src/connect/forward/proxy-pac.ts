import { isIPv4 } from 'node:net';

import { hostPort } from '../../core/host-port.ts';
import type { HostPattern } from './host-patterns.ts';

/**
 * The proxy auto-configuration file of a proxy (`-D`), which tells a browser for which hosts it uses the proxy. Source:
 * https://developer.mozilla.org/en-US/docs/Web/HTTP/Guides/Proxy_servers_and_tunneling/Proxy_Auto-Configuration_PAC_file.
 * Pure.
 */

/** RFC 9112 §3.2.1, origin form. */
export const PAC_PATH = '/proxy.pac';
export const PAC_TYPE = 'application/x-ns-proxy-autoconfig';

export interface PacOptions {
  /** Address on which the proxy listens. */
  readonly host: string;
  readonly port: number;
  /** Empty = every host but those of this machine. */
  readonly allowed: readonly HostPattern[];
  /** True = programs must log in. No browser logs in over SOCKS, and all do over HTTP. */
  readonly hasLogin: boolean;
}

const ANY_ADDRESS: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };

type Address = Pick<PacOptions, 'host' | 'port'>;

/** A proxy that listens on every address is reached on the loopback one. */
const authorityOf = ({ host, port }: Address): string => hostPort(ANY_ADDRESS[host] ?? host, port);

/** Where the running proxy serves the file. */
export const pacUrl = (address: Address): string => `http://${authorityOf(address)}${PAC_PATH}`;

/** A host that the patterns allow is never reached without the proxy, so that its name is not looked up here. */
export function pacFile({ host, port, allowed, hasLogin }: PacOptions): string {
  const authority = authorityOf({ host, port });
  // Browsers that do not know SOCKS5 as a word (those of macOS) read SOCKS as version 5.
  const proxy = hasLogin ? `PROXY ${authority}` : `SOCKS5 ${authority}; SOCKS ${authority}`;
  const tests = allowed.map(testOf);
  const lines =
    allowed.length === 0
      ? [
          `  if (host === 'localhost' || host === '::1' || /^127\\./.test(host)) return 'DIRECT';`,
          `  return '${proxy}';`,
        ]
      : [
          `  if (`,
          tests.map((test, index) => `    ${test}${index < tests.length - 1 ? ' ||' : ''}`).join('\n'),
          `  ) return '${proxy}';`,
          `  return 'DIRECT';`,
        ];
  return `${[
    'function FindProxyForURL(url, host) {',
    `  host = host.toLowerCase().replace(/^\\[|\\]$/g, '').replace(/\\.$/, '');`,
    ...(allowed.some((pattern) => pattern.port !== undefined) ? [PORT_OF_URL] : []),
    ...(allowed.some(({ host: { kind } }) => kind === 'name')
      ? [`  var isName = host.indexOf(':') < 0 && !/^\\d+\\.\\d+\\.\\d+\\.\\d+$/.test(host);`]
      : []),
    ...(allowed.some((pattern) => isIpv6Range(pattern)) ? [BITS_OF_IPV6] : []),
    ...lines,
    '}',
  ].join('\n')}\n`;
}

const PORT_OF_URL = `  var given = /^[a-z]+:\\/\\/[^/?#]*:(\\d+)(?:[/?#]|$)/i.exec(url);
  var port = given ? Number(given[1]) : /^(https|wss):/i.test(url) ? 443 : 80;`;

/** All 128 bits of an IPv6 address as text; '' for anything else. */
const BITS_OF_IPV6 = `  var bits = '';
  if (host.indexOf(':') >= 0) {
    var halves = host.split('::');
    var head = halves[0] ? halves[0].split(':') : [];
    var tail = halves[1] ? halves[1].split(':') : [];
    while (head.length + tail.length < 8) head.push('0');
    head.concat(tail).forEach(function (group) {
      bits += ('0000000000000000' + parseInt(group, 16).toString(2)).slice(-16);
    });
  }`;

const isIpv6Range = ({ host }: HostPattern): boolean => host.kind === 'range' && host.cidr.includes(':');

function testOf(pattern: HostPattern): string {
  const { host, port } = pattern;
  const onPort = port === undefined ? '' : ` && port === ${port}`;
  if (host.kind === 'name')
    return host.glob === '*' ? `(true${onPort})` : `(isName && shExpMatch(host, '${host.glob}')${onPort})`;
  const [address = '', length = isIPv4(address) ? '32' : '128'] = host.cidr.split('/');
  if (!isIpv6Range(pattern)) {
    // Only an address is compared: isInNet would look up a name here.
    return `(/^\\d+\\.\\d+\\.\\d+\\.\\d+$/.test(host) && isInNet(host, '${address}', '${maskOf(Number(length))}')${onPort})`;
  }
  return `(bits !== '' && bits.indexOf('${bitsOf(address).slice(0, Number(length))}') === 0${onPort})`;
}

function maskOf(length: number): string {
  const bits = '1'.repeat(length).padEnd(32, '0');
  return [0, 8, 16, 24].map((at) => Number.parseInt(bits.slice(at, at + 8), 2)).join('.');
}

/** The 128 bits of an IPv6 address; the URL standard writes it without dots. */
function bitsOf(address: string): string {
  const [head = '', tail] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split('::');
  const groups = (text: string | undefined): readonly string[] =>
    text === undefined || text === '' ? [] : text.split(':');
  const before = groups(head);
  const after = groups(tail);
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  return [...before, ...zeros, ...after]
    .map((group) => Number.parseInt(group, 16).toString(2).padStart(16, '0'))
    .join('');
}
