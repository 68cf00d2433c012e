import type { Resolved } from '../config/resolve.ts';
import type { Settings } from '../config/settings.ts';
import { ToolError } from '../core/errors.ts';

/** Settings whose value an error may report as wrong although the person did not type it. */
const NAMED = [
  'profile',
  'region',
  'cluster',
  'service',
  'task',
  'container',
] as const satisfies readonly (keyof Settings)[];

/**
 * The error, with the source of the value that is wrong: `… (cluster is from /work/.fargate-connect.yaml:3)`. The
 * source is added only for values from files and the environment; the person can see what they typed. A call without
 * an answer gets the endpoint that the environment sends it to.
 */
export function withOrigin(error: unknown, { settings, provenance }: Resolved): unknown {
  if (!(error instanceof ToolError)) return error;
  if (error.code === 'aws-unreachable' && settings.endpointUrl !== undefined)
    return error.with({ details: { ...error.details, endpoint: settings.endpointUrl } });
  const facts = Object.values(error.details);
  const origins = NAMED.flatMap((name) => {
    const value = settings[name];
    const from = provenance[name];
    if (value === undefined || from === 'default' || from.startsWith('--')) return [];
    // Errors name a cluster or service by the end of its ARN.
    const isMentioned =
      facts.includes(value) || (value.startsWith('arn:') && facts.includes(value.split('/').at(-1)));
    return isMentioned ? [`${name} is from ${from}`] : [];
  });
  if (
    origins.length === 0 ||
    !(error.role === 'usage' || error.role === 'no-match' || error.role === 'access')
  )
    return error;
  const origin = ` (${origins.join(', ')})`;
  // The error of a detached forward has it already.
  return error.message.endsWith(origin) ? error : error.with({ message: `${error.message}${origin}` });
}
