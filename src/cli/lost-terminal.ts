import { closeSync } from 'node:fs';
import { isatty } from 'node:tty';

/**
 * Closes the standard streams whose terminal is gone, for the last moment of a process. At its end Node.js restores the
 * settings of the terminals that it began with, and aborts, with a core dump, when the system refuses that for another
 * reason than a closed descriptor.
 */
export function closeLostTerminals({ stdin, stdout, stderr }: NodeJS.Process): void {
  for (const [fd, stream] of [stdin, stdout, stderr].entries()) {
    // A terminal that was hung up answers no request, so it is no terminal any more.
    if (stream.isTTY && !isatty(fd)) closeSync(fd);
  }
}
