import { isIPv4, isIPv6 } from 'node:net';

import { concat, text, utf8 } from '../../core/bytes.ts';
import { PAC_PATH, PAC_TYPE } from './proxy-pac.ts';

/**
 * What a local program sends to a proxy before its data: SOCKS5 (RFC 1928; user and password by RFC 1929) or HTTP
 * CONNECT (RFC 9110 §9.3.6; Basic authentication by RFC 7617). The first byte tells which of the two it is. Pure: bytes
 * in, bytes out.
 */

export type ProxyProtocol = 'socks5' | 'http';

export interface ProxyRequest {
  readonly protocol: ProxyProtocol;
  /** A name in lower case, which the far side resolves, or an IPv4 or IPv6 address without brackets. */
  readonly host: string;
  /** From 1 to 65535. */
  readonly port: number;
}

export type ProxyStep =
  /** More bytes are needed; `reply`, where given, must be sent first. */
  | { readonly type: 'more'; readonly reply?: Uint8Array }
  /**
   * The request is complete; `rest` are bytes for the destination that the program sent without waiting. `reply` answers
   * a greeting that came together with the request.
   */
  | {
      readonly type: 'request';
      readonly request: ProxyRequest;
      readonly rest: Uint8Array;
      readonly reply?: Uint8Array;
    }
  /** The request is not acceptable: `reply` is sent (it may be empty), and the connection is closed. */
  | { readonly type: 'refused'; readonly reply: Uint8Array; readonly reason: string }
  /** The request was for the proxy itself: `reply` is sent, and the connection is closed. */
  | { readonly type: 'answered'; readonly reply: Uint8Array };

export interface ProxyRequestOptions {
  /** True if a program may use the proxy with this login; undefined = any login, or none, is accepted. */
  readonly isLogin?: ((user: string, password: string) => boolean) | undefined;
  /** The answer to `GET /proxy.pac`; undefined = there is none. */
  readonly pacFile?: (() => string) | undefined;
}

/** Why a request that could be read is not carried out. */
export type Refusal = 'not-allowed' | 'too-many' | 'unreachable';

/** The maximum length of the head of an HTTP request, with its empty line. */
const MAX_HTTP_HEAD = 8_192;
const MAX_NAME = 255;

const SOCKS5 = 0x05;
const SOCKS4 = 0x04;
const NO_AUTHENTICATION = 0x00;
const USER_AND_PASSWORD = 0x02;
const NO_ACCEPTABLE_METHOD = 0xff;
/** Version of the negotiation of RFC 1929, and its two answers. */
const LOGIN_VERSION = 0x01;
const LOGIN_ACCEPTED = 0x00;
const LOGIN_REFUSED = 0x01;
const CONNECT = 0x01;
const IPV4 = 0x01;
const NAME = 0x03;
const IPV6 = 0x04;
/** RFC 1928 §6. */
const SUCCEEDED = 0x00;
const GENERAL_FAILURE = 0x01;
const NOT_ALLOWED = 0x02;
const HOST_UNREACHABLE = 0x04;
const COMMAND_NOT_SUPPORTED = 0x07;
const ADDRESS_TYPE_NOT_SUPPORTED = 0x08;

const NOTHING = new Uint8Array(0);
const MORE: ProxyStep = { type: 'more' };

/** The address in a reply is 0.0.0.0:0, because the client does not know which address the far side uses. */
const socksReply = (code: number): Uint8Array => Uint8Array.of(SOCKS5, code, 0, IPV4, 0, 0, 0, 0, 0, 0);

const httpReply = (status: string, message: string, headers = ''): Uint8Array =>
  httpAnswer(status, 'text/plain; charset=utf-8', `${message}\n`, headers);

function httpAnswer(status: string, contentType: string, content: string, headers = ''): Uint8Array {
  const body = utf8(content);
  return concat([
    utf8(
      `HTTP/1.1 ${status}\r\nContent-Type: ${contentType}\r\nContent-Length: ${body.length}\r\n${headers}Connection: close\r\n\r\n`,
    ),
    body,
  ]);
}

/** What the program is sent when its connection is passed on. */
export const acceptedReply = (protocol: ProxyProtocol): Uint8Array =>
  protocol === 'socks5' ? socksReply(SUCCEEDED) : utf8('HTTP/1.1 200 Connection established\r\n\r\n');

/** What the program is sent when its connection is not passed on. SOCKS has no room for the message. */
export function refusedReply(protocol: ProxyProtocol, refusal: Refusal, message: string): Uint8Array {
  switch (refusal) {
    case 'not-allowed':
      return protocol === 'socks5' ? socksReply(NOT_ALLOWED) : httpReply('403 Forbidden', message);
    case 'too-many':
      return protocol === 'socks5'
        ? socksReply(GENERAL_FAILURE)
        : httpReply('503 Service Unavailable', message);
    case 'unreachable':
      return protocol === 'socks5' ? socksReply(HOST_UNREACHABLE) : httpReply('502 Bad Gateway', message);
  }
}

