import { formatArn, nameOfArn, parseArn, typeOfArn } from '../../core/arn.ts';
import { failed } from '../../core/errors.ts';
import type { ContextEntry, SimulatedDecision, Simulation } from '../../provision/ports/simulator.ts';

/**
 * Checks whether a principal has what a document of the package grants, and nothing that it denies: turns the document
 * into questions to IAM's policy simulator, and the simulator's answers into points that hold or not. Resources and
 * values are simulated as they are written: a wildcard counts as an ordinary character, which only a grant as wide as
 * the document's own covers.
 */

export interface Statement {
  readonly Sid: string;
  readonly Effect: 'Allow' | 'Deny';
  /** Trust policies only: by type (`Service`), or `*`. */
  readonly Principal?: string | Readonly<Record<string, string | readonly string[]>>;
  readonly Action?: string | readonly string[];
  /** Occurs only in documents of other authors: no document of the package has it. */
  readonly NotAction?: string | readonly string[];
  /** Absent in trust policies. */
  readonly Resource?: string | readonly string[];
  readonly Condition?: Condition;
}
export type Condition = Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;

/** Properties of the principal's requests that do not depend on the document. */
export interface Requester {
  readonly arn: string;
  readonly region: string;
  readonly accountId: string;
}

export interface Question {
  /** Sid. */
  readonly statement: string;
  readonly effect: 'Allow' | 'Deny';
  readonly action: string;
  readonly resource: string;
  /** The context that the statement's condition requires of the request. */
  readonly when: readonly ContextEntry[];
}

export interface Questions {
  readonly questions: readonly Question[];
  /** Denied actions with wildcards, which are not checked because the simulator does not accept them. */
  readonly notAsked: readonly { readonly statement: string; readonly action: string }[];
}

/**
 * Resource types of the actions that share a statement with others (Service Authorization Reference): a principal that
 * has `ecs:DescribeTasks` for tasks alone lacks nothing. Actions that are not listed here are checked on every
 * resource.
 */
export const RESOURCE_TYPES: Readonly<Record<string, readonly string[]>> = {
  'ec2:CreateFleet': ['fleet', 'image', 'instance', 'launch-template', 'subnet', 'volume'],
  'ec2:DeleteFleets': ['fleet'],
  'ec2:DeleteLaunchTemplate': ['launch-template'],
  'ec2:RunInstances': [
    'image',
    'instance',
    'launch-template',
    'network-interface',
    'security-group',
    'snapshot',
    'spot-instances-request',
    'subnet',
    'volume',
  ],
  'ec2:TerminateInstances': ['instance'],
  'ecs:DescribeClusters': ['cluster'],
  'ecs:DescribeServices': ['service'],
  'ecs:DescribeTasks': ['task'],
  'elasticache:DescribeCacheClusters': ['cluster'],
  'elasticache:DescribeReplicationGroups': ['replicationgroup'],
  'elasticache:DescribeServerlessCaches': ['serverlesscache'],
  'iam:GetInstanceProfile': ['instance-profile'],
  'iam:GetRole': ['role'],
  'iam:GetRolePolicy': ['role'],
  'iam:ListRolePolicies': ['role'],
  'memorydb:DescribeClusters': ['cluster'],
  'rds:DescribeDBClusterParameters': ['cluster-pg'],
  'rds:DescribeDBClusters': ['cluster'],
  'rds:DescribeDBInstances': ['db'],
  'rds:DescribeDBParameters': ['pg'],
  'rds:DescribeDBProxies': ['db-proxy'],
  'rds:DescribeDBProxyEndpoints': ['db-proxy', 'db-proxy-endpoint'],
};

/** Replaces `${aws:userid}` in both resource and request, because the real value is not known here. */
const ANY_USER_ID = 'EXAMPLEID:check';

