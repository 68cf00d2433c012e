import { EXIT_STATUS, ToolError } from '../../core/errors.ts';
import { describeElapsed } from '../../core/duration.ts';
import { shortened } from '../../ui/cells.ts';
import { printable } from '../../ui/printable.ts';
import { renderTable } from '../../ui/table.ts';
import { commandLine, type Stage } from './demo-stage.ts';
import {
  type Account,
  CLUSTER,
  CONTAINER,
  databaseClient,
  databaseUrlIn,
  demoEnded,
  forwardTo,
  reportLeftovers,
  SERVICE,
  SQL,
  TOUR_DATABASE,
  withForward,
} from './demo-tour.ts';

export interface TourAccount extends Account {
  /** True if psql in a shell of the container reaches the database of the service. */
  readonly hasPsql: boolean;
}

/**
 * The tour on a terminal: the person does each step. Enter runs the command that is suggested, and any other command
 * of the tool can be typed. What is printed between two questions fits on a screen of 24 lines.
 */
export async function guidedTour(stage: Stage, account: TourAccount): Promise<void> {
  const since = stage.context.clock.now();
  const before = account.snapshot();
  stage.say('The commands are real, the AWS account is not: it runs in this process.');
  stage.say('Enter runs the command in (brackets); or type one. Ctrl-C leaves at any time.\n');

  stage.say('1. `up` creates a bastion: a spot instance without inbound ports.');
  await ask(stage, ['up', '--cluster', CLUSTER, '--db', TOUR_DATABASE], (args) => stage.runTyped(args));

  stage.say('\n2. `exec` opens a shell in a container. Try in it:');
  const look = account.hasPsql ? 'psql "$DATABASE_URL"' : 'cat log/app.log';
  stage.say(`     printenv DATABASE_URL       ${look}\n     exit   (comes back here)`);
  const container = ['--cluster', CLUSTER, '--container', CONTAINER];
  await ask(stage, ['exec', SERVICE, ...container], (args) => stage.runTyped(args));

  stage.say('\n3. With a command after --, `exec` returns its output and its exit status.');
  let url: URL | undefined;
  await ask(stage, ['exec', SERVICE, ...container, '--', 'printenv', 'DATABASE_URL'], async (args) => {
    const lines: string[] = [];
    const status = await stage.startTyped(args, (line) => lines.push(line)).status;
    for (const line of lines) stage.context.terminal.stdout.write(`${printable(line)}\n`);
    url = databaseUrlIn(lines.join('\n'));
    if (status !== 0 || url !== undefined) return status;
    stage.say('The next step needs the database address that `printenv DATABASE_URL` prints.');
    return EXIT_STATUS.failed;
  });

  stage.say('\n4. `forward` opens a local port to that database, through the bastion.');
  if (url !== undefined) await askTheDatabase(stage, url);

  stage.say('\n5. `down` finds by its tags whatever `up` created, and deletes it.');
  await ask(stage, ['down'], (args) => stage.runTyped(args));
  reportLeftovers(stage, before, account.snapshot(), since);
  for (const line of nextSteps(describeElapsed(stage.context.clock.now() - since))) stage.say(line);
}

const nextSteps = (elapsed: string): readonly string[] => [
  `That was the tour (${elapsed}). Next:`,
  '  fargate-connect sandbox                       this account, until Ctrl-C',
  'With the credentials of a real account:',
  '  fargate-connect                               pick a shell, port or database',
  '  fargate-connect up --dry-run --cluster NAME   shows a bastion, changes nothing',
  '  fargate-connect down                          removes everything again',
];

/** What the person types; Enter alone is the suggestion. */
const typed = (stage: Stage, message: string, suggestion: string): Promise<string> =>
  stage.context.prompter
    .text({ message, flag: undefined, defaultAnswer: suggestion })
    .catch((error: unknown) => {
      throw error instanceof ToolError && error.role === 'interrupted' ? demoEnded() : error;
    });

/** Answers that leave the tour. */
const LEAVE: ReadonlySet<string> = new Set(['n', 'no', 'q', 'quit', 'exit']);

