import { parseArn } from '../../core/arn.ts';
import { mapConcurrently } from '../../core/concurrency.ts';
import { access, noMatch, type ToolError, usage } from '../../core/errors.ts';
import { grantFindings } from '../../diagnose/iam/grant-findings.ts';
import {
  batchesOf,
  isRight,
  type Point,
  pointsOf,
  type Questions,
  questionsOf,
} from '../../diagnose/iam/grants.ts';
import { trustPoints } from '../../diagnose/iam/trust.ts';
import { sentenceOfAll } from '../../diagnose/sentences.ts';
import type { PolicyKindName, PrintedPolicy } from '../../provision/policy/policy-kinds.ts';
import type { SimulatorPort } from '../../provision/ports/simulator.ts';
import { parsePrincipal, type Principal } from '../../provision/policy/principal.ts';
import { placeInUse, refuseElsewhere } from '../arn-scope.ts';
import type { Needs } from '../collaborators.ts';

/** Checks with IAM's simulator whether a principal has what a policy document grants. */

export interface CheckedPolicy extends Pick<Questions, 'notAsked'> {
  readonly kind: PolicyKindName;
  /** ARN of the principal. */
  readonly arn: string;
  readonly points: readonly Point[];
  /** The points of the document in which the principal differs from it. */
  readonly wrong: readonly Point[];
}

type Checked = Omit<CheckedPolicy, 'kind' | 'wrong'>;

/**
 * Runs the check; `asked` is the principal as typed. Throws `check-placeholders`, `check-principal`, `arn-elsewhere`,
 * `principal-not-found`, and what the ports throw.
 */
export async function checkPolicy(
  asked: string,
  kind: PolicyKindName,
  printed: PrintedPolicy,
  deps: Needs<'account'>,
): Promise<CheckedPolicy> {
  refuseUnfilled(asked, printed.unfilled);
  const account = await deps.account();
  const ownArn = async (): Promise<string> => (await (await account.identity()).caller()).arn;
  const principal = parsePrincipal(asked === 'me' ? await ownArn() : asked);
  const arn = parseArn(asked);
  if (arn !== undefined)
    await refuseElsewhere([{ kind: 'principal', value: asked, arn }], placeInUse(account));
  const simulator = await account.simulator();
  const checked =
    kind === 'bastion-trust' || kind === 'task-trust'
      ? await checkTrust(principal, printed.text, simulator)
      : await checkGrants(principal, printed.text, account.region, simulator);
  return { kind, ...checked, wrong: checked.points.filter((point) => !isRight(point)) };
}

/** Throws `grants-missing` (exit 4) naming every action that the principal lacks or must not have. */
export function requireGrants({ arn, wrong }: CheckedPolicy): void {
  if (wrong.length > 0) throw missing(arn, wrong);
}

/** Placeholders whose flag has another name. */
const FLAG_OF: Readonly<Record<string, string>> = {
  'database-security-group': 'db-security-group',
  'session-document': 'document',
};

function refuseUnfilled(principal: string, unfilled: readonly string[]): void {
  if (unfilled.length === 0) return;
  const flags = unfilled.map((name) => `--${FLAG_OF[name] ?? name}`);
  throw usage(
    'check-placeholders',
    `a document with placeholders cannot be checked: add ${flags.join(', ')}`,
    {
      details: { principal, placeholders: unfilled, flags },
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
  const requester = { arn, region, accountId: parseArn(arn)?.account ?? '' };
  const { questions, notAsked } = questionsOf(document, requester);
  const points = await mapConcurrently(batchesOf(questions, requester), async (batch) => {
    const decisions = await simulator.simulate(arn, batch.simulation);
    if (decisions === undefined) throw notFound(principal);
    return pointsOf(batch.questions, decisions);
  });
  const order = [...new Set(questions.map(({ statement }) => statement))];
  const inOrder = points.flat().sort((a, b) => order.indexOf(a.statement) - order.indexOf(b.statement));
  return { arn, points: inOrder, notAsked };
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
    throw usage('check-principal', `user ${principal.name} has no trust policy: only roles have one`, {
      details: { principal: `user/${principal.name}`, rolesOnly: true },
    });
  }
  const role = await simulator.role(principal.name);
  if (role === undefined) throw notFound(principal);
  return { arn: role.arn, points: trustPoints(document, role.trust), notAsked: [] };
}

const notFound = ({ kind, name, arn }: Principal): ToolError =>
  noMatch('principal-not-found', `there is no ${kind} ${name} in this account`, {
    details: { principal: arn ?? `${kind}/${name}`, kind },
  });

export const namesOf = (items: readonly { readonly action: string }[]): string =>
  [...new Set(items.map(({ action }) => action))].join(', ');

/**
 * Shortens an ARN to its resource, e.g. `task/demo/*`: partition, service, region and account are the same in nearly
 * all rows, and `--json` has them.
 */
export const withoutPlace = (text: string): string => parseArn(text)?.resource ?? text;

function missing(arn: string, wrong: readonly Point[]): ToolError {
  const unknown = [...new Set(wrong.flatMap(({ missingContext }) => missingContext))];
  const findings = grantFindings(arn, wrong);
  const fix = findings.flatMap(({ fixes }) => fixes[0] ?? []);
  return access('grants-missing', sentenceOfAll(arn, findings), {
    details: {
      fixes: fix.length === 0 ? [] : [fix],
      principal: arn,
      actions: [...new Set(wrong.map(({ action }) => action))],
      unknownKeys: unknown,
    },
  });
}
