import { accountText } from '../../core/account-text.ts';
import { describeDuration } from '../../core/duration.ts';
import { paragraph } from '../../core/paragraph.ts';
import type { UpResult, PlannedBastion } from '../../app/bastion/bring-up.ts';
import { describePlan } from './plan-text.ts';
import { type Plan, type PlanWarning, stepFields } from '../../provision/plan/plan.ts';
import type { DatabaseAccess } from '../../provision/plan/spec.ts';
import type { CommandContext } from '../context.ts';

/** The output of `up`: plan, network, price, result. The fields of the JSON forms are stable. */

/** The width in columns for messages on stderr; in the JSON form they are not wrapped. */
const stderrWidth = ({ terminal, settings }: CommandContext): number =>
  terminal.stderrIsTty && settings.output !== 'json' ? terminal.size().columns : Number.POSITIVE_INFINITY;

const stdoutWidth = ({ terminal }: CommandContext): number =>
  terminal.stdoutIsTty ? terminal.size().columns : Number.POSITIVE_INFINITY;

/** Writes the plan to stderr, before the question. */
export function reportPlan(planned: PlannedBastion, context: CommandContext): void {
  const { spec } = planned;
  const say = (code: string, message: string): void =>
    context.report({ type: 'note', level: 'info', code, message });
  say(
    'plan',
    `bastion ${spec.name} in ${spec.region} of ${accountText(planned.accountId, planned.accountAlias)}:`,
  );
  for (const line of planLines(planned.plan, context)) say('plan', line);
  reportWarnings(planned.plan, context);
  const explain = (code: string, text: string): void => {
    for (const line of paragraph(text, stderrWidth(context), 2)) say(code, line);
  };
  explain('network', `network: ${vpcText(planned)}, ${spec.network.reason}`);
  explain('price', `price: ${planned.price.text}`);
  say('lease', `ends: ${describeLease(planned, (at) => fromNow(at - planned.plannedAt))}`);
}

/** Lines that `up` prints around the plan before its question. */
const LINES_AROUND = 9;

/** The plan; without reasons where it would be higher than the terminal, so that it can be read at the question. */
export function planLines(plan: Plan, context: CommandContext, hasDryRun = true): readonly string[] {
  const { settings, terminal } = context;
  const full = describePlan(plan, stderrWidth(context));
  const isLive = terminal.stderrIsTty && settings.output !== 'json' && settings.input;
  if (!isLive || full.length + LINES_AROUND <= terminal.size().rows) return full;
  const steps = describePlan(plan, stderrWidth(context), false);
  return hasDryRun ? [...steps, '  (--dry-run prints the reason for each)'] : steps;
}

/** A VPC that another account shares is named with that account. */
function vpcText({ spec: { network }, accountId }: PlannedBastion): string {
  const owner = network.subnets[0]?.ownerId ?? accountId;
  return owner === accountId ? network.vpcId : `${network.vpcId} (shared by account ${owner})`;
}

const fromNow = (ms: number): string => (ms <= 0 ? 'now' : `in ${describeDuration(ms)}`);

const isoOf = (at: number): string => new Date(at).toISOString();

function describeLease({ plan }: PlannedBastion, when: (at: number) => string): string {
  const { expiresAt, idleMinutes = 0 } = plan.lease;
  const end = expiresAt === undefined ? 'at a time that its tags do not state' : when(expiresAt);
  return idleMinutes === 0
    ? `${end}, idle or not`
    : `${end}, or after ${idleMinutes} minutes without a session`;
}

/** The prefix that the reporter writes before a warning. */
const MARK = 'warning: '.length;

function reportWarnings(plan: Plan, context: CommandContext): void {
  for (const { code, message, details = {} } of plan.warnings) {
    const lines = paragraph(message, stderrWidth(context) - MARK, 2);
    for (const [index, line] of lines.entries()) {
      const isLast = index === lines.length - 1;
      context.report({
        type: 'note',
        level: index === 0 ? 'warning' : 'info',
        code,
        message: line,
        ...(isLast ? { details } : {}),
      });
    }
  }
}

const describeWarning = (
  { code, message, details = {} }: PlanWarning,
  context: CommandContext,
  width: number,
): readonly string[] => [
  ...paragraph(`  ${message}`, width, 4),
  ...context.advice(code, details).flatMap((hint) => paragraph(`    ${hint}`, width, 6)),
];

