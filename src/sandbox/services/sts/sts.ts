import { type ApiCall, AwsError, type Principal, type SandboxService } from '../../contracts.ts';
import { trusts } from '../../iam/trust.ts';
import { count, type Fields, requiredText } from '../../wire/fields.ts';
import { iamDescription } from '../iam/iam.ts';
import type { ServiceDescription } from '../service-description.ts';
import type { IamState, Role } from '../iam/iam-state.ts';

/** GetCallerIdentity and the sessions of roles. */
function createStsService(iam: IamState): SandboxService {
  return {
    snapshot: () => null,
    operations: {
      // AWS answers this call whatever the policies say.
      GetCallerIdentity: {
        authorize: () => [],
        run: (_input, { principal }) => ({
          Arn: principal.arn,
          UserId: principal.userId,
          Account: principal.accountId,
        }),
      },
      AssumeRole: {
        authorize: (input) => [
          { action: 'sts:AssumeRole', resource: requiredText(input, 'RoleArn', 'ValidationError') },
        ],
        run: (input, call) => assumeRole(iam, input, call),
      },
    },
  };
}

export const stsDescription: ServiceDescription = {
  name: 'sts',
  title: 'STS',
  isGlobal: true,
  wire: { kind: 'query', version: '2011-06-15', namespace: 'https://sts.amazonaws.com/doc/2011-06-15/' },
  errors: { throttling: { code: 'Throttling', status: 400 }, internal: 'InternalFailure' },
  create: (context) => createStsService(context.peer(iamDescription).state),
};

function assumeRole(iam: IamState, input: Fields, call: ApiCall): Fields {
  const arn = requiredText(input, 'RoleArn', 'ValidationError');
  const sessionName = requiredText(input, 'RoleSessionName', 'ValidationError');
  if (!/^[\w+=,.@-]{2,64}$/.test(sessionName)) {
    throw new AwsError('ValidationError', `RoleSessionName ${sessionName} is invalid`);
  }
  const role = [...iam.roles.values()].find((candidate) => candidate.arn === arn);
  if (role === undefined || !isTrusted(role, call.principal)) {
    const message = `User: ${call.principal.arn} is not authorized to perform: sts:AssumeRole on resource: ${arn}`;
    throw new AwsError('AccessDenied', message, 403);
  }
  const seconds = count(input, 'DurationSeconds') ?? 3600;
  if (seconds < 900 || seconds > role.maxSessionSeconds) {
    throw new AwsError(
      'ValidationError',
      `DurationSeconds ${seconds} is not in 900…${role.maxSessionSeconds}`,
    );
  }
  const session = iam.roleSession(role.name, sessionName, seconds * 1000);
  const principal = iam.rolePrincipal(role.name, sessionName);
  return {
    Credentials: {
      AccessKeyId: session.accessKeyId,
      SecretAccessKey: session.secretAccessKey,
      SessionToken: session.sessionToken,
      Expiration: new Date(session.expiresAt),
    },
    AssumedRoleUser: { AssumedRoleId: principal?.userId, Arn: principal?.arn },
  };
}

/** In a trust policy, the account root means every principal of the account. */
function isTrusted(role: Role, principal: Principal): boolean {
  const names = [
    'AWS:*',
    `AWS:${principal.arn}`,
    `AWS:${principal.accountId}`,
    `AWS:arn:aws:iam::${principal.accountId}:root`,
  ];
  return trusts(role.trust.document, role.arn, names, new Map([['aws:principalarn', [principal.arn]]]));
}
