import { ToolError, exitStatusOf } from '../core/errors.ts';
import type { AdviceContext } from './advice/command-lines.ts';
import type { FindingFact } from './render/doctor-report.ts';
import { createColors } from '../ui/colors.ts';
import { type Columns, folded } from '../ui/fold.ts';
import { printable, printableLines, withoutPasswords } from '../ui/printable.ts';

export interface ErrorStyle {
  readonly json: boolean;
  /** Adds causes and stack traces. */
  readonly debug: boolean;
  readonly color: boolean;
  /** Width of the terminal in which the report is read; undefined = it is not read in a terminal. */
  readonly columns?: Columns;
}

export interface ErrorReport {
  /** Text for stderr, with a newline at the end. */
  readonly text: string;
  readonly exitStatus: number;
}

/**
 * The only function that turns an error into text and an exit status. It loads the advice, so that runs without an
 * error do not load it.
 */
export async function reportOf(
  thrown: unknown,
  style: ErrorStyle,
  context: AdviceContext,
): Promise<ErrorReport> {
  const { adviceFor } = await import('./advice/advice.ts');
  const error = thrown instanceof ToolError ? thrown : defect(thrown);
  const known = error.with({ message: withoutPasswords(error.message), cause: error.cause });
  const hints = adviceFor(known.code, known.details, context);
  const text = style.json ? asJson(known, hints, thrown, style.debug) : asText(known, hints, thrown, style);
  return { text, exitStatus: exitStatusOf(known) };
}

/** An error that is not a ToolError is a defect of the tool, and its message states that. */
function defect(error: unknown): ToolError {
  const message = error instanceof Error ? error.message : JSON.stringify(error);
  return new ToolError('failed', 'internal', `this is a defect of fargate-connect: ${oneLine(message)}`, {
    cause: error,
  });
}

function asText(error: ToolError, hints: readonly string[], thrown: unknown, style: ErrorStyle): string {
  // An interruption needs no code and no hints, because the person caused it.
  if (error.role === 'interrupted' && !style.debug) return `${printable(error.message)}\n`;
  const colors = createColors(style.color);
  const code = style.debug ? colors.dim(` [${error.code}]`) : '';
  const findings = findingLines(error);
  const more = hints.map((hint) => `  ${printable(hint)}`).filter((hint) => !findings.includes(`  ${hint}`));
  const message = `${colors.red('error:')} ${printable(error.message)}${code}`;
  const lines = [folded([message, ...findings, ...more].join('\n'), style.columns)];
  if (style.debug) lines.push(colors.dim(printableLines(stackOf(thrown))));
  return `${lines.join('\n')}\n`;
}

/** What stops the connection (cli/failed-connect.ts), with the fix of each finding. */
export function findingLines({ code, details }: ToolError): readonly string[] {
  const findings = (details['findings'] ?? []) as readonly FindingFact[];
  return findings.flatMap(({ id, severity, message, fix }) => {
    const word = severity === 'blocking' ? 'BLOCKED' : 'COULD NOT TELL';
    // The error has said this already.
    const sentence = id === code ? '' : `: ${printable(message)}`;
    return [`  ${word} ${id}${sentence}`, ...fix.map((line) => `    ${printable(line)}`)];
  });
}

function asJson(error: ToolError, hints: readonly string[], thrown: unknown, debug: boolean): string {
  const { code, message, role, details } = error;
  const stack = debug ? { stack: stackOf(thrown) } : {};
  return `${JSON.stringify({ error: { code, message, role, hints, details, ...stack } })}\n`;
}

/** The stack with all causes; stops at an error that is its own cause. */
function stackOf(thrown: unknown): string {
  const parts: string[] = [];
  const seen = new Set<unknown>();
  for (let at = thrown; at !== undefined && !seen.has(at);) {
    seen.add(at);
    const text = at instanceof Error ? (at.stack ?? at.message) : JSON.stringify(at);
    parts.push(parts.length === 0 ? text : `caused by ${text}`);
    if (at instanceof AggregateError) parts.push(...at.errors.map((each) => `with ${String(each)}`));
    at = at instanceof Error ? at.cause : undefined;
  }
  return withoutPasswords(parts.join('\n'));
}

const oneLine = (text: string): string => text.replace(/\s*\n\s*/g, ' ').trim();