/** `--dry-run` writes everything to stdout. */
export function writeDryRun(planned: PlannedBastion, context: CommandContext): void {
  const { plan, spec, price } = planned;
  const { cheapest } = price;
  const policies =
    spec.role.kind === 'own'
      ? {
          trust: JSON.parse(spec.role.trust) as unknown,
          policy: JSON.parse(spec.role.policy) as unknown,
          boundary:
            spec.role.boundary.kind === 'own'
              ? (JSON.parse(spec.role.boundary.document) as unknown)
              : spec.role.boundary.kind === 'existing'
                ? spec.role.boundary.arn
                : null,
        }
      : { instanceProfile: spec.role.profileArn };
  const { stdout } = context.terminal;
  if (context.settings.output === 'json') {
    stdout.write(
      `${JSON.stringify({
        name: spec.name,
        region: spec.region,
        account: planned.accountId,
        accountAlias: planned.accountAlias ?? null,
        cluster: spec.cluster ?? null,
        market: spec.market,
        types: spec.types,
        plan: plan.steps.map(stepFields),
        warnings: plan.warnings.map((warning) => ({
          ...warning,
          hints: context.advice(warning.code, warning.details ?? {}),
        })),
        network: {
          vpc: spec.network.vpcId,
          vpcOwner: spec.network.subnets[0]?.ownerId ?? null,
          subnets: spec.network.subnets.map((subnet) => subnet.id),
          publicIp: spec.network.publicIp,
          stack: spec.network.stack,
          reason: spec.network.reason,
          considered: spec.network.considered.map((report) => ({
            subnet: report.subnet.id,
            zone: report.subnet.zone,
            wayOut: report.wayOut,
            reason: report.reason,
            missing: report.missing,
          })),
        },
        price: {
          dollarsPerHour: price.dollarsPerHour ?? null,
          cheapestPool: spec.market === 'spot' ? (cheapest ?? null) : null,
          text: price.text,
        },
        expiresAt: plan.lease.expiresAt === undefined ? null : isoOf(plan.lease.expiresAt),
        idleMinutes: plan.lease.idleMinutes ?? null,
        policies,
        userDataBytes: Buffer.byteLength(spec.userData),
      })}\n`,
    );
    return;
  }
  const width = stdoutWidth(context);
  const { considered } = spec.network;
  const wayOutWidth = Math.max(16, ...considered.map(({ wayOut }) => wayOut.length));
  const subnets = considered.flatMap(({ subnet, wayOut, reason }) => {
    const mark = spec.network.subnets.some(({ id }) => id === subnet.id) ? '*' : ' ';
    const start = `  ${mark} ${subnet.id}  ${subnet.zone}  ${wayOut}`;
    const whole = `${start.padEnd(start.length - wayOut.length + wayOutWidth)}  ${reason}`;
    return whole.length <= width ? [whole] : [start, ...paragraph(`        ${reason}`, width, 8)];
  });
  stdout.write(
    [
      `Bastion ${spec.name} in ${spec.region} of ${accountText(planned.accountId, planned.accountAlias)}`,
      '',
      // The longest part comes first, so that the facts for the decision are at the end, where a terminal shows them.
      'Policies',
      ...JSON.stringify(policies, undefined, 2)
        .split('\n')
        .map((line) => `  ${line}`),
      '',
      'Plan',
      ...describePlan(plan, width - 2).map((line) => `  ${line}`),
      '',
      ...(plan.warnings.length === 0
        ? []
        : ['Warnings', ...plan.warnings.flatMap((warning) => describeWarning(warning, context, width)), '']),
      ...paragraph(`Network: ${vpcText(planned)}, ${spec.network.reason}`, width, 2),
      ...subnets,
      '',
      ...paragraph(`Price: ${price.text}`, width, 2),
      `Ends: ${describeLease(planned, isoOf)}`,
      '',
      `Nothing was created (user data: ${Buffer.byteLength(spec.userData)} bytes).`,
      '',
    ].join('\n'),
  );
}

/** Writes the bastion, and the commands to type next; `databases` are those that were requested. */
export function writeResult(
  result: UpResult,
  databases: readonly DatabaseAccess[],
  context: CommandContext,
): void {
  const { bastion } = result;
  const expiresAt = bastion?.expiresAt;
  if (context.settings.output === 'json') {
    context.terminal.stdout.write(
      `${JSON.stringify({
        name: result.name,
        instanceId: result.instanceId,
        launched: result.launched,
        ready: result.ready,
        state: bastion?.state ?? null,
        type: bastion?.instanceType ?? null,
        market: bastion?.market ?? null,
        vpc: bastion?.vpcId ?? null,
        subnet: bastion?.subnetId ?? null,
        privateIp: bastion?.privateIp ?? null,
        cluster: bastion?.cluster ?? null,
        expiresAt: expiresAt === undefined ? null : isoOf(expiresAt),
      })}\n`,
    );
    return;
  }
  const left = expiresAt === undefined ? '' : `, ends ${fromNow(expiresAt - result.now)}`;
  const what = result.launched ? (result.ready ? 'is up' : 'is launched') : 'runs already';
  context.report({
    type: 'note',
    level: 'info',
    code: 'bastion-up',
    message: `bastion ${result.name} ${what}: ${result.instanceId}${left}`,
    details: {
      name: result.name,
      databases: databases.map(({ id, host, port }) => ({ id, host, port })),
      onlyHttps: bastion?.ports?.every((port) => port === 443) === true,
    },
  });
}
