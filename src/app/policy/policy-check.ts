import { quoteWord } from '../../connect/session/shell-words.ts';
import { mapConcurrently } from '../../core/concurrency.ts';
import { access, noMatch, type ToolError, usage } from '../../core/errors.ts';
import {
  batchesOf,
  type Finding,
  findingsOf,
  isRight,
  type Questions,
  questionsOf,
  type Verdict,
} from '../../provision/policy/policy-check.ts';
import type { PolicyKindName, PrintedPolicy } from '../../provision/policy/policy-kinds.ts';
import type { SimulatorPort } from '../../provision/ports/simulator.ts';
import { parsePrincipal, type Principal } from '../../provision/policy/principal.ts';
import { trustFindings } from '../../provision/roles/trust-check.ts';
import { type Column, renderTable } from '../../ui/table.ts';
import type { CommandContext } from '../../cli/context.ts';

/** `policy KIND --check PRINCIPAL`: whether somebody has what the document grants, by IAM's own word. */
export interface PolicyCheck {
  /** As typed. */
  readonly principal: string;
  /** The same command line without `--check`. */
  readonly printedBy: string;
}

interface Checked extends Pick<Questions, 'notAsked'> {
  readonly arn: string;
  readonly findings: readonly Finding[];
}

/**
 * Throws `grants-missing` (exit 4) naming every action, `check-placeholders`, `check-principal`, `principal-not-found`,
 * and what the ports throw.
 */
export async function checkPolicy(
  check: PolicyCheck,
  kind: PolicyKindName,
  printed: PrintedPolicy,
  context: CommandContext,
): Promise<void> {
  refuseUnfilled(check, printed.unfilled);
  const account = await context.account();
  const asMe = async (): Promise<string> => (await (await account.identity()).caller()).arn;
  const principal = parsePrincipal(check.principal === 'me' ? await asMe() : check.principal);
  const simulator = await account.simulator();
  const checked =
    kind === 'bastion-trust' || kind === 'task-trust'
      ? await checkTrust(principal, printed.text, simulator)
      : await checkGrants(principal, printed.text, account.region, simulator);
  tell(kind, checked, context);
  const wrong = checked.findings.filter((finding) => !isRight(finding));
  if (wrong.length > 0) throw missing(checked.arn, wrong, check);
}

/** Placeholders whose flag is not called like them. */
const FLAG_OF: Readonly<Record<string, string>> = {
  'database-security-group': 'db-security-group',
  'session-document': 'document',
};

function refuseUnfilled({ principal, printedBy }: PolicyCheck, unfilled: readonly string[]): void {
  if (unfilled.length === 0) return;
  const flags = unfilled.map((name) => `--${FLAG_OF[name] ?? name}`);
  throw usage(
    'check-placeholders',
    `a document with placeholders cannot be checked: add ${flags.join(', ')}`,
    {
      hints: [`${printedBy}${flags.map((flag) => ` ${flag} …`).join('')} --check ${quoteWord(principal)}`],
      details: { placeholders: unfilled, flags },
    },
  );
}

async function checkGrants(
  principal: Principal,
  document: string,
  region: string,
  simulator: SimulatorPort,
): Promise<Checked> {
  const arn = principal.arn ?? (await arnOf(principal, simulator));
  const requester = { arn, region, accountId: arn.split(':')[4] ?? '' };
  const { questions, notAsked } = questionsOf(document, requester);
  const findings = await mapConcurrently(batchesOf(questions, requester), async (batch) => {
    const decisions = await simulator.simulate(arn, batch.simulation);
    if (decisions === undefined) throw notFound(principal);
    return findingsOf(batch.questions, decisions);
  });
  const order = [...new Set(questions.map(({ statement }) => statement))];
  const inOrder = findings.flat().sort((a, b) => order.indexOf(a.statement) - order.indexOf(b.statement));
  return { arn, findings: inOrder, notAsked };
}

async function arnOf(principal: Principal, simulator: SimulatorPort): Promise<string> {
  const { kind, name } = principal;
  const arn = kind === 'role' ? (await simulator.role(name))?.arn : await simulator.userArn(name);
  if (arn === undefined) throw notFound(principal);
  return arn;
}

async function checkTrust(
  principal: Principal,
  document: string,
  simulator: SimulatorPort,
): Promise<Checked> {
  if (principal.kind === 'user') {
    throw usage('check-principal', `user ${principal.name} trusts nobody: only roles have a trust policy`, {
      hints: ['--check role/NAME'],
    });
  }
  const role = await simulator.role(principal.name);
  if (role === undefined) throw notFound(principal);
  return { arn: role.arn, findings: trustFindings(document, role.trust), notAsked: [] };
}

const notFound = ({ kind, name, arn }: Principal): ToolError =>
  noMatch('principal-not-found', `there is no ${kind} ${name} in this account`, {
    hints: [`aws iam list-${kind}s --query '${kind === 'role' ? 'Roles' : 'Users'}[].Arn'`],
    details: { principal: arn ?? `${kind}/${name}` },
  });

