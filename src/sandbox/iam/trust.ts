import { applies } from './evaluator.ts';
import type { ContextValues } from './pattern.ts';
import type { PolicyDocument, Statement } from './policy-document.ts';

/**
 * Whether a role's trust policy lets a caller assume the role. `names` are all principal names of the caller:
 * `AWS:arn:…`, `Service:ec2.amazonaws.com`, `*`.
 */
export function trusts(
  trust: PolicyDocument,
  roleArn: string,
  names: readonly string[],
  context: ContextValues,
): boolean {
  const question = { action: 'sts:AssumeRole', resource: roleArn, context };
  const applicable = trust.statements.filter(
    (statement) =>
      statement.principals.some((name) => name === '*' || names.includes(name)) &&
      applies(statement, question, context),
  );
  const says = (effect: Statement['effect']): boolean =>
    applicable.some((statement) => statement.effect === effect);
  return says('Allow') && !says('Deny');
}
