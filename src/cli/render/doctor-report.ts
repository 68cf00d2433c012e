import type { DescribedFinding, Diagnosis } from '../../app/doctor/diagnosis.ts';
import type { Finding } from '../../diagnose/finding.ts';
import type { Change } from '../../diagnose/change.ts';
import type { NetworkPath } from '../../diagnose/network/hops.ts';
import { createColors, paint, type Tone } from '../../ui/colors.ts';
import { folded, foldedCommand } from '../../ui/fold.ts';
import { printable } from '../../ui/printable.ts';
import type { CommandContext } from '../context.ts';
import type { CommandLines } from '../advice/command-lines.ts';
import { renderChange } from './change-commands.ts';
import { checkedEvent } from './doctor-checked.ts';
import { type RenderedChange } from './rendered-change.ts';

/** The output of `doctor`: lines for people, one JSON object for programs. */

/** 0 only if nothing was found; notes do not count. */
export const exitStatus = (findings: readonly DescribedFinding[]): 0 | 1 =>
  findings.some(({ finding }) => finding.severity !== 'note') ? 1 : 0;

export const isBlocked = (findings: readonly DescribedFinding[]): boolean =>
  findings.some(({ finding }) => finding.severity === 'blocking');

type Output = Pick<CommandContext, 'terminal' | 'settings' | 'commandLines' | 'report'>;

/** Writes lines to stdout; on a terminal prose is folded at its width, and what is to be pasted is left whole. */
const lineWriter =
  ({ terminal }: Pick<CommandContext, 'terminal'>) =>
  (text: string): void => {
    const columns = terminal.stdoutIsTty ? terminal.size().columns : undefined;
    terminal.stdout.write(`${folded(text, columns)}\n`);
  };

/** What `doctor --watch` prints when a finding appears, with its first command, or is gone. An event with `--json`. */
export function writeChange(
  { finding, sentence }: DescribedFinding,
  change: 'appeared' | 'gone',
  context: Output,
): void {
  const { commandLines, report, settings, terminal } = context;
  const text = printable(sentence);
  if (settings.output === 'json' || finding.severity === 'note') {
    const message = change === 'gone' ? `no longer: ${text}` : text;
    report({ type: 'note', level: 'info', code: finding.id, message });
    return;
  }
  const color = createColors(settings.color);
  const write = lineWriter(context);
  if (change === 'gone') {
    write(`${paint(color, 'good', 'GONE')} ${color.bold(finding.id)}: ${text}`);
    return;
  }
  const { word, tone } = WORDS[finding.severity];
  write(`${paint(color, tone, word)} ${color.bold(finding.id)}: ${text}`);
  const [first] = finding.fixes[0] ?? [];
  const command = first === undefined ? undefined : renderChange(first, commandLines).command;
  if (command !== undefined) terminal.stdout.write(`  ${printable(command)}\n`);
}

