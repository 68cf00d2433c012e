import { formatArn, nameOfArn } from '../../../core/arn.ts';
import {
  type AuthorizationCheck,
  AwsError,
  type Machine,
  type Operations,
  type Principal,
} from '../../contracts.ts';
import { hexId } from '../../gateway/identifiers.ts';
import { type SessionRecord, type Sessions, sessionTags } from '../../gateway/session-plan.ts';
import type { RandomBytes } from '../../random.ts';
import { paginate } from '../../wire/pages.ts';
import type { TaskTarget } from '../ecs/ecs.ts';
import { taskArn } from '../ecs/ecs-names.ts';
import { optionalCount, optionalText, requiredText, structList, textListMap } from '../members.ts';
import type { DocumentStore } from './ssm-documents.ts';
import type { InstanceRegistry } from './ssm-instances.ts';
import { planSession, type SessionDocument } from './ssm-session-documents.ts';

/** Session Manager: the permissions for sessions on each target, and the list of sessions. */

export interface SessionDeps {
  readonly region: string;
  readonly accountId: string;
  readonly randomBytes: RandomBytes;
  readonly sessions: Sessions;
  readonly documents: DocumentStore;
  readonly instances: InstanceRegistry;
  readonly findTask: (target: string) => TaskTarget | undefined;
  readonly demandedKmsKeyId: string | undefined;
}

interface Target {
  readonly roleName: string | undefined;
  readonly isConnected: boolean;
  machine(): Machine;
}

type Input = Readonly<Record<string, unknown>>;

const SESSION_ID_DIGITS = 17;
const MAX_TARGET = 400;
const MAX_REASON = 256;
const MAX_PAGE = 200;
const MINUTE_MS = 60_000;

export function sessionOperations(deps: SessionDeps): Operations {
  const sessionArn = (sessionId: string): string =>
    formatArn({
      service: 'ssm',
      region: deps.region,
      account: deps.accountId,
      resource: `session/${sessionId}`,
    });
  const sessionCheck = (action: string, input: Input): readonly AuthorizationCheck[] => {
    const sessionId = requiredText(input, 'SessionId');
    const session = deps.sessions.find(sessionId);
    return [
      {
        action: `ssm:${action}`,
        resource: sessionArn(sessionId),
        context: session === undefined ? {} : sessionTags(session),
      },
    ];
  };
  return {
    StartSession: {
      authorize: (input) => startChecks(deps, input),
      run: (input, call) => startSession(deps, input, call.principal),
    },
    ResumeSession: {
      authorize: (input) => sessionCheck('ResumeSession', input),
      run(input) {
        const sessionId = requiredText(input, 'SessionId');
        const access = deps.sessions.resume(sessionId);
        if (access === undefined)
          throw new AwsError('DoesNotExistException', `Session ${sessionId} does not exist.`);
        // An answer without a token tells the client that the session is over.
        return access === 'over' ? { SessionId: sessionId } : answer(access);
      },
    },
    TerminateSession: {
      authorize: (input) => sessionCheck('TerminateSession', input),
      run(input) {
        const sessionId = requiredText(input, 'SessionId');
        deps.sessions.terminate(sessionId);
        return { SessionId: sessionId };
      },
    },
    DescribeSessions: {
      authorize: () => [{ action: 'ssm:DescribeSessions', resource: '*' }],
      run: (input) => describeSessions(deps, input),
    },
    GetConnectionStatus: {
      authorize: (input) => [targetCheck(deps, 'GetConnectionStatus', requiredText(input, 'Target'))],
      run(input) {
        const target = requiredText(input, 'Target');
        const isConnected = findTarget(deps, target)?.isConnected === true;
        return { Target: target, Status: isConnected ? 'connected' : 'notconnected' };
      },
    },
  };
}

const answer = (access: {
  readonly sessionId: string;
  readonly streamUrl: string;
  readonly tokenValue: string;
}) => ({
  SessionId: access.sessionId,
  StreamUrl: access.streamUrl,
  TokenValue: access.tokenValue,
});

function startSession(deps: SessionDeps, input: Input, principal: Principal): unknown {
  const target = requiredText(input, 'Target');
  if (target.length > MAX_TARGET)
    throw new AwsError('ValidationException', `Target must have at most ${MAX_TARGET} characters.`);
  const reason = optionalText(input, 'Reason');
  if (reason !== undefined && reason.length > MAX_REASON)
    throw new AwsError('ValidationException', `Reason must have at most ${MAX_REASON} characters.`);
  const document = deps.documents.forSession(optionalText(input, 'DocumentName'));
  const plan = planSession(document, textListMap(input, 'Parameters'));
  const found = findTarget(deps, target);
  if (found === undefined || !found.isConnected)
    throw new AwsError('TargetNotConnected', `${target} is not connected.`);
  const access = deps.sessions.open({
    // A session id begins with the name of the caller's role session or user, not with aws:userid
    // (docs/reference/session-manager.md §4).
    sessionId: `${nameOfArn(principal.arn)}-${hexId(deps.randomBytes, SESSION_ID_DIGITS)}`,
    target,
    machine: found.machine(),
    plan,
    kmsKeyId: keyOf(document) ?? deps.demandedKmsKeyId,
    roleName: found.roleName,
    documentName: document.name,
    reason,
    owner: principal,
    ...limits(document),
  });
  return answer(access);
}

