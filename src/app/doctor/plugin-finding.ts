import { ToolError } from '../../core/errors.ts';
import type { Plugin } from '../../connect/plugin/plugin-transport.ts';
import type { Finding } from '../../diagnose/finding.ts';
import type { Needs } from '../collaborators.ts';

/** The official plugin, which only the transport `plugin` uses. */
export interface PluginJudged {
  /** Undefined if it is not installed, or not used. */
  readonly plugin: Plugin | undefined;
  readonly findings: readonly Finding[];
}

/** Looks for the plugin if the transport is `plugin`. Throws `plugin-failed` for a plugin that does not start. */
export async function judgePlugin({ env, settings }: Needs<'env', 'transport'>): Promise<PluginJudged> {
  if (settings.transport !== 'plugin') return { plugin: undefined, findings: [] };
  const { findPlugin } = await import('../../connect/plugin/plugin-transport.ts');
  try {
    return { plugin: await findPlugin(env), findings: [] };
  } catch (error) {
    if (!(error instanceof ToolError) || error.code !== 'plugin-missing') throw error;
    const searched = error.details['searched'];
    const evidence = { searched: Array.isArray(searched) ? searched.map(String) : [] };
    return {
      plugin: undefined,
      findings: [{ id: 'plugin-missing', severity: 'blocking', evidence, fixes: [] }],
    };
  }
}
