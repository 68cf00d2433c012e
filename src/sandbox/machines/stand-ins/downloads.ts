import { writeFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { hang, type BootFault } from './package-tools.ts';
import { pluginPackage, signPackage } from './plugin-package.ts';
import type { StandIn, StandInResult } from './stand-in-server.ts';

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

export interface HttpRequest {
  readonly method: string;
  readonly url: URL;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
}

export interface CurlOptions {
  has(fault: BootFault): boolean;
  /** Whether the subnet reaches S3: through NAT, an internet gateway, or an S3 endpoint. */
  readonly internet: boolean;
  readonly metadataOverIpv6: boolean;
  metadata(request: HttpRequest): HttpAnswer;
}

interface CurlCall {
  readonly request: HttpRequest;
  readonly output: string | undefined;
  readonly fail: boolean;
  readonly silent: boolean;
}

/**
 * Amazon Linux gives itself a link-local IPv4 address where it has no other, so 169.254.169.254 answers everywhere.
 */
const METADATA_HOST = '169.254.169.254';
const METADATA_HOST_IPV6 = '[fd00:ec2::254]';
const PACKAGES =
  /^\/session-manager-downloads\/plugin\/([^/]+)\/(linux_arm64|linux_64bit)\/session-manager-plugin\.rpm(\.sig)?$/;
/** The version that `latest` names (docs/reference/user-data.md §2). */
const LATEST_PLUGIN = '1.2.896.0';

/**
 * The stand-in `curl`: it answers for the metadata service and for the address where AWS publishes the plugin; every
 * other host is unknown.
 */
export function createCurl(options: CurlOptions): StandIn {
  return (call) => {
    const parsed = parse(call.args);
    if (parsed === undefined) return { code: 2, stderr: 'curl: no URL specified\n' };
    const { request, fail } = parsed;
    let answer: HttpAnswer;
    const { hostname } = request.url;
    if (hostname === METADATA_HOST) answer = options.metadata(request);
    else if (hostname === METADATA_HOST_IPV6) {
      if (!options.metadataOverIpv6)
        return curlError(parsed, 28, `Failed to connect to ${hostname} port 80: Connection timed out`);
      answer = options.metadata(request);
    } else {
      if (options.has('hang')) return hang(call);
      if (request.url.protocol !== 'https:')
        return curlError(parsed, 1, `Protocol "${request.url.protocol.slice(0, -1)}" disabled`);
      if (hostname !== 's3.amazonaws.com') return curlError(parsed, 6, `Could not resolve host: ${hostname}`);
      if (!options.internet)
        return curlError(parsed, 28, `Failed to connect to ${hostname} port 443: Connection timed out`);
      if (options.has('download-fails')) answer = { status: 503, body: 'Slow Down\n' };
      else answer = published(request.url, options.has('bad-signature'));
    }
    if (fail && answer.status >= 400)
      return curlError(parsed, 22, `The requested URL returned error: ${answer.status}`);
    if (parsed.output === undefined) return { code: 0, stdout: answer.body };
    if (options.has('disk-full')) return curlError(parsed, 23, 'Failure writing output to destination');
    writeFileSync(resolve(call.cwd, parsed.output), answer.body);
    return { code: 0 };
  };
}

function published(url: URL, tampered: boolean): HttpAnswer {
  const match = PACKAGES.exec(url.pathname);
  if (match === null) return { status: 403, body: 'AccessDenied\n' };
  const version = match[1] === 'latest' ? LATEST_PLUGIN : (match[1] ?? LATEST_PLUGIN);
  const content = pluginPackage(version, match[2] === 'linux_arm64' ? 'aarch64' : 'x86_64');
  if (match[3] === undefined) return { status: 200, body: content };
  return { status: 200, body: signPackage(tampered ? `${content}tampered` : content) };
}

function curlError(call: CurlCall, code: number, text: string): StandInResult {
  return { code, stderr: call.silent ? '' : `curl: (${code}) ${text}\n` };
}

const WITH_VALUE = new Set([
  '-X',
  '--request',
  '-H',
  '--header',
  '-o',
  '--output',
  '-m',
  '--max-time',
  '--connect-timeout',
  '--proto',
  '--retry',
  '--retry-delay',
  '--retry-max-time',
  '-A',
  '--user-agent',
  '--noproxy',
  '-w',
  '--write-out',
]);

function parse(args: readonly string[]): CurlCall | undefined {
  let method = 'GET';
  let output: string | undefined;
  let [fail, silent, showError, remoteName] = [false, false, false, false];
  let address: string | undefined;
  const headers = new Map<string, string>();
  const words = args.flatMap(unbundle);
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    const value = WITH_VALUE.has(word) ? (words[++i] ?? '') : '';
    if (word === '-X' || word === '--request') method = value;
    else if (word === '-o' || word === '--output') output = value;
    else if (word === '-H' || word === '--header') {
      const colon = value.indexOf(':');
      headers.set(value.slice(0, colon).toLowerCase(), value.slice(colon + 1).trim());
    } else if (word === '-f' || word === '--fail') fail = true;
    else if (word === '-s' || word === '--silent') silent = true;
    else if (word === '-S' || word === '--show-error') showError = true;
    else if (word === '-O' || word === '--remote-name') remoteName = true;
    else if (!word.startsWith('-')) address = word;
  }
  if (address === undefined || !URL.canParse(address)) return undefined;
  const url = new URL(address);
  if (remoteName) output = basename(url.pathname);
  return { request: { method, url, headers }, output, fail, silent: silent && !showError };
}

