import { Argument, Command, InvalidArgumentError } from 'commander';

import type { ListKind } from '../../app/listing/listing.ts';
import type { FieldFilter, ListView } from '../../app/listing/list-view.ts';
import { usage } from '../../core/errors.ts';
import { nearest } from '../../core/nearest.ts';
import { commaSeparated } from '../comma-separated.ts';
import type { Invoke, Run } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { wholeSeconds } from '../whole-seconds.ts';
import { serviceArgument } from '../contradictions.ts';
import { LIST_FIELDS, PLACE_FIELDS } from '../list-fields.ts';

const KINDS: readonly LsOptions['kind'][] = [
  'clusters',
  'services',
  'tasks',
  'containers',
  'databases',
  'events',
];

export interface LsOptions {
  /** `events` are the events of one service. */
  readonly kind: ListKind | 'events';
  /** For tasks: lists those that stopped, with the reason, instead of those that run. */
  readonly stopped: boolean;
  readonly view: ListView;
  /** Seconds between two rounds of `--watch`; undefined = one round. */
  readonly watch: number | undefined;
}

interface LsFlags {
  readonly stopped?: true;
  readonly sort?: string;
  readonly columns?: readonly string[];
  readonly filter?: readonly FieldFilter[];
  readonly watch?: number | true;
}

const WATCH_SECONDS = 5;

export function lsCommand(invoke: Invoke, run: Run<LsOptions> = runLs): Command {
  return new Command('ls')
    .description('list clusters, services, tasks, containers, databases, or events of a service')
    .addArgument(new Argument('<kind>', 'what to list').choices(KINDS))
    .argument('[service]', 'of this service only; same as --service')
    .option('--stopped', 'tasks that stopped within the last hour, and why')
    .option('--sort <field>', 'sort by this field, e.g. running; -running sorts downwards')
    .option('--columns <fields>', 'show these fields, separated by commas', commaSeparated)
    .option('--filter <field=value>', 'only items with this value; * stands for any text', collectFilter)
    .option('--watch [seconds]', 'list again every 5 seconds until Ctrl-C', wholeSeconds)
    .addHelpText(
      'after',
      `
The fields are those of --json, which prints one array of objects on stdout; their names are stable. On a \
terminal, services and tasks are printed as they become known. If AWS refuses a part of the calls, the other \
items are printed, stderr says what is missing, and the exit status is 1. The command db takes each id of ls databases.
Several profiles or regions, separated by commas, give one list, which also names account and region.

Examples:
  $ fargate-connect ls services --cluster prod
  $ fargate-connect ls services --filter execEnabled=false --sort -running
  $ fargate-connect ls tasks --filter service=orders-* --columns id,health,privateIp --watch
  $ fargate-connect ls tasks --stopped --cluster prod
  $ fargate-connect ls events orders-api --cluster prod
  $ fargate-connect ls tasks --service orders-api --json | jq -r '.[].id'
  $ fargate-connect ls services --profile dev,prod --region eu-west-1,us-east-1`,
    )
    .action((kind: LsOptions['kind'], service: string | undefined, flags: LsFlags, command: Command) => {
      serviceArgument(service, command);
      const { stopped = false, sort, columns, filter: filters = [], watch } = flags;
      if (stopped && kind !== 'tasks')
        throw usage('invalid-argument', `--stopped belongs to tasks, not to ${kind}`, {
          details: { expected: 'ls tasks --stopped' },
        });
      const view: ListView = { sort: sort === undefined ? undefined : sortOf(sort), columns, filters };
      if (kind === 'events' || stopped) refuseView(view, watch, stopped ? 'tasks --stopped' : kind);
      return invoke(run, { kind, stopped, view, watch: watch === true ? WATCH_SECONDS : watch }, command);
    });
}

const sortOf = (text: string): ListView['sort'] =>
  text.startsWith('-') ? { field: text.slice(1), isDescending: true } : { field: text, isDescending: false };

function collectFilter(text: string, before: readonly FieldFilter[] = []): readonly FieldFilter[] {
  const [, field, pattern] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (field === undefined || pattern === undefined)
    throw new InvalidArgumentError('FIELD=VALUE is expected, e.g. execEnabled=false.');
  return [...before, { field, pattern }];
}

function refuseView(
  { sort, columns, filters }: ListView,
  watch: number | true | undefined,
  kind: string,
): void {
  const flag =
    sort !== undefined
      ? '--sort'
      : columns !== undefined
        ? '--columns'
        : filters.length > 0
          ? '--filter'
          : watch === undefined
            ? undefined
            : '--watch';
  if (flag === undefined) return;
  throw usage('invalid-argument', `${flag} does not apply to ls ${kind}`, {
    details: { expected: 'ls services, tasks, containers, clusters or databases' },
  });
}

function checkFields(kind: ListKind, { sort, columns = [], filters }: ListView, isOfPlaces: boolean): void {
  const known = [...(isOfPlaces ? PLACE_FIELDS : []), ...LIST_FIELDS[kind]];
  const used = [
    ...columns,
    ...filters.map(({ field }) => field),
    ...(sort === undefined ? [] : [sort.field]),
  ];
  for (const field of used)
    if (!known.includes(field))
      throw usage('invalid-argument', `${kind} have no field '${field}'`, {
        details: { suggestions: nearest(field, known), allowed: known },
      });
}

async function runLs({ kind, stopped, view, watch }: LsOptions, context: CommandContext): Promise<void> {
  const { accountPlaces, signIns } = await import('../../app/account-places.ts');
  const places = accountPlaces(context.settings);
  if (kind === 'events' || stopped) {
    if (places.length > 1)
      throw usage(
        'invalid-argument',
        `ls ${stopped ? 'tasks --stopped' : kind} is of one account and region`,
        {
          details: { expected: 'one --profile and one --region' },
        },
      );
    return runHistory(kind, context);
  }
  checkFields(kind, view, places.length > 1);
  const [{ printListing }, { repeatOnScreen }] = await Promise.all([
    import('../render/print-listing.ts'),
    import('../render/watch.ts'),
  ]);
  const accounts = places.length > 1 ? await signIns(places, context) : undefined;
  if (accounts?.signedIn.length === 0) throw accounts.refused[0]?.error;
  if (watch === undefined) return printListing(kind, view, context, { accounts });
  return repeatOnScreen(watch, context, (round) =>
    printListing(kind, view, round, { accounts, isAtOnce: true }),
  );
}

async function runHistory(kind: LsOptions['kind'], context: CommandContext): Promise<void> {
  const [{ awsClock }, { wantedOf }, { serviceEvents, stoppedTasks }, { writeEvents, writeStoppedTasks }] =
    await Promise.all([
      import('../../app/aws-clock.ts'),
      import('../../app/session/session-setup.ts'),
      import('../../app/listing/service-history.ts'),
      import('../render/service-history.ts'),
    ]);
  const wanted = wantedOf(context.settings);
  const clock = awsClock(await context.account(), context.clock);
  if (kind === 'events') {
    const events = await serviceEvents(wanted, context);
    writeEvents(events, clock.now(), context);
  } else {
    const tasks = await stoppedTasks(wanted, context);
    writeStoppedTasks(tasks, clock.now(), context);
  }
}