function keyOf(document: SessionDocument): string | undefined {
  const key = document.inputs['kmsKeyId'];
  return typeof key === 'string' && key !== '' ? key : undefined;
}

function limits(document: SessionDocument): { readonly idleMs?: number; readonly maxMs?: number } {
  const minutes = (name: string): number | undefined => {
    const value = Number(document.inputs[name] ?? '');
    return value > 0 ? value * MINUTE_MS : undefined;
  };
  const idleMs = minutes('idleSessionTimeout');
  const maxMs = minutes('maxSessionDuration');
  return { ...(idleMs === undefined ? {} : { idleMs }), ...(maxMs === undefined ? {} : { maxMs }) };
}

function findTarget(deps: SessionDeps, target: string): Target | undefined {
  if (target.startsWith('ecs:')) return deps.findTask(target);
  const instance = deps.instances.find(target);
  if (instance === undefined) return undefined;
  const { roleName, hasControlChannel: isConnected } = instance;
  return { roleName, isConnected, machine: () => instance.machine };
}

/**
 * The checks on the target with its tags and on the document; each must be allowed
 * (docs/reference/session-manager.md §4).
 */
function startChecks(deps: SessionDeps, input: Input): readonly AuthorizationCheck[] {
  const context = { 'ssm:SessionDocumentAccessCheck': 'true' };
  const target = targetCheck(deps, 'StartSession', requiredText(input, 'Target'));
  return [
    { ...target, context: { ...target.context, ...context } },
    {
      action: 'ssm:StartSession',
      resource: deps.documents.arn(optionalText(input, 'DocumentName')),
      context,
    },
  ];
}

function targetCheck(deps: SessionDeps, action: string, target: string): AuthorizationCheck {
  const task = target.startsWith('ecs:') ? deps.findTask(target) : undefined;
  const tags = task?.tags ?? deps.instances.find(target)?.tags() ?? {};
  return {
    action: `ssm:${action}`,
    resource: target.startsWith('ecs:')
      ? (task?.taskArn ?? taskArnOf(deps, target))
      : formatArn({
          service: 'ec2',
          region: deps.region,
          account: deps.accountId,
          resource: `instance/${target}`,
        }),
    context: Object.fromEntries(
      Object.entries(tags).flatMap(([key, value]) => [
        [`ssm:resourceTag/${key}`, value],
        [`aws:ResourceTag/${key}`, value],
      ]),
    ),
  };
}

/** The ARN that a target names, whether or not the task exists: IAM is checked before ECS. */
function taskArnOf(deps: SessionDeps, target: string): string {
  const parts = target.slice('ecs:'.length).split('_');
  const cluster = parts.slice(0, -2).join('_');
  return taskArn(deps, cluster, parts.at(-2) ?? '');
}

function describeSessions(deps: SessionDeps, input: Input): unknown {
  const state = requiredText(input, 'State');
  if (state !== 'Active' && state !== 'History')
    throw new AwsError('ValidationException', `State must be Active or History, not ${state}.`);
  const size = optionalCount(input, 'MaxResults') ?? MAX_PAGE;
  if (size < 1 || size > MAX_PAGE)
    throw new AwsError('ValidationException', `MaxResults must be between 1 and ${MAX_PAGE}.`);
  const filters = structList(input, 'Filters').map((filter) => ({
    key: requiredText(filter, 'key'),
    value: requiredText(filter, 'value'),
  }));
  const matching = deps.sessions
    .records()
    .filter((session) => (session.endedAt === undefined) === (state === 'Active'))
    .filter((session) => filters.every((filter) => matches(session, filter)));
  const page = paginate(matching, optionalText(input, 'NextToken'), size, 'InvalidNextToken');
  return { Sessions: page.items.map(sessionShape), NextToken: page.next };
}

function matches(
  session: SessionRecord,
  { key, value }: { readonly key: string; readonly value: string },
): boolean {
  switch (key) {
    case 'Target':
      return session.target === value;
    case 'Owner':
      return session.owner.arn === value;
    case 'Status':
      return session.status === value;
    case 'SessionId':
      return session.sessionId === value;
    case 'InvokedAfter':
      return session.startedAt >= Date.parse(value);
    case 'InvokedBefore':
      return session.startedAt <= Date.parse(value);
    case 'AccessType':
      return value === 'Standard';
    default:
      throw new AwsError('InvalidFilterKey', `The filter key ${key} is not valid.`);
  }
}

const sessionShape = (session: SessionRecord): unknown => ({
  SessionId: session.sessionId,
  Target: session.target,
  Status: session.status,
  StartDate: new Date(session.startedAt),
  ...(session.endedAt === undefined ? {} : { EndDate: new Date(session.endedAt) }),
  ...(session.documentName === undefined ? {} : { DocumentName: session.documentName }),
  Owner: session.owner.arn,
  ...(session.reason === undefined ? {} : { Reason: session.reason }),
  OutputUrl: {},
  AccessType: 'Standard',
});
