import { formatArn, nameOfArn, parseArn } from '../../core/arn.ts';
import type { RolePolicies } from '../../provision/ports/diagnosis.ts';
import type { Finding } from '../finding.ts';
import type { Change } from '../change.ts';
import { grantFindings } from '../iam/grant-findings.ts';
import { isRight, type Point, type Question, type Requester } from '../iam/grants.ts';
import { decideByPolicies } from '../iam/policy-decision.ts';
import { trustPoints } from '../iam/trust.ts';
import { familyOf, type JudgedTask } from './exec-definition.ts';

/** What is wrong with the role whose credentials the exec agent in a container uses. Pure. */

/** What is known of a role. */
export interface RoleFacts {
  readonly arn: string;
  /** False = IAM says that it does not exist. */
  readonly exists: boolean;
  /** Trust policy as JSON; undefined = not read. */
  readonly trust: string | undefined;
  /**
   * What the role has of the document `task-role`: answers of the simulator, or decided from its policies; undefined =
   * neither could be read.
   */
  readonly points: readonly Point[] | undefined;
  /** Actions that IAM refused to the caller while the role was read. */
  readonly denied: readonly string[];
}

const TASKS = 'ecs-tasks.amazonaws.com';
const TRUST_WANTED = JSON.stringify({
  Statement: [{ Sid: 'Tasks', Effect: 'Allow', Principal: { Service: TASKS }, Action: 'sts:AssumeRole' }],
});

/** Actions without which no agent connects; the others are for keys and logs. */
const isChannel = (action: string): boolean => action.startsWith('ssmmessages:');

export interface RolesJudged extends JudgedTask {
  /** Undefined = the task has no task role. */
  readonly taskRole: RoleFacts | undefined;
  /** Undefined = the task has none, or it is the task role, or it was not needed. */
  readonly executionRole: RoleFacts | undefined;
  /** What a new task role has to allow. */
  readonly wanted: readonly Question[];
  readonly requester: Requester;
}

/** Whether the task role exists, trusts ECS and grants what the agent in the container calls. */
export function taskRoleFindings(judged: RolesJudged): readonly Finding[] {
  const { taskRole, definition } = judged;
  const taskDefinition = nameOfArn(definition.arn);
  const afterwards = newTasks(judged);
  if (taskRole === undefined || !taskRole.exists) {
    const fixes = [[...newRole(judged), ...afterwards]];
    const missing: Finding =
      taskRole === undefined
        ? {
            id: 'task-role-missing',
            severity: 'blocking',
            evidence: { taskDefinition, executionRole: nameOf(definition.executionRoleArn) },
            fixes,
          }
        : {
            id: 'task-role-gone',
            severity: 'blocking',
            evidence: { taskDefinition, role: nameOfArn(taskRole.arn) },
            fixes,
          };
    return [missing, ...confusedWithExecutionRole(judged)];
  }
  const role = nameOfArn(taskRole.arn);
  const lacking = lacksChannels(taskRole);
  return [
    ...trustFindings(taskRole, afterwards),
    ...grantsOf(taskRole, judged, afterwards),
    ...(lacking ? confusedWithExecutionRole(judged) : []),
    ...(definition.executionRoleArn === taskRole.arn && role !== ''
      ? [
          {
            id: 'task-role-is-execution-role',
            severity: 'warning',
            evidence: { role, taskDefinition },
            fixes: [[...newRole(judged), ...afterwards]],
          } as const,
        ]
      : []),
  ];
}

const nameOf = (arn: string | undefined): string | undefined =>
  arn === undefined ? undefined : nameOfArn(arn);

const lacksChannels = ({ points }: RoleFacts): boolean =>
  points?.some((point) => isChannel(point.action) && !isRight(point)) === true;

/** New tasks, because a refused agent does not try again at once, and a task keeps its role and its definition. */
function newTasks({ redeploy, definition }: JudgedTask): readonly Change[] {
  const family = familyOf(nameOfArn(definition.arn));
  return redeploy === undefined ? [] : [{ ...redeploy, family }];
}

function trustFindings({ arn, denied, trust }: RoleFacts, afterwards: readonly Change[]): readonly Finding[] {
  if (trust === undefined) {
    if (!denied.includes('iam:GetRole')) return [];
    const what = `whether ECS may assume role ${nameOfArn(arn)}`;
    const evidence = { action: 'iam:GetRole', what };
    return [{ id: 'not-allowed-to-read', severity: 'could-not-tell', evidence, fixes: [] }];
  }
  const points = trustPoints(TRUST_WANTED, trust);
  const mayWork = points.some(
    ({ verdict, missingContext }) => verdict === 'allowed' || missingContext.length > 0,
  );
  if (mayWork) return [];
  const role = nameOfArn(arn);
  const change = { kind: 'trust-service', role, service: TASKS, actions: ['sts:AssumeRole'] } as const;
  return [
    {
      id: 'task-role-untrusted',
      severity: 'blocking',
      evidence: { role, service: TASKS },
      fixes: [[change, ...afterwards.map(withoutFamily)]],
    },
  ];
}

