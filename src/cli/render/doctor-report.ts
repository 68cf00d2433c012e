import type { DescribedFinding, Diagnosis } from '../../app/doctor/diagnosis.ts';
import type { Finding } from '../../diagnose/finding.ts';
import type { Change } from '../../diagnose/change.ts';
import type { NetworkPath } from '../../diagnose/network/hops.ts';
import { createColors, paint, type Tone } from '../../ui/colors.ts';
import { printable } from '../../ui/printable.ts';
import type { CommandContext } from '../context.ts';
import type { CommandLines } from '../advice/command-lines.ts';
import { renderChange } from './change-commands.ts';
import { type RenderedChange } from './rendered-change.ts';

/** The output of `doctor`: lines for people, one JSON object for programs. */

/** 0 only if nothing was found; notes do not count. */
export const exitStatus = (findings: readonly DescribedFinding[]): 0 | 1 =>
  findings.some(({ finding }) => finding.severity !== 'note') ? 1 : 0;

export const isBlocked = (findings: readonly DescribedFinding[]): boolean =>
  findings.some(({ finding }) => finding.severity === 'blocking');

/** One line of `doctor --watch`: a finding that appeared with its first command, or one that is gone. An event with `--json`. */
export function writeChange(
  { finding, sentence }: DescribedFinding,
  change: 'appeared' | 'gone',
  {
    terminal,
    settings,
    commandLines,
    report,
  }: Pick<CommandContext, 'terminal' | 'settings' | 'commandLines' | 'report'>,
): void {
  const text = printable(sentence);
  if (settings.output === 'json' || finding.severity === 'note') {
    const message = change === 'gone' ? `no longer: ${text}` : text;
    report({ type: 'note', level: 'info', code: finding.id, message });
    return;
  }
  const color = createColors(settings.color);
  if (change === 'gone') {
    terminal.stdout.write(`${paint(color, 'good', 'GONE')} ${color.bold(finding.id)}: ${text}\n`);
    return;
  }
  const { word, tone } = WORDS[finding.severity];
  const [first] = finding.fixes[0] ?? [];
  const command = first === undefined ? undefined : renderChange(first, commandLines).command;
  terminal.stdout.write(
    `${paint(color, tone, word)} ${color.bold(finding.id)}: ${text}${command === undefined ? '' : ` → ${printable(command)}`}\n`,
  );
}

export function writeDiagnosis(
  diagnosis: Diagnosis,
  context: Pick<CommandContext, 'terminal' | 'settings' | 'commandLines' | 'report'>,
  { allPaths }: { readonly allPaths: boolean },
): void {
  const { terminal, settings, commandLines, report } = context;
  const { findings, paths, subject } = diagnosis;
  if (settings.output === 'json') {
    terminal.stdout.write(`${JSON.stringify(jsonOf(diagnosis, commandLines))}\n`);
    return;
  }
  const color = createColors(settings.color);
  const plan = new FixPlan(
    findings.map(({ finding }) => finding),
    commandLines,
  );
  let blockedPaths = false;
  for (const { finding, sentence } of findings) {
    const text = printable(sentence);
    if (finding.severity === 'note') {
      report({ type: 'note', level: 'info', code: finding.id, message: text });
      continue;
    }
    const { word, tone } = WORDS[finding.severity];
    terminal.stdout.write(`${paint(color, tone, word)} ${color.bold(finding.id)}: ${text}\n`);
    const lines = UNREAD.has(finding.id)
      ? [commandLines.tool('policy doctor', {}, 'grants what doctor reads')]
      : plan.linesOf(finding);
    for (const line of lines) terminal.stdout.write(`  ${printable(line)}\n`);
    blockedPaths ||= finding.id === 'path-blocked' || finding.id === 'path-not-visible';
  }
  for (const path of paths)
    if (allPaths || (blockedPaths && path.verdict !== 'passes')) writePath(path, context);
  if (exitStatus(findings) === 0) {
    const about = Object.entries(subject).flatMap(([name, value]) =>
      value === undefined ? [] : [`${name} ${value}`],
    );
    report({
      type: 'note',
      level: 'info',
      code: 'nothing-found',
      message: `no fault was found: ${about.join(', ')}`,
    });
  }
}

/** The caller lacks a permission to read. */
const UNREAD: ReadonlySet<Finding['id']> = new Set(['not-allowed-to-read', 'role-not-readable']);

const WORDS: Readonly<
  Record<Exclude<Finding['severity'], 'note'>, { readonly word: string; readonly tone: Tone }>
> = {
  blocking: { word: 'BLOCKED', tone: 'bad' },
  'could-not-tell': { word: 'COULD NOT TELL', tone: 'warning' },
  warning: { word: 'WARNING', tone: 'warning' },
};

/**
 * The lines below each finding: the first alternative in full, of the others one line each. A change that several
 * findings need is shown once. The new task definition and the deployment are shown with the last finding that needs
 * them, because everything else has to be there before.
 */
