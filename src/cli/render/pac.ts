import type { Pac } from '../../app/forward/forward-request.ts';
import type { CommandContext } from '../context.ts';

/** Writes the file to stdout, with `--json` as a member of an object; where a browser finds it is said on stderr. */
export function writePac({ pac, url }: Pac, { settings, terminal, report }: CommandContext): void {
  if (settings.output === 'json') {
    terminal.stdout.write(`${JSON.stringify({ url, pac })}\n`);
    return;
  }
  terminal.stdout.write(pac);
  report({
    type: 'note',
    level: 'info',
    code: 'pac-served',
    message: `while the proxy runs, browsers find this file at ${url}`,
    details: { url },
  });
}
