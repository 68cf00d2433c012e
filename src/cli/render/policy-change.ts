import { oneOrAll, statementPolicy } from '../../app/doctor/statement-policy.ts';
import { nameOfArn, parseArn } from '../../core/arn.ts';
import { quoteWord } from '../../core/shell-words.ts';
import type { Change } from '../../diagnose/change.ts';
import type { CommandLines } from '../advice/command-lines.ts';
import type { RenderedChange, Of } from './rendered-change.ts';

/** Changes of policies and trust policies. */

/** JSON as one word of a shell. */
export const json = (value: unknown): string => quoteWord(JSON.stringify(value));

/** A trust policy with one statement. */
export const trustDocument = (service: string, actions: readonly string[], condition?: unknown) => ({
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Principal: { Service: service },
      Action: oneOrAll(actions),
      ...(condition === undefined ? {} : { Condition: condition }),
    },
  ],
});

type PolicyChange = Extract<Change, { readonly policy: unknown }>;

/** Names the policies that have to change. */
export function policyOf(policy: PolicyChange['policy'], principal: string): string {
  switch (policy) {
    case 'permissions-boundary':
      return `the permissions boundary of ${principal}`;
    case 'service-control':
      return 'the service control policies of the organization';
    case 'identity':
    case undefined:
      return `the policies of ${principal}`;
    default:
      return policy satisfies never;
  }
}

/** A role or user gets an inline policy; for other principals and policies the statement is described. */
export function policyStatement(
  Effect: 'Allow' | 'Deny',
  change: PolicyChange,
  lines: CommandLines,
): RenderedChange {
  const { principal, policy, actions, resources } = change;
  const { name: policyName, document, statement } = statementPolicy(Effect, change);
  const kind = kindOf(principal);
  if (kind === undefined || policy === 'permissions-boundary' || policy === 'service-control') {
    const verb = Effect === 'Allow' ? 'must allow' : 'must deny';
    return {
      policyStatement: statement,
      instruction: `${policyOf(policy, principal)} ${verb} ${actions.join(', ')} on ${resources.join(', ')}`,
    };
  }
  const name = nameOfArn(principal);
  return {
    command: lines.aws(
      `iam put-${kind}-policy --${kind}-name ${quoteWord(name)} --policy-name ${policyName} --policy-document ${quoteWord(document)}`,
    ),
    terraform: `aws_iam_${kind}_policy { ${kind} = "${name}", policy = jsonencode(${document}) }`,
    policyStatement: statement,
  };
}

/** The name of a role may stand for its ARN. Undefined = neither a role nor a user, e.g. the session of a role. */
function kindOf(principal: string): 'role' | 'user' | undefined {
  const resource = parseArn(principal)?.resource ?? (principal.includes(':') ? '' : `role/${principal}`);
  if (resource.startsWith('user/')) return 'user';
  return resource.startsWith('role/') ? 'role' : undefined;
}

/** The documents of `policy` that show how a role trusts a service. */
const TRUST_DOCUMENTS = [
  { of: 'ec2.', document: 'bastion-trust' },
  { of: 'ecs-tasks.', document: 'task-trust' },
] as const;

export function trustService(
  { role, service, actions }: Of<'trust-service'>,
  lines: CommandLines,
): RenderedChange {
  const document = trustDocument(service, actions);
  const printed = TRUST_DOCUMENTS.find(({ of }) => service.startsWith(of));
  return {
    command: lines.aws(
      `iam update-assume-role-policy --role-name ${quoteWord(nameOfArn(role))} --policy-document ${json(document)}`,
    ),
    instruction: [
      `this replaces the trust policy of ${role}: add the statements that it has for others`,
      ...(printed === undefined
        ? []
        : [`${lines.tool(`policy ${printed.document}`)} prints one with conditions`]),
    ].join('; '),
    terraform: `aws_iam_role.assume_role_policy: principal ${service}`,
    policyStatement: document.Statement[0],
  };
}