/** Reads one request from the bytes of one connection. After any step but `more` it must not be used again. */
export class ProxyRequestReader {
  readonly #options: ProxyRequestOptions;
  #bytes: Uint8Array = NOTHING;
  /** What the bytes belong to; the first of them tell SOCKS from HTTP. */
  #phase: 'start' | 'login' | 'request' = 'start';

  constructor(options: ProxyRequestOptions = {}) {
    this.#options = options;
  }

  push(bytes: Uint8Array): ProxyStep {
    this.#bytes = this.#bytes.length === 0 ? bytes : concat([this.#bytes, bytes]);
    return this.#step();
  }

  #step(): ProxyStep {
    const first = this.#bytes[0];
    if (first === undefined) return MORE;
    if (this.#phase === 'login') return this.#socksLogin();
    if (this.#phase === 'request') return this.#socksRequest();
    if (first === SOCKS5) return this.#socksGreeting();
    if (first === SOCKS4)
      return refused(Uint8Array.of(0, 0x5b, 0, 0, 0, 0, 0, 0), 'SOCKS4 is not supported, SOCKS5 is');
    if (first >= 0x41 && first <= 0x5a) return this.#httpRequest();
    return refused(NOTHING, 'neither SOCKS5 nor HTTP CONNECT');
  }

  #socksGreeting(): ProxyStep {
    const count = this.#bytes[1];
    if (count === undefined) return MORE;
    const length = 2 + count;
    if (this.#bytes.length < length) return MORE;
    const offered = this.#bytes.subarray(2, length);
    const method =
      this.#options.isLogin === undefined && offered.includes(NO_AUTHENTICATION)
        ? NO_AUTHENTICATION
        : offered.includes(USER_AND_PASSWORD)
          ? USER_AND_PASSWORD
          : undefined;
    if (method === undefined)
      return refused(
        Uint8Array.of(SOCKS5, NO_ACCEPTABLE_METHOD),
        this.#options.isLogin === undefined
          ? 'the program offers SOCKS5 neither without a login nor with user and password'
          : 'the program offers no user and password, and this proxy needs them',
      );
    return this.#continue(
      length,
      method === NO_AUTHENTICATION ? 'request' : 'login',
      Uint8Array.of(SOCKS5, method),
    );
  }

  #socksLogin(): ProxyStep {
    const bytes = this.#bytes;
    const [version, userLength] = bytes;
    if (version !== LOGIN_VERSION) {
      const reply = Uint8Array.of(LOGIN_VERSION, LOGIN_REFUSED);
      return refused(reply, 'the SOCKS5 login has another version');
    }
    if (userLength === undefined) return MORE;
    const passwordAt = 3 + userLength;
    const passwordLength = bytes[passwordAt - 1];
    if (passwordLength === undefined || bytes.length < passwordAt + passwordLength) return MORE;
    const end = passwordAt + passwordLength;
    const user = text(bytes.subarray(2, passwordAt - 1));
    const password = text(bytes.subarray(passwordAt, end));
    if (this.#options.isLogin?.(user, password) === false)
      return refused(
        Uint8Array.of(LOGIN_VERSION, LOGIN_REFUSED),
        'the program sent another user or password',
      );
    return this.#continue(end, 'request', Uint8Array.of(LOGIN_VERSION, LOGIN_ACCEPTED));
  }

  /** Sends `reply` and goes on with what follows the first `length` bytes, which the program may have sent already. */
  #continue(length: number, phase: 'login' | 'request', reply: Uint8Array): ProxyStep {
    this.#bytes = this.#bytes.subarray(length);
    this.#phase = phase;
    if (this.#bytes.length === 0) return { type: 'more', reply };
    const next = this.#step();
    return { ...next, reply: next.reply === undefined ? reply : concat([reply, next.reply]) };
  }

