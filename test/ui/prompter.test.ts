import { describe, expect, it } from 'vitest';
import { createColors } from '../../src/ui/colors.ts';
import { createPrompter } from '../../src/ui/inquirer-prompter.ts';
import { BACK } from '../../src/ui/prompter.ts';
import { ALL_TTY, fakeTerminal } from '../support/fake-terminal.ts';

/*
 * inquirer waits half a second after Escape for the rest of a key sequence. The tests that press it run side by side.
 */

const ENTER = '\r';
const DOWN = '\u001b[B';
const ESCAPE = '\u001b';
const CTRL_C = '\u0003';
const CTRL_D = '\u0004';

const services = [
  { value: 1, name: 'orders-api', description: '2 tasks' },
  { value: 2, name: 'storefront-web', description: '3 tasks' },
  { value: 3, name: 'legacy-admin', disabled: 'exec is off' },
];
const question = { message: 'Service?', flag: '--service', choices: services };

function prompter(
  over: { readonly input?: boolean; readonly yes?: boolean } = {},
  ttys: Parameters<typeof fakeTerminal>[0] = ALL_TTY,
) {
  const terminal = fakeTerminal(ttys);
  const stop = new AbortController();
  const suspended: string[] = [];
  const prompts = createPrompter({
    terminal,
    colors: createColors(false),
    input: over.input ?? true,
    yes: over.yes ?? false,
    signal: stop.signal,
    suspend: () => {
      suspended.push('suspended');
      return () => suspended.push('resumed');
    },
  });
  /** Types each key after the screen has shown the text before it. */
  const type = async (...script: readonly (readonly [shown: string, keys: string])[]): Promise<void> => {
    let from = 0;
    for (const [shown, keys] of script) {
      const start = from;
      await terminal.stderr.until((text) => text.slice(start).includes(shown), shown);
      from = terminal.stderr.text.length;
      terminal.stdin.write(keys);
    }
  };
  return { prompts, terminal, type, stop, suspended };
}