/** `-sSfo` means `-s -S -f -o`. */
function unbundle(word: string): readonly string[] {
  return /^-[a-zA-Z]{2,}$/.test(word)
    ? word
        .slice(1)
        .split('')
        .map((letter) => `-${letter}`)
    : [word];
}

/** What the metadata service (IMDSv2) returns for an instance. */
export interface InstanceMetadata {
  readonly instanceId: string;
  readonly instanceType: string;
  readonly privateIp: string;
  readonly ipv6Address: string | undefined;
  readonly region: string;
  readonly zone: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly interruption: { readonly action: string; readonly time: Date } | undefined;
}

/**
 * Answers like 169.254.169.254 with IMDSv2 required: a token must be requested first; a request without one gets 401.
 */
export function createMetadataService(
  token: string,
  read: () => InstanceMetadata,
): (request: HttpRequest) => HttpAnswer {
  return ({ method, url, headers }) => {
    if (url.pathname === '/latest/api/token')
      return method === 'PUT' && headers.has('x-aws-ec2-metadata-token-ttl-seconds')
        ? { status: 200, body: token }
        : { status: 400, body: '' };
    if (headers.get('x-aws-ec2-metadata-token') !== token) return { status: 401, body: 'Unauthorized\n' };
    const found = metadataAt(url.pathname.replace(/^\/latest\//, ''), read());
    return found === undefined ? { status: 404, body: 'Not Found\n' } : { status: 200, body: found };
  };
}

function metadataAt(path: string, data: InstanceMetadata): string | undefined {
  const tag = /^meta-data\/tags\/instance\/(.+)$/.exec(path)?.[1];
  if (tag !== undefined) return data.tags[decodeURIComponent(tag)];
  switch (path) {
    case 'meta-data/instance-id':
      return data.instanceId;
    case 'meta-data/instance-type':
      return data.instanceType;
    case 'meta-data/local-ipv4':
      return data.privateIp === data.ipv6Address ? undefined : data.privateIp;
    case 'meta-data/ipv6':
      return data.ipv6Address;
    case 'meta-data/placement/region':
      return data.region;
    case 'meta-data/placement/availability-zone':
      return data.zone;
    case 'meta-data/tags/instance':
    case 'meta-data/tags/instance/':
      return Object.keys(data.tags).join('\n');
    case 'meta-data/spot/instance-action':
      return data.interruption === undefined
        ? undefined
        : JSON.stringify({
            action: data.interruption.action,
            time: data.interruption.time.toISOString().replace(/\.\d+Z$/, 'Z'),
          });
    case 'dynamic/instance-identity/document':
      return JSON.stringify({
        instanceId: data.instanceId,
        region: data.region,
        instanceType: data.instanceType,
      });
    default:
      return undefined;
  }
}