/** `document` is the JSON of `printPolicy` without placeholders. Throws `policy-document-invalid`. */
export function questionsOf(document: string, requester: Requester): Questions {
  const statements = statementsOf(document);
  const isPattern = (action: string): boolean => /[*?]/.test(action);
  return {
    questions: statements.flatMap((statement) =>
      listOf(statement.Action)
        .filter((action) => !isPattern(action))
        .flatMap((action) =>
          resourcesOf(action, statement, requester).flatMap((resource) =>
            alternativesOf(statement.Condition).map((when) => ({
              statement: statement.Sid,
              effect: statement.Effect,
              action,
              resource,
              when,
            })),
          ),
        ),
    ),
    notAsked: statements.flatMap(({ Sid, Action }) =>
      listOf(Action)
        .filter(isPattern)
        .map((action) => ({ statement: Sid, action })),
    ),
  };
}

/** IAM accepts a single statement that is not in a list. */
export const statementsOf = (document: string): readonly Statement[] =>
  [(JSON.parse(document) as { readonly Statement: Statement | readonly Statement[] }).Statement].flat();

export const listOf = (value: string | readonly string[] = []): readonly string[] =>
  typeof value === 'string' ? [value] : value;

function resourcesOf(action: string, statement: Statement, requester: Requester): readonly string[] {
  const types = RESOURCE_TYPES[action];
  const resources = ofUser(listOf(statement.Resource), requester).filter(
    (resource) =>
      resource === '*' ||
      types === undefined ||
      (parseArn(resource)?.service === action.split(':')[0] && types.includes(typeOfArn(resource) ?? '')),
  );
  // An Allow has to be granted as widely as it is written. A Deny is checked for the account and region of the
  // requester.
  return statement.Effect === 'Allow' ? resources : resources.map((resource) => placed(resource, requester));
}

/** Puts the name of the user into `${aws:username}`; a role has no such resource, because IAM leaves the key unset. */
const ofUser = (resources: readonly string[], { arn }: Requester): readonly string[] =>
  arn.includes(':user/')
    ? resources.map((resource) => resource.replaceAll('${aws:username}', nameOfArn(arn)))
    : resources.filter((resource) => !resource.includes('${aws:username}'));

/** Replaces wildcards for region and account by those of the requester; AWS's own session documents have no account. */
function placed(resource: string, { region, accountId }: Requester): string {
  const arn = parseArn(resource);
  if (arn === undefined) return resource;
  const account = arn.resource.startsWith('document/AWS-') ? '' : accountId;
  return formatArn({
    ...arn,
    region: arn.region === '*' ? region : arn.region,
    account: arn.account === '*' ? account : arn.account,
  });
}

/** All request contexts that fulfil a condition: one for each value that the condition lists. */
export function alternativesOf(condition: Condition = {}): readonly (readonly ContextEntry[])[] {
  const demands = Object.entries(condition).flatMap(([operator, keys]) =>
    Object.entries(keys).map(([key, values]) => choicesOf(operator, key, listOf(values).map(withUserId))),
  );
  return demands.reduce<readonly (readonly ContextEntry[])[]>(
    (contexts, choices) => contexts.flatMap((context) => choices.map((choice) => [...context, ...choice])),
    [[]],
  );
}

const withUserId = (value: string): string => value.replaceAll('${aws:userid}', ANY_USER_ID);

function choicesOf(
  operator: string,
  key: string,
  values: readonly string[],
): readonly (readonly ContextEntry[])[] {
  if (operator === 'Null') {
    return values.includes('true') ? [[]] : [[{ key, values: ['any'], type: 'string' }]];
  }
  if (operator.includes('Not')) return [[]];
  if (operator.startsWith('ForAllValues:')) return [[{ key, values, type: 'stringList' }]];
  if (!/^(?:ForAnyValue:)?(?:String|Arn|Bool)/.test(operator)) {
    throw failed('policy-document-invalid', `a condition with ${operator} cannot be turned into a request`);
  }
  const type = operator.startsWith('Bool') ? 'boolean' : 'string';
  return values.map((value) => [{ key, values: [value], type }]);
}

/** One call of the simulator and the questions that its answers are for. */
export interface Batch {
  readonly simulation: Simulation;
  readonly questions: readonly Question[];
}