describe('select', () => {
  it('shows the first choice first, on stderr, with live output suspended', async () => {
    const { prompts, type, terminal, suspended } = prompter();
    const answer = prompts.select(question);
    await type(['storefront-web', ENTER]);
    expect(await answer).toBe(1);
    expect(terminal.stdout.text).toBe('');
    expect(suspended).toEqual(['suspended', 'resumed']);
  });

  it('filters the list while the user types', async () => {
    const { prompts, type } = prompter();
    const answer = prompts.select(question);
    await type(['Service?', 'sweb'], ['Service? sweb', ENTER]);
    expect(await answer).toBe(2);
  });

  it('handles an Enter that arrives in the same chunk as the filter', async () => {
    const { prompts, type } = prompter();
    const answer = prompts.select(question);
    await type(['❯ orders-api', `sweb${ENTER}`]);
    expect(await answer).toBe(2);
  });

  it('never selects a disabled choice, and shows the reason', async () => {
    const { prompts, type, terminal } = prompter();
    const answer = prompts.select(question);
    await type(['exec is off', DOWN + DOWN + DOWN], ['❯ storefront-web', ENTER]);
    expect(await answer).toBe(2);
    expect(terminal.stderr.text).toContain('legacy-admin (exec is off)');
  });

  it.concurrent('goes back on Escape, or with the first entry, which is not the default', async () => {
    const byEscape = prompter();
    const first = byEscape.prompts.select({ ...question, back: true });
    await byEscape.type(['← back', ESCAPE]);
    expect(await first).toBe(BACK);

    const byEntry = prompter();
    const second = byEntry.prompts.select({ ...question, back: true });
    await byEntry.type(['❯ orders-api', '\u001b[A'], ['❯ ← back', ENTER]);
    expect(await second).toBe(BACK);
  });

  it.concurrent('removes the list from the screen, and keeps the answer if there is one', async () => {
    const chosen = prompter();
    const first = chosen.prompts.select(question);
    await chosen.type(['❯ orders-api', ENTER]);
    await first;
    expect(chosen.terminal.stderr.text).toMatch(
      /\u001b\[2K(?:\u001b\[G)+\u001b\[\?25h✓ Service\? orders-api\n$/,
    );

    const gone = prompter();
    const second = gone.prompts.select({ ...question, back: true });
    await gone.type(['❯ orders-api', ESCAPE]);
    await second;
    // Seven lines are erased, the cursor is shown again, and nothing follows.
    expect(gone.terminal.stderr.text).toMatch(/(?:\u001b\[2K(?:\u001b\[1A)?){7}(?:\u001b\[G)+\u001b\[\?25h$/);
  });

  it.concurrent('Escape clears a filter before it goes back', async () => {
    const { prompts, type } = prompter();
    const answer = prompts.select({ ...question, back: true });
    await type(['❯ orders-api', 'web'], ['esc clear', ESCAPE], ['esc back', ESCAPE]);
    expect(await answer).toBe(BACK);
  });

  it.concurrent.each([
    ['Ctrl-C', CTRL_C],
    ['Ctrl-D', CTRL_D],
    ['Escape where there is no way back', ESCAPE],
  ])('%s interrupts the prompt', async (_name, key) => {
    const { prompts, type, suspended } = prompter();
    const answer = prompts.select(question);
    const result = expect(answer).rejects.toMatchObject({ role: 'interrupted' });
    await type(['Service?', key]);
    await result;
    expect(suspended).toEqual(['suspended', 'resumed']);
  });

  it('ends when stdin ends or the run is aborted', async () => {
    const gone = prompter();
    const first = expect(gone.prompts.select(question)).rejects.toMatchObject({ role: 'interrupted' });
    await gone.type(['Service?', '']);
    gone.terminal.stdin.end();
    await first;

    const aborted = prompter();
    const second = expect(aborted.prompts.select(question)).rejects.toMatchObject({ role: 'interrupted' });
    await aborted.type(['Service?', '']);
    aborted.stop.abort();
    await second;
  });

  it('keeps keys that are typed ahead for the next question', async () => {
    const { prompts, type } = prompter();
    const both = prompts
      .select(question)
      .then(async (one) => [one, await prompts.select({ ...question, message: 'Task?' })]);
    await type(['❯ orders-api', ENTER], ['? Task?\n❯ orders-api', DOWN], ['❯ storefront-web', ENTER]);
    expect(await both).toEqual([1, 2]);
  });
});

describe('confirm and text', () => {
  it.each([
    ['y', true],
    ['n', false],
    ['', false],
  ])('answers %j with %s', async (keys, expected) => {
    const { prompts, type } = prompter();
    const answer = prompts.confirm({ message: 'Delete it?', flag: '--yes' });
    await type(['Delete it?', keys + ENTER]);
    expect(await answer).toBe(expected);
  });

  it('are not asked with --yes', async () => {
    const { prompts, terminal } = prompter({ yes: true });
    expect(await prompts.confirm({ message: 'Delete it?', flag: '--yes' })).toBe(true);
    expect(terminal.stderr.text).toBe('');
  });

  it('repeat a text prompt until the text is valid', async () => {
    const { prompts, type } = prompter();
    const answer = prompts.text({
      message: 'Local port',
      flag: '-L',
      validate: (text) => (/^\d+$/.test(text) ? undefined : 'a number, please'),
    });
    await type(['Local port', `x${ENTER}`], ['a number, please', `\u007f8080${ENTER}`]);
    expect(await answer).toBe('8080');
  });
});

describe('without a terminal', () => {
  it('names the flag and the candidates instead of asking', async () => {
    const { prompts, terminal } = prompter({ input: false }, {});
    await expect(prompts.select(question)).rejects.toMatchObject({
      role: 'usage',
      code: 'input-needed',
      message: 'cannot ask without a terminal: Service?',
      details: { flag: '--service', candidates: ['orders-api', 'storefront-web'], more: 0 },
    });
    expect(terminal.stderr.text).toBe('');
  });

  it('says that questions are turned off where there is a terminal', async () => {
    const { prompts } = prompter({ input: false });
    await expect(prompts.confirm({ message: 'Sure?', flag: '--yes', defaultAnswer: true })).rejects.toThrow(
      'cannot ask because questions are turned off: Sure?',
    );
  });

  it('names at most twenty candidates', async () => {
    const many = Array.from({ length: 25 }, (_, index) => ({ value: index, name: `task-${index}` }));
    const { prompts } = prompter({ input: false });
    await expect(prompts.select({ ...question, choices: many })).rejects.toMatchObject({
      details: { candidates: many.slice(0, 20).map((choice) => choice.name), more: 5 },
    });
  });

  it('rejects an action that needs a confirmation', async () => {
    const { prompts } = prompter({ input: false });
    await expect(prompts.confirm({ message: 'Delete it?', flag: '--yes' })).rejects.toMatchObject({
      code: 'input-needed',
      details: { flag: '--yes' },
    });
  });
});