/** One action of one statement, with all resources that got the same verdict; these fields are what `--json` prints, and stable. */
interface Row extends Pick<Finding, 'statement' | 'effect' | 'action' | 'verdict' | 'missingContext'> {
  readonly resources: readonly string[];
  /** Condition keys of the request and their values. */
  readonly when: Readonly<Record<string, readonly string[]>>;
}

function rowsOf(findings: readonly Finding[]): readonly Row[] {
  const rows = new Map<string, Row>();
  for (const { resource, when, ...finding } of findings) {
    const entries = Object.fromEntries(when.map(({ key, values }) => [key, values]));
    const key = JSON.stringify([finding, entries]);
    const resources = [...(rows.get(key)?.resources ?? []), resource];
    rows.set(key, { ...finding, resources, when: entries });
  }
  return [...rows.values()];
}

const WORDS: Readonly<Record<Verdict, string>> = {
  allowed: 'allowed',
  'not-granted': 'not granted',
  'explicitly-denied': 'explicitly denied',
  boundary: 'not in its permissions boundary',
  organization: 'forbidden by a service control policy',
  'not-trusted': 'not trusted',
  denied: 'denied',
  'not-allowed': 'not allowed',
  'not-denied': 'allowed, but is to be denied',
  unproved: 'without a Deny, parts may be allowed',
  'not-answered': 'not answered by IAM',
};

function tell(kind: PolicyKindName, { arn, findings, notAsked }: Checked, context: CommandContext): void {
  const { terminal, settings } = context;
  const wrong = findings.filter((finding) => !isRight(finding));
  if (settings.output === 'json') {
    const result = { kind, principal: arn, complete: wrong.length === 0, points: rowsOf(findings), notAsked };
    terminal.stdout.write(`${JSON.stringify(result)}\n`);
    return;
  }
  if (wrong.length > 0) writeTable(rowsOf(wrong), context);
  const held = `${findings.length - wrong.length} of ${findings.length} points hold for ${arn}`;
  const left =
    notAsked.length === 0
      ? ''
      : `; ${notAsked.length} patterns were not asked, IAM simulates none: ${namesOf(notAsked)}`;
  terminal.stdout.write(`${kind}: ${held}${left}\n`);
}

/** `task/demo/*` of an ARN: partition, service, region and account are the same in nearly all rows, and `--json` has them. */
const withoutPlace = (text: string): string =>
  text.startsWith('arn:') ? text.split(':').slice(5).join(':') : text;

const COLUMNS: readonly (Column & { readonly cell: (row: Row) => string })[] = [
  { title: 'statement', cell: ({ statement }) => statement },
  { title: 'action', cell: ({ action }) => action },
  { title: 'resources', shrink: true, cell: ({ resources }) => resources.map(withoutPlace).join(' ') },
  {
    title: 'when',
    shrink: true,
    cell: ({ when }) =>
      Object.entries(when)
        .map(([key, values]) => `${key}=${values.map(withoutPlace).join()}`)
        .join(' '),
  },
  {
    title: 'verdict',
    cell: ({ verdict, missingContext }) =>
      WORDS[verdict] + (missingContext.length === 0 ? '' : ` without ${missingContext.join(', ')}`),
  },
];

function writeTable(rows: readonly Row[], { terminal, settings }: CommandContext): void {
  const width = terminal.stdoutIsTty ? terminal.size().columns : undefined;
  const columns = COLUMNS.filter(({ cell }) => rows.some((row) => cell(row) !== ''));
  const cells = rows.map((row) => columns.map(({ cell }) => cell(row)));
  terminal.stdout.write(renderTable(columns, cells, { color: settings.color, width }));
}

const namesOf = (items: readonly { readonly action: string }[]): string =>
  [...new Set(items.map(({ action }) => action))].join(', ');

/** What to say of a principal, by what is wrong. */
const SENTENCES: readonly (readonly [Verdict, (actions: string) => string])[] = [
  ['not-granted', (actions) => `lacks ${actions}`],
  ['boundary', (actions) => `has a permissions boundary without ${actions}`],
  ['organization', (actions) => `is forbidden ${actions} by a service control policy`],
  ['explicitly-denied', (actions) => `is explicitly denied ${actions}`],
  ['not-trusted', (actions) => `does not grant ${actions} in its trust policy`],
  ['not-denied', (actions) => `may call ${actions}, which the document denies`],
  ['unproved', (actions) => `has no Deny of ${actions}, and may be allowed it in part`],
  ['not-answered', (actions) => `got no answer about ${actions}`],
];

function missing(arn: string, wrong: readonly Finding[], { printedBy }: PolicyCheck): ToolError {
  const sentences = SENTENCES.flatMap(([verdict, sentence]) => {
    const found = wrong.filter((finding) => finding.verdict === verdict);
    return found.length === 0 ? [] : [sentence(namesOf(found))];
  });
  const unknown = [...new Set(wrong.flatMap(({ missingContext }) => missingContext))];
  return access('grants-missing', `${withoutPlace(arn)} ${sentences.join('; ')}`, {
    hints: [
      `${printedBy}   # prints what it should have`,
      ...(unknown.length === 0
        ? []
        : [`its policies ask for ${unknown.join(', ')}, which the check knows no value of`]),
    ],
    details: { principal: arn, actions: [...new Set(wrong.map(({ action }) => action))] },
  });
}
