import { type ForwardSpec, isLoopback } from '../../connect/forward/forward-spec.ts';
import { isLinkLocal } from '../../connect/forward/link-local.ts';
import { LocalListener } from '../../connect/forward/local-listener.ts';
import { hostPort } from '../../core/host-port.ts';
import type { Needs } from '../collaborators.ts';

/**
 * Binds the local port of each spec, in their order; the scope closes them. Warns of ports that other machines can reach.
 * `withLogin` are the proxies that let programs in with a password only. Throws what `LocalListener.bind` throws.
 */
export async function bindListeners(
  specs: readonly ForwardSpec[],
  { scope, report }: Needs<'scope' | 'report'>,
  withLogin: ReadonlySet<ForwardSpec> = new Set(),
): Promise<readonly LocalListener[]> {
  const listeners: LocalListener[] = [];
  scope.add(async () => {
    await Promise.all(listeners.map((listener) => listener.close()));
  });
  for (const spec of specs) {
    warnIfOpen(spec, { report }, withLogin.has(spec));
    warnIfLinkLocal(spec, { report });
  }
  for (const spec of specs)
    listeners.push(
      spec.isDefaultBind === true
        ? await LocalListener.bindLoopback(spec.localPort)
        : await LocalListener.bind(spec.bind, spec.localPort),
    );
  return listeners;
}

export function warnIfOpen(
  { bind, localPort }: ForwardSpec,
  { report }: Pick<Needs<'report'>, 'report'>,
  hasLogin = false,
): void {
  if (isLoopback(bind)) return;
  report({
    type: 'note',
    level: 'warning',
    code: 'open-listener',
    message: `${hostPort(bind, localPort)} can be reached by others on this network, ${hasLogin ? 'with the password, which they send unencrypted' : 'without a password'}`,
    details: { bind },
  });
}

/** A person who types such an address means it, but every program on this machine can then use the port. */
function warnIfLinkLocal(
  { remoteHost, localPort }: ForwardSpec,
  { report }: Pick<Needs<'report'>, 'report'>,
): void {
  if (remoteHost === undefined || !isLinkLocal(remoteHost)) return;
  report({
    type: 'note',
    level: 'warning',
    code: 'link-local-forward',
    message: `every program on this machine can read what AWS serves at ${remoteHost}, such as credentials, from port ${localPort}`,
    details: { host: remoteHost },
  });
}
