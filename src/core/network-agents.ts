import { readFile } from 'node:fs/promises';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { X509Certificate } from 'node:crypto';
import * as tls from 'node:tls';

import type { Clock } from './clock.ts';
import { usage } from './errors.ts';
import { namesProxy } from './proxy.ts';

type Env = Readonly<Record<string, string | undefined>>;

/**
 * How connections are made: proxies, trusted certificates, pools. API calls, sign-in calls and WebSockets share one
 * pair of agents.
 */
export interface NetworkAgents {
  readonly http: HttpAgent;
  /** Also for `wss:`. The type is http.Agent, because an agent that serves both protocols is no https.Agent. */
  readonly https: HttpAgent;
}

/** Certificates that are trusted in addition to Node's. */
export interface CaBundle {
  readonly path: string;
  /** Where the path comes from, for errors: `AWS_CA_BUNDLE`, or `ca_bundle of profile dev`. */
  readonly from: string;
}

const MAX_SOCKETS = 16;
/** Limit; Mozilla's whole list has 220 KB. */
const MAX_BUNDLE_BYTES = 4 * 1024 * 1024;

/**
 * Makes the agents. Certificates are always verified: the agents ignore NODE_TLS_REJECT_UNAUTHORIZED. Throws usage
 * `ca-bundle-unreadable`; the agents' requests fail as those of `ProxyAgent`.
 */
export async function networkAgents(
  env: Env,
  clock: Clock,
  bundle: CaBundle | undefined,
): Promise<NetworkAgents> {
  const secureContext = bundle === undefined ? undefined : await trusting(bundle, env);
  if (namesProxy(env)) {
    const { ProxyAgent } = await import('./proxy-agent.ts');
    const agent = new ProxyAgent({ env, clock, maxSockets: MAX_SOCKETS, secureContext });
    return { http: agent, https: agent };
  }
  const pool = { keepAlive: true, maxSockets: MAX_SOCKETS };
  return {
    http: new HttpAgent(pool),
    https: new HttpsAgent({
      ...pool,
      rejectUnauthorized: true,
      ...(secureContext === undefined ? {} : { secureContext }),
    }),
  };
}

/** A list given to OpenSSL replaces Node's list, but the bundle must be added to it, as NODE_EXTRA_CA_CERTS does. */
async function trusting(bundle: CaBundle, env: Env): Promise<tls.SecureContext> {
  return tls.createSecureContext({ ca: [...(await trustedByNode(env)), ...(await readBundle(bundle))] });
}

async function trustedByNode(env: Env): Promise<readonly string[]> {
  // Node 22.15 and later return the certificates that they trust, including NODE_EXTRA_CA_CERTS and --use-system-ca.
  const systemCertificates: unknown = Reflect.get(tls, 'getCACertificates');
  if (typeof systemCertificates === 'function') return systemCertificates('default') as readonly string[];
  const extra = env['NODE_EXTRA_CA_CERTS'];
  // Node itself warns about an unreadable file when it starts.
  const text = extra ? await readFile(extra, 'utf8').catch(() => '') : '';
  return [...tls.rootCertificates, ...certificatesIn(text)];
}

async function readBundle(bundle: CaBundle): Promise<readonly string[]> {
  const bytes = await readFile(bundle.path).catch((error: unknown) => {
    throw unreadable(bundle, (error as NodeJS.ErrnoException).code ?? String(error));
  });
  if (bytes.byteLength > MAX_BUNDLE_BYTES) throw unreadable(bundle, `it has ${bytes.byteLength} bytes`);
  const certificates = certificatesIn(bytes.toString('latin1'));
  if (certificates.length === 0) throw unreadable(bundle, 'it holds no PEM certificate');
  // OpenSSL would skip a broken certificate silently, and the failure would look as if the certificate were missing.
  certificates.forEach((certificate, index) => {
    if (!isCertificate(certificate)) throw unreadable(bundle, `certificate ${index + 1} is broken`);
  });
  return certificates;
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== undefined;
  } catch {
    return false;
  }
}

const certificatesIn = (text: string): readonly string[] =>
  text.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];

const unreadable = ({ path, from }: CaBundle, why: string): Error =>
  usage('ca-bundle-unreadable', `the certificates of ${from} cannot be used: ${path}: ${why}`, {
    details: { path, from },
  });
