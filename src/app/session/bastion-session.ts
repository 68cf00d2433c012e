import { aliasToShow, bastionPlace, type PlaceNeeds, startAt } from './session-place.ts';
import type { SessionStart, SsmPort } from '../../connect/ports.ts';
import { commandRequest, shellRequest } from '../../connect/session/session-documents.ts';
import { usage } from '../../core/errors.ts';
import type { Bastion } from '../../provision/bastion/bastion.ts';
import { watchForNotice } from '../bastion/bastion-notice.ts';
import { findBastion, onceOnline } from '../bastion/bastion-target.ts';
import type { Needs } from '../collaborators.ts';
import { asTransportStatus, channelDeps, type ChannelNeeds, pluginCall } from './session-setup.ts';

export interface BastionSessionRequest {
  /** Name of the bastion; undefined = the newest one. */
  readonly name: string | undefined;
  /** Program and arguments; empty = a shell. */
  readonly command: readonly string[];
}

type SessionNeeds = ChannelNeeds &
  PlaceNeeds &
  Needs<'scope' | 'signal' | 'signals' | 'terminal', 'transport'>;

/**
 * Opens a Session Manager shell or runs a command on the bastion. Resolves with the command's exit status; after a
 * shell with 0, because Session Manager transmits no exit status of a shell.
 */
export async function openBastionSession(
  request: BastionSessionRequest,
  deps: SessionNeeds,
): Promise<number> {
  void aliasToShow(deps);
  if (request.command.length > 0)
    return runCommand(request, deps).catch((error: unknown) => {
      throw asTransportStatus(error);
    });
  if (deps.settings.transport === 'plugin') return openPluginShell(request, deps);
  const { report, signal, signals, terminal } = deps;
  const [{ runShellSession }, channel, bastion] = await Promise.all([
    import('../../connect/session/shell-session.ts'),
    channelDeps(deps),
    findBastion(deps, request.name),
  ]);
  const { region } = await deps.account();
  const { session, target } = await startAt(bastionPlace(bastion, region), deps, () =>
    startWatched(bastion, shellRequest, deps),
  );
  return runShellSession({ session, target, deps: channel, terminal, signals, signal, report });
}

async function openPluginShell({ name }: BastionSessionRequest, deps: SessionNeeds): Promise<number> {
  const { findPlugin, runPluginShell } = await import('../../connect/plugin/plugin-transport.ts');
  const plugin = await findPlugin(deps.env);
  const bastion = await findBastion(deps, name);
  const { instanceId } = bastion;
  const ssm = await (await deps.account()).ssm();
  const session = await startAt(bastionPlace(bastion, (await deps.account()).region), deps, () =>
    onceOnline(bastion, deps, () => ssm.startSession(shellRequest(instanceId))),
  );
  const call = await pluginCall(deps, session, instanceId);
  // While the plugin uses the terminal, Ctrl-C is for the remote program; the plugin transmits it.
  const release = deps.signals.on('SIGINT', () => undefined);
  await runPluginShell(plugin, call, deps.signal).finally(release);
  return 0;
}

async function runCommand({ name, command }: BastionSessionRequest, deps: SessionNeeds): Promise<number> {
  const { random, report, settings, signal, signals, terminal } = deps;
  if (settings.transport === 'plugin') {
    throw usage('plugin-unsupported', 'the plugin passes on neither stderr nor the exit status of a command');
  }
  const [{ runBastionCommand }, { bastionScript }, { execNonce }] = await Promise.all([
    import('../../connect/session/bastion-command.ts'),
    import('../../connect/session/bastion-script.ts'),
    import('../../connect/session/exec-script.ts'),
  ]);
  const nonce = execNonce((length) => random.bytes(length));
  const line = bastionScript(command, nonce);
  const bastion = await findBastion(deps, name);
  const { region } = await deps.account();
  const start = (): ReturnType<typeof startWatched> =>
    startWatched(bastion, (id) => commandRequest(id, line), deps);
  // The events of --json are for a program that knows what it runs, and stderr belongs to the command.
  const { session, target } = await (settings.output === 'json'
    ? start()
    : startAt(bastionPlace(bastion, region), deps, start));
  const channel = await channelDeps(deps);
  const { stdout, stderr } = terminal;
  return runBastionCommand({
    session,
    target,
    nonce,
    deps: channel,
    report,
    stdout,
    stderr,
    signals,
    signal,
  });
}

/** Starts a session on a bastion and reports when EC2 interrupts the bastion. */
async function startWatched(
  bastion: Bastion,
  requestFor: (instanceId: string) => Parameters<SsmPort['startSession']>[0],
  deps: SessionNeeds,
): Promise<{ readonly session: SessionStart; readonly target: string }> {
  const { instanceId } = bastion;
  const watch = await watchForNotice(bastion, deps);
  deps.scope.add(() => watch.close());
  const ssm = await (await deps.account()).ssm();
  const [session] = await Promise.all([
    onceOnline(bastion, deps, () => ssm.startSession(requestFor(instanceId))),
    // The watch polls first, so that an interruption notice is reported before the person types.
    watch.check(),
  ]);
  return { session, target: instanceId };
}
