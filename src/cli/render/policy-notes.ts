import type { PolicyRequest } from '../../app/policy/policy-request.ts';
import { idOfArn } from '../../core/arn.ts';
import {
  MANAGED_POLICY_LIMIT,
  POLICY_KINDS,
  type PrintedPolicy,
} from '../../provision/policy/policy-kinds.ts';
import type { CommandContext } from '../context.ts';

/** The name under which an administrator creates the document that `session-document` prints. */
export const documentOf = (database: string): string => `fargate-connect-${database}`;

/** Explains on stderr how to use the document that was printed. */
export function reportUse(request: PolicyRequest, printed: PrintedPolicy, context: CommandContext): void {
  const note = (code: string, message: string): void =>
    context.report({ type: 'note', level: 'warning', code, message });
  if (request.kind === 'session-document' && request.database !== undefined) {
    const database = idOfArn(request.database);
    const name = documentOf(database);
    context.report({
      type: 'note',
      level: 'info',
      code: 'session-document-use',
      message: `to be created as session document ${name}`,
      details: { database, document: name },
    });
  }
  if (printed.unfilled.length > 0)
    note('placeholder-unfilled', `fill in: ${printed.unfilled.map((name) => `\${${name}}`).join(', ')}`);
  if (printed.size > MANAGED_POLICY_LIMIT) {
    note(
      'policy-too-large',
      `${printed.size} characters: too large for one managed policy (${MANAGED_POLICY_LIMIT}); use its parts (${POLICY_KINDS[request.kind].files.join(', ')}) or an inline policy of a role`,
    );
  }
}
