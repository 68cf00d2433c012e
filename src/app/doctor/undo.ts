import { TAG } from '../../provision/bastion/names.ts';
import type { SecurityGroupRule } from '../../provision/ports/network.ts';
import { nameOfArn } from '../../core/arn.ts';
import { mapConcurrently } from '../../core/concurrency.ts';
import type { Wanted } from '../../connect/target/discover.ts';
import type { Needs } from '../collaborators.ts';
import type { Diagnosis } from './diagnosis.ts';
import { markOf } from './fix.ts';
import { findSubject } from './service-doctor.ts';
import { POLICY_NAME_PREFIX } from './statement-policy.ts';

/** Takes back what `doctor --fix` has added: the rules with its tag, and the inline policies with its name. */

/** What the changes were made for; `everything` = all marked rules of the region, and no policy. */
export type UndoRequest =
  | { readonly kind: 'service'; readonly wanted: Wanted }
  | { readonly kind: 'subject'; readonly subject: Diagnosis['subject'] }
  | { readonly kind: 'any-bastion' }
  | { readonly kind: 'everything' };

export interface UndoPlan {
  readonly rules: readonly SecurityGroupRule[];
  readonly policies: readonly { readonly role: string; readonly name: string }[];
}

type UndoNeeds = Needs<'account'>;

/** Throws what `findSubject` throws. */
export async function planUndo(request: UndoRequest, deps: UndoNeeds): Promise<UndoPlan> {
  const account = await deps.account();
  const ec2 = await account.ec2();
  if (request.kind === 'everything' || request.kind === 'any-bastion') {
    const rules = await ec2.securityGroupRules({ tag: { key: TAG.doctor } });
    const isMeant = ({ tags }: SecurityGroupRule): boolean =>
      request.kind === 'everything' || tags[TAG.doctor]?.startsWith('bastion ') === true;
    return { rules: rules.filter(isMeant), policies: [] };
  }
  if (request.kind === 'subject')
    return { rules: await ec2.securityGroupRules({ tag: marked(request.subject) }), policies: [] };
  const { cluster, service, task } = await findSubject(account, request.wanted);
  const [rules, policies] = await Promise.all([
    ec2.securityGroupRules({ tag: marked({ cluster, service: service?.name, task: task?.id }) }),
    policiesOf(task?.taskDefinitionArn ?? service?.taskDefinitionArn, task?.taskRoleOverride, deps),
  ]);
  return { rules, policies };
}

const marked = (subject: Diagnosis['subject']) => ({ key: TAG.doctor, values: [markOf(subject)] });

async function policiesOf(
  definitionArn: string | undefined,
  override: string | undefined,
  deps: UndoNeeds,
): Promise<UndoPlan['policies']> {
  const account = await deps.account();
  const diagnosis = await account.diagnosis();
  const arn =
    override ??
    (definitionArn === undefined ? undefined : (await diagnosis.taskDefinition(definitionArn)).taskRoleArn);
  if (arn === undefined) return [];
  const role = nameOfArn(arn);
  const names = await (await account.iam()).rolePolicyNames(role);
  return names.filter((name) => name.startsWith(POLICY_NAME_PREFIX)).map((name) => ({ role, name }));
}

/** Deletes them; what no longer exists counts as deleted. */
export async function applyUndo({ policies, rules }: UndoPlan, deps: UndoNeeds): Promise<void> {
  const account = await deps.account();
  const [ec2, iam] = await Promise.all([account.ec2(), account.iam()]);
  await mapConcurrently(rules, (rule) => ec2.revokeRule(rule));
  await mapConcurrently(policies, ({ name, role }) => iam.deleteRolePolicy(role, name));
}