  #socksRequest(): ProxyStep {
    const bytes = this.#bytes;
    if (bytes[0] !== undefined && bytes[0] !== SOCKS5)
      return refused(socksReply(GENERAL_FAILURE), 'the SOCKS5 request has another version');
    const [, command, , type, nameLength] = bytes;
    if (command === undefined) return MORE;
    if (command !== CONNECT)
      return refused(socksReply(COMMAND_NOT_SUPPORTED), `SOCKS5 command ${command} is not CONNECT`);
    if (type === undefined) return MORE;
    if (type !== IPV4 && type !== NAME && type !== IPV6)
      return refused(socksReply(ADDRESS_TYPE_NOT_SUPPORTED), `SOCKS5 address type ${type} is unknown`);
    if (nameLength === undefined) return MORE;
    const start = type === NAME ? 5 : 4;
    const end = start + (type === NAME ? nameLength : type === IPV4 ? 4 : 16);
    const high = bytes[end];
    const low = bytes[end + 1];
    if (high === undefined || low === undefined) return MORE;
    const address = bytes.subarray(start, end);
    const host = type === NAME ? parseHost(text(address)) : type === IPV4 ? address.join('.') : ipv6(address);
    const port = high * 256 + low;
    if (host === undefined || port === 0)
      return refused(socksReply(GENERAL_FAILURE), 'the SOCKS5 request has no valid host or port');
    return { type: 'request', request: { protocol: 'socks5', host, port }, rest: bytes.subarray(end + 2) };
  }

  #httpRequest(): ProxyStep {
    const head = Buffer.from(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.length);
    const end = head.subarray(0, MAX_HTTP_HEAD).indexOf('\r\n\r\n');
    if (end < 0) {
      if (head.length < MAX_HTTP_HEAD) return MORE;
      const reason = `the head of the HTTP request is longer than ${MAX_HTTP_HEAD} bytes`;
      return refused(httpReply('431 Request Header Fields Too Large', reason), reason);
    }
    const [line = '', ...headers] = head.toString('latin1', 0, end).split('\r\n');
    const [, method, target = ''] = /^([A-Z]+) (\S+) HTTP\/1\.[01]$/.exec(line) ?? [];
    if (method === undefined) {
      const reason = 'the HTTP request cannot be read';
      return refused(httpReply('400 Bad Request', reason), reason);
    }
    const { isLogin, pacFile } = this.#options;
    // In the form of a server's own files: http://HOST/proxy.pac would be a file of that host.
    if (method === 'GET' && pacFile !== undefined && target.split('?', 1)[0] === PAC_PATH)
      return { type: 'answered', reply: httpAnswer('200 OK', PAC_TYPE, pacFile()) };
    if (isLogin !== undefined && !isLogin(...loginOf(headers))) {
      const reason = 'this proxy needs a user and a password';
      const challenge = 'Proxy-Authenticate: Basic realm="fargate-connect", charset="UTF-8"\r\n';
      return refused(httpReply('407 Proxy Authentication Required', reason, challenge), reason);
    }
    if (method !== 'CONNECT') {
      const reason = `this proxy takes CONNECT only, not ${method.slice(0, 20)}: use it as a SOCKS5 proxy, or curl --proxytunnel`;
      return refused(httpReply('405 Method Not Allowed', reason, 'Allow: CONNECT\r\n'), reason);
    }
    const [, bracketed, plain = '', digits = ''] = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(target) ?? [];
    const host = bracketed === undefined ? parseHost(plain) : isIPv6(bracketed) ? bracketed : undefined;
    const port = Number(digits);
    if (host === undefined || port < 1 || port > 65_535) {
      const reason = 'CONNECT takes HOST:PORT';
      return refused(httpReply('400 Bad Request', reason), reason);
    }
    const rest = this.#bytes.subarray(end + 4);
    return { type: 'request', request: { protocol: 'http', host: host.toLowerCase(), port }, rest };
  }
}

const refused = (reply: Uint8Array, reason: string): ProxyStep => ({ type: 'refused', reply, reason });

/** User and password of the header `Proxy-Authorization`; two empty texts where there is none. */
function loginOf(headers: readonly string[]): readonly [user: string, password: string] {
  const sent = headers
    .map((line) => /^proxy-authorization:[ \t]*basic[ \t]+([\w+/=-]+)[ \t]*$/i.exec(line)?.[1])
    .find((value) => value !== undefined);
  const decoded = Buffer.from(sent ?? '', 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  return colon < 0 ? ['', ''] : [decoded.slice(0, colon), decoded.slice(colon + 1)];
}

/** Some programs write an address where a name belongs. */
function parseHost(name: string): string | undefined {
  if (name.length > MAX_NAME) return undefined;
  if (isIPv4(name) || isIPv6(name)) return name.toLowerCase();
  return /^[\w-]+(?:\.[\w-]+)*\.?$/.test(name) ? name.toLowerCase() : undefined;
}

/** In full, with the shortest form of each group; the far side parses it. */
function ipv6(address: Uint8Array): string {
  const groups: string[] = [];
  for (let at = 0; at < address.length; at += 2)
    groups.push((((address[at] ?? 0) << 8) | (address[at + 1] ?? 0)).toString(16));
  return groups.join(':');
}