/**
 * Makes as few calls as possible. The simulator evaluates all actions of a call on all its resources in one context, so
 * that one call for each context is needed. Answers that belong to no question are ignored.
 */
export function batchesOf(questions: readonly Question[], requester: Requester): readonly Batch[] {
  const groups = new Map<string, Question[]>();
  for (const question of questions) {
    // `*` stands for actions without a resource, so that it needs a separate call.
    const key = JSON.stringify([question.resource === '*', question.when]);
    groups.set(key, [...(groups.get(key) ?? []), question]);
  }
  const always = contextOf(requester);
  return [...groups.values()].map((group) => {
    const when = group[0]?.when ?? [];
    return {
      questions: group,
      simulation: {
        actions: [...new Set(group.map(({ action }) => action))],
        resources: [...new Set(group.map(({ resource }) => resource))],
        context: [...always.filter(({ key }) => when.every((entry) => entry.key !== key)), ...when],
      },
    };
  });
}

/** Global condition keys, which the simulator does not set. */
function contextOf({ arn, region, accountId }: Requester): readonly ContextEntry[] {
  const text = (key: string, value: string): ContextEntry => ({ key, values: [value], type: 'string' });
  const isUser = arn.includes(':user/');
  return [
    text('aws:PrincipalAccount', accountId),
    text('aws:PrincipalArn', arn),
    text('aws:RequestedRegion', region),
    { key: 'aws:SecureTransport', values: ['true'], type: 'boolean' },
    text('aws:userid', ANY_USER_ID),
    ...(isUser ? [text('aws:username', nameOfArn(arn))] : []),
  ];
}

export type Verdict =
  // for an Allow
  | 'allowed'
  | 'not-granted'
  | 'explicitly-denied'
  | 'boundary'
  | 'organization'
  | 'not-trusted'
  // for a Deny
  | 'denied'
  | 'not-allowed'
  | 'not-denied'
  | 'unproved'
  // for either
  | 'not-answered';

/** A question with its answer: one point of the document. */
export interface Point extends Question {
  readonly verdict: Verdict;
  /** Condition keys that the principal's policies use and whose values the check does not know. */
  readonly missingContext: readonly string[];
}

const AS_DOCUMENTED: readonly Verdict[] = ['allowed', 'denied', 'not-allowed'];

/** True if the principal has, in this point, what the document requires. */
export const isRight = ({ verdict }: Point): boolean => AS_DOCUMENTED.includes(verdict);

export function pointsOf(
  questions: readonly Question[],
  decisions: readonly SimulatedDecision[],
): readonly Point[] {
  const keyOf = ({ action, resource }: { readonly action: string; readonly resource: string }): string =>
    `${action.toLowerCase()} ${resource}`;
  const answers = new Map(decisions.map((decision) => [keyOf(decision), decision]));
  return questions.map((question) => {
    const answer = answers.get(keyOf(question));
    const verdict = answer === undefined ? 'not-answered' : verdictOf(question, answer);
    const missingContext = verdict === 'not-granted' ? (answer?.missingContext ?? []) : [];
    return { ...question, verdict, missingContext };
  });
}

function verdictOf({ effect, resource }: Question, answer: SimulatedDecision): Verdict {
  const { decision, allowedByBoundary, allowedByOrganization } = answer;
  if (effect === 'Deny') {
    if (decision === 'allowed') return 'not-denied';
    if (decision === 'explicitDeny') return 'denied';
    // No policy allows the whole wildcard; the simulation does not show a grant for a part of it, which a Deny would
    // overrule.
    return resource.includes('*') ? 'unproved' : 'not-allowed';
  }
  if (decision === 'allowed') return 'allowed';
  // If the organization denies the action, the simulation ends, and its other results mean nothing.
  if (allowedByOrganization === false) return 'organization';
  if (allowedByBoundary === false) return 'boundary';
  return decision === 'explicitDeny' ? 'explicitly-denied' : 'not-granted';
}
