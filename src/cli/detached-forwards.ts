import { createHash } from 'node:crypto';
import type { ForwardState, StartRequest } from '../app/supervisor/control-messages.ts';
import { type ConfiguredConnection } from '../config/settings.ts';
import { interrupted } from '../core/errors.ts';
import type { ToolEvent } from '../core/events.ts';
import type { CommandContext } from './context.ts';
import { printDetached } from './render/detached-forwards.ts';
import { supervisorAccess } from './supervisor/supervisor-access.ts';

/** `forward --detach`: starts each forward under the supervisor, and ends when all of them are ready. */

export interface DetachedForwardRequest {
  readonly name: string;
  /** Words after `forward`. */
  readonly words: readonly string[];
  readonly listeners: number;
  /** Undefined = the listeners were typed. */
  readonly connection: ConfiguredConnection | undefined;
}

/**
 * Resolves with 0 when every forward is ready, or was ready before. Throws the error with which one failed to start, and
 * those of the supervisor.
 */
export async function detachForwards(
  requests: readonly DetachedForwardRequest[],
  context: CommandContext,
): Promise<number> {
  const { cwd, signal } = context;
  const { startDetached, stopDetached } = await import('../app/supervisor/supervisor-client.ts');
  const access = supervisorAccess(context);
  const env = Object.fromEntries(
    Object.entries(context.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
  for (const request of requests) {
    const start: StartRequest = {
      type: 'start',
      name: request.name,
      identity: identityOf(request, context),
      argv: ['forward', ...request.words, '--json', '--no-input', '--report-traffic'],
      cwd,
      env,
      listeners: request.listeners,
    };
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(interrupted()), { once: true });
    });
    aborted.catch(() => undefined);
    const started = startDetached(start, access, (event) => reportStart(event, context));
    const { forward, isNew } = await Promise.race([started, aborted]).catch(async (error: unknown) => {
      if (signal.aborted) await stopDetached([request.name], access).catch(() => undefined);
      throw error;
    });
    reportStarted(forward, isNew, context);
  }
  return 0;
}

/** The listeners are reported when all of them are ready. */
function reportStart(event: ToolEvent, { report }: CommandContext): void {
  if (event.type !== 'forward-ready' && event.type !== 'forward-connection') report(event);
}

function reportStarted(
  forward: ForwardState,
  isNew: boolean,
  { commandLines, settings, terminal, report }: CommandContext,
): void {
  if (settings.output === 'json') {
    terminal.stdout.write(`${JSON.stringify({ ...printDetached(forward), isNew })}\n`);
    return;
  }
  for (const { local, remote, via, target } of forward.listeners)
    report({
      type: 'forward-ready',
      connection: forward.name,
      local,
      remote: remote as Extract<ToolEvent, { type: 'forward-ready' }>['remote'],
      via: via === 'task' ? 'task' : 'bastion',
      target,
    });
  const since = new Date(forward.since).toLocaleTimeString();
  report({
    type: 'note',
    level: 'info',
    code: isNew ? 'forward-detached' : 'forward-runs-already',
    message: isNew
      ? `${forward.name} stays open in the background (process ${forward.pid})`
      : `${forward.name} has been open in the background since ${since} (process ${forward.pid}); nothing was started`,
    details: { name: forward.name },
    hints: [commandLines.tool(`forward stop ${forward.name}`, {}, 'ends it; forward list shows all')],
  });
}

/** Two starts are the same if they open the same with the same settings. */
function identityOf({ words, connection }: DetachedForwardRequest, { settings }: CommandContext): string {
  const { profile, region, cluster, service, container, task } = settings;
  const facts = [words, connection ?? null, profile, region, cluster, service, container, task];
  return createHash('sha256')
    .update(JSON.stringify(facts.map((fact) => fact ?? null)))
    .digest('hex')
    .slice(0, 32);
}