/**
 * Asks until a command of the kind that is suggested has succeeded. Throws `interrupted` when the person leaves, here
 * or at a question of the command.
 */
async function ask(
  stage: Stage,
  suggested: readonly string[],
  run: (args: readonly string[]) => Promise<number>,
): Promise<void> {
  for (;;) {
    const answer = await typed(stage, '$', commandLine(suggested));
    if (LEAVE.has(answer.trim().toLowerCase())) throw demoEnded();
    const args = wordsOf(answer);
    const isStep = args[0] === suggested[0];
    const status = await (isStep ? run(args) : stage.runTyped(args));
    if (status === EXIT_STATUS.interrupted) throw demoEnded();
    if (isStep && status === 0) return;
    stage.say('');
  }
}

/** The words of a command line without the program's own name; quotes hold words together. */
export function wordsOf(line: string): readonly string[] {
  const words = [...line.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g)].map(([word]) =>
    word.replace(
      /"([^"]*)"|'([^']*)'/g,
      (_, double: string | undefined, single: string | undefined) => double ?? single ?? '',
    ),
  );
  while (words[0] === 'npx' || words[0] === 'fargate-connect' || words[0] === '$') words.shift();
  return words;
}

/** Opens the forward, and asks for SQL until the person goes on. */
async function askTheDatabase(stage: Stage, url: URL): Promise<void> {
  await ask(stage, forwardTo(url), async (args) => {
    const json = [...args, '--json', '--quiet'];
    await withForward(
      stage,
      (onLine) => stage.startTyped(json, onLine),
      async (port) => {
        stage.say(`listening on 127.0.0.1:${port} → ${url.hostname}, via the bastion`);
        stage.say('Now SQL goes through that port. Type any; \\q goes on.');
        await sqlPrompt(stage, url, port);
      },
    );
    return 0;
  });
}

const GO_ON = '\\q';
/** More rows than this would leave no room for the next question. */
const MOST_ROWS = 12;

async function sqlPrompt(stage: Stage, url: URL, port: number): Promise<void> {
  const client = await databaseClient(url, port);
  try {
    for (let suggestion = SQL; ; suggestion = GO_ON) {
      const sql = await typed(stage, 'sql>', suggestion);
      if (sql.trim() === GO_ON || LEAVE.has(sql.trim().toLowerCase())) return;
      await client.query({ text: sql, rowMode: 'array' }).then(
        (result) => show(stage, result as SqlResult | readonly SqlResult[]),
        (error: unknown) =>
          stage.say(`error: ${printable(error instanceof Error ? error.message : String(error))}`),
      );
    }
  } finally {
    await client.end();
  }
}

interface SqlResult {
  readonly command: string;
  readonly rowCount: number | null;
  readonly fields: readonly { readonly name: string }[];
  readonly rows: readonly (readonly unknown[])[];
}

/** Several statements have several results; the last one is shown. */
function show(stage: Stage, answer: SqlResult | readonly SqlResult[]): void {
  const result = Array.isArray(answer) ? (answer as readonly SqlResult[]).at(-1) : (answer as SqlResult);
  if (result === undefined) return;
  const { settings, terminal } = stage.context;
  if (result.fields.length > 0)
    terminal.stdout.write(
      renderTable(
        result.fields.map(({ name }) => ({ title: printable(name) })),
        result.rows.slice(0, MOST_ROWS).map((row) => row.map(cellOf)),
        { color: settings.color, width: terminal.size().columns },
      ),
    );
  const more = result.rows.length - MOST_ROWS;
  if (more > 0) stage.say(`and ${more} rows more`);
  else if (result.fields.length === 0) stage.say(`${result.command} ${result.rowCount ?? ''}`.trim());
}

const LONGEST_CELL = 40;

function cellOf(value: unknown): string | undefined {
  if (value === null || value === undefined) return undefined;
  const text =
    value instanceof Date ? value.toISOString() : typeof value === 'string' ? value : JSON.stringify(value);
  return shortened(printable(text), LONGEST_CELL);
}
