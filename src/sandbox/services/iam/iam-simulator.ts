import { AwsError, type Operations } from '../../contracts.ts';
import { type AccessQuestion, applies, decide, type Grants, type NamedPolicy } from '../../iam/evaluator.ts';
import { parsePolicy } from '../../iam/policy-document.ts';
import type { ContextValues } from '../../iam/pattern.ts';
import { type Fields, optionalText, requiredText, structures, texts } from '../../wire/fields.ts';
import { page } from './iam-common.ts';
import { type IamState, noSuchEntity } from './iam-state.ts';

/** Parameters that the sandbox does not support; ignoring them would give wrong results. */
const UNSUPPORTED = ['ResourcePolicy', 'ResourceOwner', 'CallerArn', 'ResourceHandlingOption'] as const;

/** The policy simulator. Its only context is the one in the request, as in AWS. */
export function simulatorOperations(state: IamState): Operations {
  return {
    SimulatePrincipalPolicy: {
      authorize: (input) => [
        {
          action: 'iam:SimulatePrincipalPolicy',
          resource: requiredText(input, 'PolicySourceArn', 'ValidationError'),
        },
      ],
      run: (input) => {
        for (const name of UNSUPPORTED) {
          if (optionalText(input, name) !== undefined) throw invalidInput(`${name} is not simulated here`);
        }
        const simulated = { grants: grantsOf(state, input), context: contextOf(input) };
        const resources = texts(input, 'ResourceArns');
        const { items, tail } = page(input, actionsOf(input));
        return {
          EvaluationResults: items.map((action) =>
            resultOf(simulated, action, resources.length === 0 ? ['*'] : resources),
          ),
          ...tail,
        };
      },
    },
  };
}

interface Simulated {
  readonly grants: Grants;
  readonly context: ContextValues;
}

function grantsOf(state: IamState, input: Fields): Grants {
  const own = ownGrants(state, requiredText(input, 'PolicySourceArn', 'ValidationError'));
  const given = (parameter: string): NamedPolicy[] =>
    texts(input, parameter).map((text, index) => ({
      name: `${parameter}.${index + 1}`,
      document: parsePolicy(text),
    }));
  return {
    identity: [...own.identity, ...given('PolicyInputList')],
    boundary: given('PermissionsBoundaryPolicyInputList')[0] ?? own.boundary,
    ...(own.organization === undefined ? {} : { organization: own.organization }),
  };
}

function ownGrants(state: IamState, arn: string): Grants {
  const role = [...state.roles.values()].find((each) => each.arn === arn);
  if (role !== undefined) return state.roleGrants(role);
  const user = [...state.users.values()].find(({ principal }) => principal.arn === arn);
  if (user !== undefined) return user.grants;
  if (/^arn:aws:iam::\d{12}:(?:role|user)\/./.test(arn)) throw noSuchEntity(`${arn} cannot be found.`);
  throw invalidInput(`Invalid Entity Arn: ${arn} does not clearly define entity type and name.`);
}

const contextOf = (input: Fields): ContextValues =>
  new Map(
    structures(input, 'ContextEntries').map((entry) => [
      requiredText(entry, 'ContextKeyName', 'ValidationError').toLowerCase(),
      texts(entry, 'ContextKeyValues'),
    ]),
  );

function actionsOf(input: Fields): readonly string[] {
  const actions = texts(input, 'ActionNames');
  if (actions.length === 0) throw new AwsError('ValidationError', 'ActionNames must not be empty');
  const wrong = actions.find((action) => !/^[a-z0-9-]+:[A-Za-z0-9]+$/i.test(action));
  if (wrong !== undefined) throw invalidInput(`Invalid Action Name: ${wrong}`);
  return actions;
}

/** The result for one resource is at the top level; several resources each have their own part. */
function resultOf(simulated: Simulated, action: string, resources: readonly string[]): Fields {
  const parts = resources.map((resource) => ({ resource, ...answerOf(simulated, action, resource) }));
  const [first] = parts;
  if (parts.length === 1 && first !== undefined) {
    const { resource, decision, details } = first;
    return {
      EvalActionName: action,
      EvalResourceName: resource,
      EvalDecision: decision,
      OrganizationsDecisionDetail: organizationDetail(simulated, action, resources),
      ...details,
    };
  }
  const worst = ['explicitDeny', 'implicitDeny'].find((name) => parts.some((part) => part.decision === name));
  return {
    EvalActionName: action,
    EvalDecision: worst ?? 'allowed',
    OrganizationsDecisionDetail: organizationDetail(simulated, action, resources),
    ResourceSpecificResults: parts.map(({ resource, decision, details }) => ({
      EvalResourceName: resource,
      EvalResourceDecision: decision,
      ...details,
    })),
  };
}

/** One answer for all resources; undefined outside an organization. */
function organizationDetail(
  { context, grants: { organization = [] } }: Simulated,
  action: string,
  resources: readonly string[],
): Fields | undefined {
  if (organization.length === 0) return undefined;
  const alone = { identity: organization, boundary: undefined };
  const isAllowed = (resource: string): boolean => decide(alone, { action, resource, context }).allowed;
  return { AllowedByOrganizations: resources.every(isAllowed) };
}

function answerOf(
  { grants, context }: Simulated,
  action: string,
  resource: string,
): { readonly decision: string; readonly details: Fields } {
  const question = { action, resource, context };
  const { allowed, by } = decide(grants, question);
  const { boundary } = grants;
  const alone = boundary && decide({ identity: [boundary], boundary: undefined }, question);
  return {
    decision: allowed ? 'allowed' : by === undefined ? 'implicitDeny' : 'explicitDeny',
    details: {
      MatchedStatements: by === undefined ? [] : [{ SourcePolicyId: by, SourcePolicyType: 'IAM Policy' }],
      MissingContextValues: missingContext(grants, question),
      PermissionsBoundaryDecisionDetail: alone && { AllowedByPermissionsBoundary: alone.allowed },
    },
  };
}

/** Condition keys that statements about this action and resource use and that the request does not provide. */
function missingContext({ identity, boundary }: Grants, question: AccessQuestion): readonly string[] {
  const { context } = question;
  const keys = [...identity, ...(boundary === undefined ? [] : [boundary])].flatMap(({ document }) =>
    document.statements
      .filter((statement) =>
        applies({ ...statement, conditions: [] }, question, document.variables ? context : undefined),
      )
      .flatMap((statement) => statement.conditions.map((condition) => condition.key)),
  );
  return [...new Set(keys)].filter((key) => !context.has(key.toLowerCase()));
}

const invalidInput = (message: string): AwsError => new AwsError('InvalidInput', message, 400);
