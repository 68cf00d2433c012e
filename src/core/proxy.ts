import { usage } from './errors.ts';

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Which proxy the environment names for a URL. Written here and not taken from `proxy-from-env`, which reads the
 * process's own environment only, takes `NO_PROXY=amazonaws.com` for that one host (curl, Go and the AWS CLI take it for
 * the whole domain) and sends loopback through the proxy (test/core/proxy.test.ts has each case).
 */

/** The variables that name a proxy; lower case counts too. */
const PROXY_VARIABLES = ['HTTPS_PROXY', 'HTTP_PROXY', 'ALL_PROXY'] as const;

const valueOf = (env: Env, name: string): string | undefined =>
  env[name.toLowerCase()] || env[name] || undefined;

/** True if any variable names a proxy, for whatever host. */
export const namesProxy = (env: Env): boolean =>
  PROXY_VARIABLES.some((name) => valueOf(env, name) !== undefined);

/** Where a proxy listens, and what it wants to hear of us. */
export interface Proxy {
  /** Without user and password: libraries decode them, log them, and throw at a `%` that is only a `%`. */
  readonly url: URL;
  /** Value of the `Proxy-Authorization` header; undefined without user information. */
  readonly authorization: string | undefined;
}

/**
 * The proxy that the environment names for a URL (HTTPS_PROXY for https and wss, HTTP_PROXY for http and ws,
 * ALL_PROXY for both; lower case too), unless NO_PROXY covers its host. Loopback never goes through a proxy.
 * Throws usage `proxy-invalid` for what is no http or https address.
 */
export function proxyFor(url: URL, env: Env): Proxy | undefined {
  const isSecure = url.protocol === 'https:' || url.protocol === 'wss:';
  const named = [isSecure ? 'HTTPS_PROXY' : 'HTTP_PROXY', 'ALL_PROXY'].find(
    (name) => valueOf(env, name) !== undefined,
  );
  if (named === undefined || isBypassed(url, valueOf(env, 'NO_PROXY') ?? '')) return undefined;
  return parseProxy(named, valueOf(env, named) ?? '');
}

/** The value is not shown: it may hold a password. */
function parseProxy(name: string, value: string): Proxy {
  const text = value.includes('://') ? value : `http://${value}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw usage('proxy-invalid', `${name} is not the address of an http or https proxy`, {
      details: { variable: name, scheme: url?.protocol },
    });
  }
  const { username, password } = url;
  url.username = '';
  url.password = '';
  if (username === '' && password === '') return { url, authorization: undefined };
  const credentials = `${percentDecoded(username)}:${percentDecoded(password)}`;
  return { url, authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
}

/** `%XX` decoded; a text in which a `%` begins no escape means exactly what it says. */
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