class FixPlan {
  readonly #commandLines: CommandLines;
  readonly #shown = new Set<string>();
  /** The last finding that needs each of the changes that come late. */
  readonly #last = new Map<string, Finding>();

  constructor(findings: readonly Finding[], commandLines: CommandLines) {
    this.#commandLines = commandLines;
    for (const finding of findings)
      for (const change of finding.fixes[0] ?? [])
        if (isLate(change)) this.#last.set(JSON.stringify(change), finding);
  }

  linesOf(finding: Finding): readonly string[] {
    const [first = [], ...others] = finding.fixes;
    const due = this.#due(finding);
    const lines = due.flatMap((change) => this.#new(change));
    const alternatives = others.flatMap((fix) => {
      const [line] = fix.flatMap((change) => this.#new(change));
      return line === undefined ? [] : [`or: ${line}`];
    });
    if (lines.length === 0 && due.length < first.length)
      return ['→ the commands further down', ...alternatives];
    if (lines.length === 0 && first.length > 0) return ['→ the commands further up', ...alternatives];
    return [...lines, ...alternatives];
  }

  /** Commands and instructions of the first alternative, each once. */
  stepsOf(finding: Finding): readonly string[] {
    const steps = this.#due(finding).flatMap((change) => {
      const { command, instruction } = renderChange(change, this.#commandLines);
      return [command, instruction].flatMap((line) => line ?? []);
    });
    const fresh = steps.filter((line) => !this.#shown.has(line));
    for (const line of fresh) this.#shown.add(line);
    return fresh;
  }

  /** The changes of the first alternative, without those that are shown with a later finding. */
  #due(finding: Finding): readonly Change[] {
    return (finding.fixes[0] ?? []).filter((change) => {
      const last = this.#last.get(JSON.stringify(change));
      return last === undefined || last === finding;
    });
  }

  #new(change: Change): readonly string[] {
    const lines = linesOf(renderChange(change, this.#commandLines)).filter((line) => !this.#shown.has(line));
    for (const line of lines) this.#shown.add(line);
    return lines;
  }
}

const isLate = ({ kind }: Change): boolean =>
  kind === 'register-task-definition' || kind === 'redeploy-service';

const linesOf = ({ command, instruction, policyStatement, terraform }: RenderedChange): readonly string[] => [
  ...(command === undefined ? [] : [command]),
  ...(instruction === undefined ? [] : [instruction]),
  ...(policyStatement === undefined || command !== undefined
    ? []
    : [`statement: ${JSON.stringify(policyStatement)}`]),
  ...(terraform === undefined || terraform === '' ? [] : [`terraform: ${terraform}`]),
];

const VERDICTS = {
  passes: 'passes',
  blocked: 'BLOCKED BY',
  'not-visible': 'cannot be seen, because',
} as const;
const TONES = { passes: 'good', blocked: 'bad', 'not-visible': 'warning' } as const;

function writePath(
  { from, to, port, family, hops }: NetworkPath,
  { terminal, settings }: Pick<CommandContext, 'terminal' | 'settings'>,
): void {
  const color = createColors(settings.color);
  const width = Math.max(...hops.map(({ kind }) => kind.length));
  terminal.stdout.write(`${from} → ${to}:${port}${family === 'ipv6' ? ' (IPv6)' : ''}\n`);
  for (const { kind, resource, rule, verdict } of hops)
    terminal.stdout.write(
      `  ${kind.padEnd(width)}  ${paint(color, TONES[verdict], VERDICTS[verdict])} ${printable(rule)} (${printable(resource)})\n`,
    );
}

/** A finding among the facts of an error; `fix` holds the lines to type or to do, in this order. */
export interface FindingFact {
  readonly [name: string]: string | readonly string[];
  readonly id: string;
  readonly severity: string;
  readonly message: string;
  readonly fix: readonly string[];
}

/** Stable: `findings` of an error with `--json`. A change that several findings need is in one of them only. */
export function findingFacts(
  findings: readonly DescribedFinding[],
  lines: CommandLines,
): readonly FindingFact[] {
  const plan = new FixPlan(
    findings.map(({ finding }) => finding),
    lines,
  );
  return findings.map(({ finding, sentence }) => ({
    id: finding.id,
    severity: finding.severity,
    message: sentence,
    fix: plan.stepsOf(finding),
  }));
}

/** Stable: part of `doctor --json`. */
export function jsonOf({ subject, findings, paths }: Diagnosis, lines: CommandLines): unknown {
  return {
    subject,
    healthy: exitStatus(findings) === 0,
    findings: findings.map(({ finding: { id, severity, evidence, fixes }, sentence }) => ({
      id,
      severity,
      message: sentence,
      evidence,
      // Alternatives, the best one first; the changes of one are all needed, in this order.
      changes: fixes.map((fix) => fix.map((change) => ({ ...change, ...renderChange(change, lines) }))),
    })),
    paths: paths.map(({ hops, ...path }) => ({
      ...path,
      hops: hops.map(({ fixes: _fixes, ...hop }) => hop),
    })),
  };
}