/** The task definition stays as it is when only a policy changes. */
const withoutFamily = (change: Change): Change =>
  change.kind === 'redeploy-service' ? { ...change, family: undefined } : change;

function grantsOf(role: RoleFacts, judged: RolesJudged, afterwards: readonly Change[]): readonly Finding[] {
  if (role.points === undefined) {
    const actions = [...new Set(judged.wanted.map(({ action }) => action))];
    return [
      {
        id: 'role-not-readable',
        severity: 'could-not-tell',
        evidence: { principal: role.arn, actions, denied: role.denied },
        fixes: [],
      },
    ];
  }
  // Sharing a role with the platform is a mistake of its own: the grant belongs into a role of the application.
  const shared = judged.definition.executionRoleArn === role.arn;
  return grantFindings(role.arn, role.points).map((finding): Finding => {
    const fixes = finding.fixes.map((fix) => [...fix, ...afterwards.map(withoutFamily)]);
    const separated = shared && finding.id === 'action-not-granted';
    return { ...finding, fixes: separated ? [[...newRole(judged), ...afterwards], ...fixes] : fixes };
  });
}

function confusedWithExecutionRole({ executionRole, taskRole }: RolesJudged): readonly Finding[] {
  const points = executionRole?.points?.filter(({ action }) => isChannel(action)) ?? [];
  if (executionRole === undefined || points.length === 0 || !points.every(isRight)) return [];
  return [
    {
      id: 'exec-granted-to-execution-role',
      severity: 'warning',
      evidence: {
        executionRole: nameOfArn(executionRole.arn),
        taskRole: nameOf(taskRole?.arn),
        actions: [...new Set(points.map(({ action }) => action))],
      },
      fixes: [],
    },
  ];
}

/** A role for the tasks of this definition alone, with what ECS Exec needs. */
function newRole({ definition, wanted, requester }: RolesJudged): readonly Change[] {
  const taskDefinition = nameOfArn(definition.arn);
  const partition = parseArn(definition.arn)?.partition ?? 'aws';
  const role = `${familyOf(taskDefinition)}-task`;
  const arn = formatArn({
    partition,
    service: 'iam',
    region: '',
    account: requester.accountId,
    resource: `role/${role}`,
  });
  const { accountId: account, region } = requester;
  return [
    { kind: 'create-task-role', role, account, region, partition },
    ...statementsOf(wanted).map((same): Change => ({
      kind: 'allow-actions',
      principal: arn,
      policy: 'identity',
      statement: same[0]?.statement,
      actions: [...new Set(same.map(({ action }) => action))],
      resources: [...new Set(same.map(({ resource }) => resource))],
      when: [],
    })),
    { kind: 'register-task-definition', taskDefinition, changes: { taskRole: arn } },
  ];
}

function statementsOf(questions: readonly Question[]): readonly (readonly Question[])[] {
  const bySid = new Map<string, Question[]>();
  for (const question of questions)
    bySid.set(question.statement, [...(bySid.get(question.statement) ?? []), question]);
  return [...bySid.values()];
}

/**
 * The points as the policies of the role decide them, for callers that may read policies and not simulate. Service
 * control policies are not visible to them.
 */
export function pointsByPolicies(
  questions: readonly Question[],
  { documents, boundary }: RolePolicies,
  requester: Requester,
): readonly Point[] {
  const context = {
    'aws:requestedregion': requester.region,
    'aws:principalaccount': requester.accountId,
    'aws:principalarn': requester.arn,
    'aws:securetransport': 'true',
  };
  return questions.map((question): Point => {
    const request = { action: question.action, resource: question.resource, context };
    const identity = decideByPolicies(documents, request);
    const limit = boundary === undefined ? undefined : decideByPolicies([boundary], request);
    const unknown = [...identity.unknownKeys, ...(limit?.unknownKeys ?? [])];
    const open = [identity, limit].some((each) => each?.decision === 'undecided');
    const denied = [identity, limit].some((each) => each?.decision === 'explicitly-denied');
    if (denied) return { ...question, verdict: 'explicitly-denied', missingContext: [] };
    if (identity.decision === 'not-granted')
      return { ...question, verdict: 'not-granted', missingContext: [] };
    if (limit?.decision === 'not-granted') return { ...question, verdict: 'boundary', missingContext: [] };
    if (open) return { ...question, verdict: 'not-granted', missingContext: unknown };
    return { ...question, verdict: 'allowed', missingContext: [] };
  });
}