export function writeDiagnosis(
  diagnosis: Diagnosis,
  context: Output,
  { allPaths }: { readonly allPaths: boolean },
): void {
  const { terminal, settings, commandLines, report } = context;
  const { findings, paths } = diagnosis;
  if (settings.output === 'json') {
    terminal.stdout.write(`${JSON.stringify(jsonOf(diagnosis, commandLines))}\n`);
    return;
  }
  const color = createColors(settings.color);
  const write = lineWriter(context);
  const plan = new FixPlan(
    findings.map(({ finding }) => finding),
    commandLines,
  );
  const columns = terminal.stdoutIsTty ? terminal.size().columns : undefined;
  const writeLines = (lines: readonly FixLine[]): void => {
    for (const { isProse, text } of lines)
      if (isProse) write(`  ${printable(text)}`);
      else terminal.stdout.write(`${foldedCommand(`  ${printable(text)}`, columns)}\n`);
  };
  let blockedPaths = false;
  for (const { finding, sentence } of findings) {
    const text = printable(sentence);
    if (finding.severity === 'note') {
      const hints = plan.stepsOf(finding);
      report({
        type: 'note',
        level: 'info',
        code: finding.id,
        message: text,
        ...(hints.length === 0 ? {} : { hints }),
      });
      continue;
    }
    const { word, tone } = WORDS[finding.severity];
    write(`${paint(color, tone, word)} ${color.bold(finding.id)}: ${text}`);
    writeLines(
      UNREAD.has(finding.id)
        ? [code(commandLines.tool('policy doctor', {}, 'grants what doctor reads'))]
        : plan.linesOf(finding),
    );
    blockedPaths ||= finding.id === 'path-blocked' || finding.id === 'path-not-visible';
  }
  if (plan.deferredFor.length > 0) {
    write(
      `${color.bold('AT THE END')}, because it replaces the running tasks (${plan.deferredFor.join(', ')}):`,
    );
    writeLines(plan.deferredLines());
  }
  for (const path of paths)
    if (allPaths || (blockedPaths && path.verdict !== 'passes')) writePath(path, context);
  if (!isBlocked(findings)) report(checkedEvent(diagnosis, commandLines));
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

/** A line below a finding; prose is for people, everything else for a shell or a file. */
interface FixLine {
  readonly text: string;
  readonly isProse: boolean;
}
const code = (text: string): FixLine => ({ text, isProse: false });
const prose = (text: string): FixLine => ({ text, isProse: true });

/**
 * The lines below each finding: the first alternative in full, of the others one line each. A change that several
 * findings need is shown once. The new task definition and the deployment that several findings need are shown after all
 * findings, because everything else has to be there before.
 */
class FixPlan {
  readonly #commandLines: CommandLines;
  readonly #findings: readonly Finding[];
  /** Line → the finding below which it was shown. */
  readonly #shown = new Map<string, Finding['id']>();
  /** The changes that come late, with the findings that need them. */
  readonly #late = new Map<string, { readonly change: Change; readonly findings: Finding[] }>();

  constructor(findings: readonly Finding[], commandLines: CommandLines) {
    this.#commandLines = commandLines;
    this.#findings = findings;
    for (const finding of findings)
      for (const change of finding.fixes[0] ?? []) {
        if (!isLate(change)) continue;
        const key = JSON.stringify(change);
        const { findings: others = [] } = this.#late.get(key) ?? {};
        this.#late.set(key, { change, findings: [...others, finding] });
      }
  }

  /** The findings whose fix needs what is shown after all findings. */
  get deferredFor(): readonly Finding['id'][] {
    const deferred = this.#deferred();
    const needing = this.#findings.filter((finding) =>
      deferred.some(({ findings }) => findings.includes(finding)),
    );
    return [...new Set(needing.map(({ id }) => id))];
  }

  /** What is shown after all findings. */
  deferredLines(): readonly FixLine[] {
    return this.#deferred().flatMap(({ change }) => linesOf(renderChange(change, this.#commandLines)));
  }

  linesOf(finding: Finding): readonly FixLine[] {
    const [first = [], ...others] = finding.fixes;
    const own = first.filter((change) => !this.#isDeferred(change));
    const lines = own.flatMap((change) => this.#new(finding, change));
    const alternatives = others.flatMap((fix) => {
      const [line] = fix.flatMap((change) => this.#new(finding, change));
      return line === undefined ? [] : [{ ...line, text: `or: ${line.text}` }];
    });
    const elsewhere = own.length > 0 && lines.length === 0 ? this.#whereShown(own) : undefined;
    return [
      ...lines,
      ...(elsewhere === undefined ? [] : [prose(`→ the command below ${elsewhere}`)]),
      ...(own.length < first.length ? [prose('→ the deployment at the end')] : []),
      ...alternatives,
    ];
  }

  /**
   * Commands and instructions of the first alternative, each once; those that come late with the last finding that needs
   * them.
   */
  stepsOf(finding: Finding): readonly string[] {
    const due = (finding.fixes[0] ?? []).filter((change) => {
      const late = this.#late.get(JSON.stringify(change));
      return late === undefined || late.findings.at(-1) === finding;
    });
    const steps = due.flatMap((change) => {
      const { command, instruction } = renderChange(change, this.#commandLines);
      return [command, instruction].flatMap((line) => line ?? []);
    });
    const fresh = steps.filter((line) => !this.#shown.has(line));
    for (const line of fresh) this.#shown.set(line, finding.id);
    return fresh;
  }

  #deferred() {
    const deferred = [...this.#late.values()].filter(({ change }) => this.#isDeferred(change));
    // A deployment takes the newest revision, which has to be registered before.
    return deferred.toSorted((a, b) => LATE.indexOf(a.change.kind) - LATE.indexOf(b.change.kind));
  }

  /** With one finding alone, all that it needs is shown below it. */
  #isDeferred(change: Change): boolean {
    const isShared = [...this.#late.values()].some(({ findings }) => findings.length > 1);
    return isShared && this.#late.has(JSON.stringify(change));
  }

  #new(finding: Finding, change: Change): readonly FixLine[] {
    const lines = linesOf(renderChange(change, this.#commandLines)).filter(
      ({ text }) => !this.#shown.has(text),
    );
    for (const { text } of lines) this.#shown.set(text, finding.id);
    return lines;
  }

  #whereShown(changes: readonly Change[]): Finding['id'] | undefined {
    const lines = changes.flatMap((change) => linesOf(renderChange(change, this.#commandLines)));
    return lines.flatMap(({ text }) => this.#shown.get(text) ?? [])[0];
  }
}

/** In the order in which they are made. */
const LATE: readonly Change['kind'][] = ['register-task-definition', 'redeploy-service'];
const isLate = ({ kind }: Change): boolean => LATE.includes(kind);

const linesOf = ({
  command,
  instruction,
  policyStatement,
  terraform,
}: RenderedChange): readonly FixLine[] => [
  ...(command === undefined ? [] : [code(command)]),
  ...(instruction === undefined ? [] : [prose(instruction)]),
  ...(policyStatement === undefined || command !== undefined
    ? []
    : [code(`statement: ${JSON.stringify(policyStatement)}`)]),
  ...(terraform === undefined || terraform === '' ? [] : [code(`terraform: ${terraform}`)]),
];

const VERDICTS = {
  passes: 'passes',
  blocked: 'BLOCKED BY',
  'not-visible': 'cannot be seen, because',
} as const;
const TONES = { passes: 'good', blocked: 'bad', 'not-visible': 'warning' } as const;

function writePath(
  { from, to, port, family, hops }: NetworkPath,
  context: Pick<CommandContext, 'terminal' | 'settings'>,
): void {
  const color = createColors(context.settings.color);
  const write = lineWriter(context);
  const width = Math.max(...hops.map(({ kind }) => kind.length));
  write(`${from} → ${to}:${port}${family === 'ipv6' ? ' (IPv6)' : ''}`);
  for (const { kind, resource, rule, verdict } of hops)
    write(
      `  ${kind.padEnd(width)}  ${paint(color, TONES[verdict], VERDICTS[verdict])} ${printable(rule)} (${printable(resource)})`,
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
