import { readFile } from 'node:fs/promises';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { X509Certificate } from 'node:crypto';
import * as tls from 'node:tls';

import type { Clock } from './clock.ts';
import { usage } from './errors.ts';
import { namesProxy } from './proxy.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** How connections are made: proxies, trusted certificates, pools. One pair for API calls, sign-in calls and WebSockets. */
export interface NetworkAgents {
  readonly http: HttpAgent;
  /** Also for `wss:`. An http.Agent by type, because an agent that serves both is no https.Agent. */
  readonly https: HttpAgent;
}

/** Certificates that are trusted beside those of Node. */
export interface CaBundle {
  readonly path: string;
  /** Where the path comes from, for errors: `AWS_CA_BUNDLE`, or `ca_bundle of profile dev`. */
  readonly from: string;
}

const MAX_SOCKETS = 16;
/** Mozilla's whole list has 220 KB. */
const MAX_BUNDLE_BYTES = 4 * 1024 * 1024;

/**
 * Verification is never switched off: the agents ignore NODE_TLS_REJECT_UNAUTHORIZED. Throws usage
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

/** A list of our own replaces Node's; the bundle is meant to add to it, as NODE_EXTRA_CA_CERTS does. */
async function trusting(bundle: CaBundle, env: Env): Promise<tls.SecureContext> {
  return tls.createSecureContext({ ca: [...(await trustedByNode(env)), ...(await readBundle(bundle))] });
}

async function trustedByNode(env: Env): Promise<readonly string[]> {
  // Node 22.15 and later tell what they trust, NODE_EXTRA_CA_CERTS and --use-system-ca included.
  const told: unknown = Reflect.get(tls, 'getCACertificates');
  if (typeof told === 'function') return told('default') as readonly string[];
  const extra = env['NODE_EXTRA_CA_CERTS'];
  // An unreadable file is Node's to complain about: it does so at its start.
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
  // OpenSSL would pass over a broken one without a word, and the failure would look like a missing one.
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
