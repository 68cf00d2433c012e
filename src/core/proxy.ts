import { type ToolError, transport, usage } from './errors.ts';

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Finds the proxy that the environment names for a URL. This is our own code because `proxy-from-env` reads the
 * process's own environment only, applies `NO_PROXY=amazonaws.com` to that one host (curl, Go and the AWS CLI apply it
 * to the whole domain) and sends loopback through the proxy (test/core/proxy.test.ts has each case).
 */

/** The variables that name a proxy; their lower-case forms count too. */
const PROXY_VARIABLES = ['HTTPS_PROXY', 'HTTP_PROXY', 'ALL_PROXY'] as const;

const valueOf = (env: Env, name: string): string | undefined =>
  env[name.toLowerCase()] || env[name] || undefined;

/** True if any variable names a proxy, for any host. */
export const namesProxy = (env: Env): boolean =>
  PROXY_VARIABLES.some((name) => valueOf(env, name) !== undefined);

/** The address of a proxy, and the credentials for it. */
export interface Proxy {
  /** Without user and password, because libraries decode them, log them, and throw at a `%` that begins no escape. */
  readonly url: URL;
  /** Undefined when the address has no user information. */
  readonly login: { readonly user: string; readonly password: string } | undefined;
}

/** True for a proxy that speaks SOCKS5. */
export const isSocks = ({ url }: Proxy): boolean => url.protocol.startsWith('socks');

export function proxyUnreachable({ url }: Proxy, error: unknown): ToolError {
  const message = error instanceof Error ? error.message : String(error);
  return transport('proxy-unreachable', `the proxy ${url.host} cannot be used: ${message}`, {
    details: { proxy: url.host },
    cause: error,
  });
}

/**
 * The proxy that the environment names for a URL (HTTPS_PROXY for https and wss, HTTP_PROXY for http and ws, ALL_PROXY
 * for both; lower case too), unless NO_PROXY covers its host. Loopback never goes through a proxy. Throws usage
 * `proxy-invalid` if the value is not an http, https, socks5, socks5h or socks address.
 */
export function proxyFor(url: URL, env: Env): Proxy | undefined {
  const isSecure = url.protocol === 'https:' || url.protocol === 'wss:';
  const named = [isSecure ? 'HTTPS_PROXY' : 'HTTP_PROXY', 'ALL_PROXY'].find(
    (name) => valueOf(env, name) !== undefined,
  );
  if (named === undefined || isBypassed(url, valueOf(env, 'NO_PROXY') ?? '')) return undefined;
  return parseProxy(named, valueOf(env, named) ?? '');
}

/** The error does not show the value, because it may contain a password. */
function parseProxy(name: string, value: string): Proxy {
  const text = value.includes('://') ? value : `http://${value}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.hostname === '' || !/^(?:https?|socks5h?|socks):$/.test(url.protocol)) {
    throw usage('proxy-invalid', `${name} is not the address of an http, https or socks5 proxy`, {
      details: { variable: name, scheme: url?.protocol },
    });
  }
  const { username, password } = url;
  url.username = '';
  url.password = '';
  if (username === '' && password === '') return { url, login: undefined };
  return { url, login: { user: percentDecoded(username), password: percentDecoded(password) } };
}

/** Decodes `%XX`; if a `%` in the text begins no escape, the text is used unchanged. */
function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function isBypassed(url: URL, noProxy: string): boolean {
  const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  if (host === 'localhost' || host === '::1' || host.startsWith('127.')) return true;
  const port = url.port === '' ? (/^(https|wss):$/.test(url.protocol) ? '443' : '80') : url.port;
  return noProxy
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .some((entry) => {
      if (entry === '*') return true;
      const [name = '', onlyPort] = entry.toLowerCase().split(/:(?=\d+$)/);
      if (onlyPort !== undefined && onlyPort !== port) return false;
      const suffix = name.replace(/^\*?\./, '');
      return host === suffix || host.endsWith(`.${suffix}`);
    });
}
