import { containsCidr } from '../../core/cidr.ts';
import { type Clock, inTime } from '../../core/clock.ts';
import { failed, type ToolError } from '../../core/errors.ts';
import { canonicalAddress } from './host-patterns.ts';

/**
 * Link-local addresses, at which AWS gives the credentials of a task (169.254.170.2) and of an instance
 * (169.254.169.254) to whoever connects. Sources: AWS, "Amazon ECS task metadata endpoint", "Task IAM role"; "Use the
 * Instance Metadata Service", whose IPv6 address is fd00:ec2::254.
 */
const LINK_LOCAL: readonly string[] = ['169.254.0.0/16', 'fe80::/10', 'fd00:ec2::/32'];
/** IPv6 ranges whose last 32 bits are an IPv4 address: mapped, compatible, and NAT64 (RFC 4291, RFC 6052). */
const WITH_IPV4: readonly string[] = [
  '::ffff:169.254.0.0/112',
  '::169.254.0.0/112',
  '64:ff9b::169.254.0.0/112',
];

/** Resolves with the addresses that the local resolver knows; rejects if it knows none. */
export type LookUp = (name: string) => Promise<readonly string[]>;

/** How long a request waits for the local resolver. */
const LOOK_UP_MS = 1_000;
/** Names that AWS or the VPC give are not asked for at the local resolver, which need not learn them. */
const PRIVATE_NAME = /^[^.]*\.?$|\.(?:amazonaws\.com|amazonaws\.com\.cn|internal|local|localhost)\.?$/;

/**
 * True for a link-local address in any spelling that a resolver accepts, for example `0xa9feaa02`, `169.254.43522` or
 * `::ffff:a9fe:aa02`. False for names.
 */
export function isLinkLocal(host: string): boolean {
  const address = canonicalAddress(host);
  return [...LINK_LOCAL, ...WITH_IPV4].some((range) => containsCidr(range, address));
}

/**
 * Throws `link-local-refused` if `host` is a link-local address, or a name that resolves to one. The far side resolves
 * the name again, and a name that the local resolver does not know passes.
 */
export async function refuseLinkLocal(
  host: string,
  { clock, lookUp }: { readonly clock: Clock; readonly lookUp: LookUp },
): Promise<void> {
  if (isLinkLocal(host)) throw linkLocalRefused(host, undefined);
  if (host.includes(':') || PRIVATE_NAME.test(host)) return;
  const known = lookUp(host).catch(() => []);
  const address = (await inTime(clock, LOOK_UP_MS, known, [])).find(isLinkLocal);
  if (address !== undefined) throw linkLocalRefused(host, address);
}

function linkLocalRefused(host: string, address: string | undefined): ToolError {
  const which = address === undefined ? host : `${host} is ${address}, which`;
  return failed(
    'link-local-refused',
    `${which} is a link-local address, where AWS serves the credentials of tasks and instances`,
    { details: { host, address } },
  );
}
