import { Writable } from 'node:stream';
import { sleep } from '../../core/clock.ts';
import { ToolError } from '../../core/errors.ts';
import type { Terminal } from '../../ui/terminal.ts';
import type { CommandContext } from '../context.ts';

const ENTER_SCREEN = '\u001b[?1049h\u001b[?25l';
const LEAVE_SCREEN = '\u001b[?25h\u001b[?1049l';

/**
 * Repeats a command's output until the person ends it. On a terminal each round replaces the one before it, on a screen
 * of its own; elsewhere the rounds follow one another. A round that AWS throttles or that cannot reach AWS is shown as
 * such, and the next one is tried.
 */
export async function repeatOnScreen(
  seconds: number,
  context: CommandContext,
  round: (context: CommandContext) => Promise<void>,
): Promise<never> {
  const { terminal, clock, signal, scope, settings } = context;
  const hasScreen = terminal.stdoutIsTty && settings.output !== 'json';
  if (hasScreen) {
    terminal.stdout.write(ENTER_SCREEN);
    scope.add(() => {
      terminal.stdout.write(LEAVE_SCREEN);
    });
  }
  for (;;) {
    const page = new Page();
    const notes: string[] = [];
    const shown: CommandContext = {
      ...context,
      // The page has the width of the terminal, but it is printed as a whole: a half page would flicker.
      terminal: hasScreen ? { ...terminal, stdout: page } : terminal,
      report: (event) => {
        if (hasScreen && event.type === 'note') notes.push(event.message);
        else context.report(event);
      },
    };
    try {
      await round(shown);
    } catch (error) {
      if (!(error instanceof ToolError) || !isPassing(error)) throw error;
      notes.push(error.message);
    }
    signal.throwIfAborted();
    if (hasScreen) {
      const time = new Date(clock.now()).toTimeString().slice(0, 8);
      draw(terminal, [
        `every ${seconds} s, ${time}, Ctrl-C ends`,
        ...notes,
        '',
        ...page.text.trimEnd().split('\n'),
      ]);
    }
    await sleep(clock, seconds * 1000, signal);
  }
}

const isPassing = ({ role, code }: ToolError): boolean => role === 'transport' || code === 'aws-throttled';

/** Rows that do not fit are counted in the last line. */
function draw(terminal: Terminal, lines: readonly string[]): void {
  const { rows } = terminal.size();
  const shown =
    lines.length <= rows ? lines : [...lines.slice(0, rows - 1), `… ${lines.length - rows + 1} more`];
  terminal.stdout.write(`\u001b[H${shown.map((line) => `${line}\u001b[K`).join('\r\n')}\u001b[J`);
}

class Page extends Writable {
  text = '';

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString('utf8');
    done();
  }
}
