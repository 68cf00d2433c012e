import {
  AddRoleToInstanceProfileCommand,
  AttachRolePolicyCommand,
  CreateInstanceProfileCommand,
  CreatePolicyCommand,
  CreateRoleCommand,
  CreateServiceLinkedRoleCommand,
  DeleteInstanceProfileCommand,
  DeletePolicyCommand,
  DeleteRoleCommand,
  DeleteRolePolicyCommand,
  DetachRolePolicyCommand,
  GetInstanceProfileCommand,
  GetPolicyVersionCommand,
  GetRoleCommand,
  GetRolePolicyCommand,
  ListAttachedRolePoliciesCommand,
  ListEntitiesForPolicyCommand,
  ListInstanceProfilesForRoleCommand,
  ListPoliciesCommand,
  ListRolesCommand,
  ListRoleTagsCommand,
  paginateListRoles,
  PutRolePolicyCommand,
  RemoveRoleFromInstanceProfileCommand,
  SimulatePrincipalPolicyCommand,
  TagRoleCommand,
} from '@aws-sdk/client-iam';
import { AssumeRoleCommand, GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../../../src/sandbox/sandbox.ts';
import { errorName, sandboxClients } from '../../../support/sandbox-clients.ts';

let sandbox: Sandbox;
let clients: ReturnType<typeof sandboxClients>;
beforeAll(async () => {
  sandbox = await startSandbox({});
  clients = sandboxClients(sandbox.env);
});
afterAll(() => sandbox.close());

const ACCOUNT = '111122223333';
const TRUST = (principal: object) =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: principal, Action: 'sts:AssumeRole' }],
  });
const EC2 = TRUST({ Service: 'ec2.amazonaws.com' });
const allow = (...Action: string[]) =>
  JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action, Resource: '*' }] });
const iam = (command: never) => clients.iam.send(command);
const failure = (command: object) => errorName(iam(command as never));
const role = (RoleName: string, more: object = {}) =>
  clients.iam.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: EC2, ...more }));

describe('roles', () => {
  test('keep path, tags, boundary and documents exactly as sent', async () => {
    const { Policy } = await clients.iam.send(
      new CreatePolicyCommand({ PolicyName: 'boundary', Path: '/fc/', PolicyDocument: allow('ssm:*') }),
    );
    await role('kept', {
      Path: '/fc/',
      Tags: [{ Key: 'a', Value: 'b' }],
      PermissionsBoundary: Policy!.Arn,
    });
    await clients.iam.send(
      new PutRolePolicyCommand({
        RoleName: 'kept',
        PolicyName: 'p',
        PolicyDocument: allow('ssm:GetParameter'),
      }),
    );
    const { Role } = await clients.iam.send(new GetRoleCommand({ RoleName: 'kept' }));
    expect(Role).toMatchObject({
      Arn: `arn:aws:iam::${ACCOUNT}:role/fc/kept`,
      Tags: [{ Key: 'a', Value: 'b' }],
      PermissionsBoundary: { PermissionsBoundaryArn: Policy!.Arn },
    });
    expect(decodeURIComponent(Role!.AssumeRolePolicyDocument!)).toBe(EC2);
    const inline = await clients.iam.send(new GetRolePolicyCommand({ RoleName: 'kept', PolicyName: 'p' }));
    expect(decodeURIComponent(inline.PolicyDocument!)).toBe(allow('ssm:GetParameter'));
    const version = await clients.iam.send(
      new GetPolicyVersionCommand({ PolicyArn: Policy!.Arn, VersionId: 'v1' }),
    );
    expect(decodeURIComponent(version.PolicyVersion!.Document!)).toBe(allow('ssm:*'));
    const bounded = await clients.iam.send(
      new ListEntitiesForPolicyCommand({ PolicyArn: Policy!.Arn, PolicyUsageFilter: 'PermissionsBoundary' }),
    );
    expect(bounded.PolicyRoles!.map((item) => item.RoleName)).toEqual(['kept']);
    expect(await failure(new DeletePolicyCommand({ PolicyArn: Policy!.Arn }))).toBe(
      'DeleteConflictException',
    );
    await clients.iam.send(new TagRoleCommand({ RoleName: 'kept', Tags: [{ Key: 'c', Value: 'd' }] }));
    const { Tags } = await clients.iam.send(new ListRoleTagsCommand({ RoleName: 'kept' }));
    expect(Tags).toHaveLength(2);
  });

  test('are listed by path, in pages', async () => {
    const { Roles } = await clients.iam.send(new ListRolesCommand({ PathPrefix: '/aws-service-role/' }));
    expect(Roles!.map((item) => item.RoleName)).toEqual(['AWSServiceRoleForEC2Spot', 'AWSServiceRoleForECS']);
    const names: string[] = [];
    for await (const page of paginateListRoles({ client: clients.iam, pageSize: 3 }, {})) {
      expect(page.Roles!.length).toBeLessThanOrEqual(3);
      names.push(...page.Roles!.map((item) => item.RoleName!));
    }
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBeGreaterThan(10);
  });

  test('can be deleted only in the order of AWS', async () => {
    const RoleName = 'ordered';
    const InstanceProfileName = 'ordered';
    await role(RoleName);
    await clients.iam.send(
      new PutRolePolicyCommand({ RoleName, PolicyName: 'p', PolicyDocument: allow('a:B') }),
    );
    const PolicyArn = 'arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore';
    await clients.iam.send(new AttachRolePolicyCommand({ RoleName, PolicyArn }));
    await clients.iam.send(new CreateInstanceProfileCommand({ InstanceProfileName }));
    await clients.iam.send(new AddRoleToInstanceProfileCommand({ RoleName, InstanceProfileName }));
    expect(await failure(new AddRoleToInstanceProfileCommand({ RoleName, InstanceProfileName }))).toBe(
      'LimitExceededException',
    );
    const attached = await clients.iam.send(new ListAttachedRolePoliciesCommand({ RoleName }));
    expect(attached.AttachedPolicies![0]!.PolicyName).toBe('AmazonSSMManagedInstanceCore');
    const profiles = await clients.iam.send(new ListInstanceProfilesForRoleCommand({ RoleName }));
    expect(profiles.InstanceProfiles![0]!.InstanceProfileName).toBe(InstanceProfileName);
    const remove = new DeleteRoleCommand({ RoleName });
    expect(await failure(remove)).toBe('DeleteConflictException');
    expect(await failure(new DeleteInstanceProfileCommand({ InstanceProfileName }))).toBe(
      'DeleteConflictException',
    );
    await clients.iam.send(new RemoveRoleFromInstanceProfileCommand({ RoleName, InstanceProfileName }));
    expect(await failure(remove)).toBe('DeleteConflictException');
    await clients.iam.send(new DetachRolePolicyCommand({ RoleName, PolicyArn }));
    expect(await failure(remove)).toBe('DeleteConflictException');
    await clients.iam.send(new DeleteRolePolicyCommand({ RoleName, PolicyName: 'p' }));
    await clients.iam.send(remove);
    await clients.iam.send(new DeleteInstanceProfileCommand({ InstanceProfileName }));
    expect(await failure(new GetRoleCommand({ RoleName }))).toBe('NoSuchEntityException');
    expect(await failure(new GetInstanceProfileCommand({ InstanceProfileName }))).toBe(
      'NoSuchEntityException',
    );
  });

  test.each([
    ['an existing name', { RoleName: 'billing-task' }, 'EntityAlreadyExistsException'],
    ['an invalid trust document', { AssumeRolePolicyDocument: '{}' }, 'MalformedPolicyDocumentException'],
    [
      'a trust document with a resource',
      { AssumeRolePolicyDocument: allow('sts:AssumeRole') },
      'MalformedPolicyDocumentException',
    ],
    [
      'a trust document that is too long',
      {
        AssumeRolePolicyDocument: TRUST({
          AWS: Array.from({ length: 99 }, (_, i) => `arn:aws:iam::${ACCOUNT}:role/r${i}`),
        }),
      },
      'LimitExceededException',
    ],
    [
      'an unknown boundary',
      { PermissionsBoundary: `arn:aws:iam::${ACCOUNT}:policy/none` },
      'NoSuchEntityException',
    ],
    ['a name with a slash', { RoleName: 'a/b' }, 'ValidationError'],
    ['a path without its slashes', { Path: 'x' }, 'ValidationError'],
  ])('%s is refused', async (_what, change, code) => {
    const command = new CreateRoleCommand({ RoleName: 'refused', AssumeRolePolicyDocument: EC2, ...change });
    expect(await failure(command)).toBe(code);
  });

  test('a malformed or oversized inline policy is rejected and changes nothing', async () => {
    await role('inline');
    const put = (PolicyDocument: string) =>
      failure(new PutRolePolicyCommand({ RoleName: 'inline', PolicyName: 'p', PolicyDocument }));
    expect(
      await put('{"Version":"2012-10-17","Statement":[{"Effect":"Alow","Action":"*","Resource":"*"}]}'),
    ).toBe('MalformedPolicyDocumentException');
    expect(await put(allow(...Array.from({ length: 1200 }, (_, i) => `ssm:Action${i}`)))).toBe(
      'LimitExceededException',
    );
    expect(await failure(new GetRolePolicyCommand({ RoleName: 'inline', PolicyName: 'p' }))).toBe(
      'NoSuchEntityException',
    );
  });

  test('a service-linked role is created once, by the name of its service', async () => {
    const create = (AWSServiceName: string) =>
      failure(new CreateServiceLinkedRoleCommand({ AWSServiceName }));
    expect(await create('spot.amazonaws.com')).toBe('InvalidInputException');
    sandbox.faults.removeSpotServiceLinkedRole();
    expect(await create('spot.amazonaws.com')).toBe('resolved');
    expect(await failure(new DeleteRoleCommand({ RoleName: 'AWSServiceRoleForEC2Spot' }))).toBe(
      'UnmodifiableEntityException',
    );
  });
});

describe('enforcement', () => {
  const user = (userName: string, policies: readonly unknown[], boundary?: unknown) =>
    sandboxClients(
      sandbox.createPrincipal({ userName, policies, ...(boundary === undefined ? {} : { boundary }) }),
    );

  test('an AccessDenied error names principal, action and resource', async () => {
    const { iam } = user('nobody', []);
    await expect(iam.send(new GetRoleCommand({ RoleName: 'billing-task' }))).rejects.toMatchObject({
      name: 'AccessDenied',
      $metadata: { httpStatusCode: 403 },
      message:
        `User: arn:aws:iam::${ACCOUNT}:user/nobody is not authorized to perform: iam:GetRole on resource: ` +
        `arn:aws:iam::${ACCOUNT}:role/billing-task because no identity-based policy allows the iam:GetRole action`,
    });
    expect(sandbox.calls.at(-1)).toMatchObject({
      service: 'iam',
      action: 'GetRole',
      outcome: 'AccessDenied',
      checks: [{ action: 'iam:GetRole', allowed: false, by: undefined }],
    });
  });

  test("a user's boundary applies, and PassRole is allowed to EC2 only", async () => {
    const everything = JSON.parse(allow('*')) as unknown;
    const bounded = user('bounded', [everything], JSON.parse(allow('iam:GetRole')));
    expect(await errorName(bounded.iam.send(new GetRoleCommand({ RoleName: 'billing-task' })))).toBe(
      'resolved',
    );
    expect(await errorName(bounded.iam.send(new ListRolesCommand({})))).toBe('AccessDenied');
    const passing = (service: string) => ({
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Action: ['iam:CreateInstanceProfile', 'iam:AddRoleToInstanceProfile'],
          Resource: '*',
        },
        {
          Effect: 'Allow',
          Action: 'iam:PassRole',
          Resource: '*',
          Condition: { StringEquals: { 'iam:PassedToService': service } },
        },
      ],
    });
    const attempt = async (service: string): Promise<string> => {
      const { iam } = user(service.replaceAll('.', '-'), [passing(service)]);
      const InstanceProfileName = `pass-${service}`;
      await iam.send(new CreateInstanceProfileCommand({ InstanceProfileName }));
      return errorName(
        iam.send(new AddRoleToInstanceProfileCommand({ InstanceProfileName, RoleName: 'billing-task' })),
      );
    };
    expect(await attempt('ec2.amazonaws.com')).toBe('resolved');
    expect(await attempt('ecs-tasks.amazonaws.com')).toBe('AccessDenied');
  });

  test('a role session has the permissions of the role within its boundary, as soon as they change', async () => {
    const { Policy } = await clients.iam.send(
      new CreatePolicyCommand({ PolicyName: 'only-iam', PolicyDocument: allow('iam:*') }),
    );
    await role('session', {
      AssumeRolePolicyDocument: TRUST({ AWS: `arn:aws:iam::${ACCOUNT}:root` }),
      PermissionsBoundary: Policy!.Arn,
    });
    const { Credentials } = await clients.sts.send(
      new AssumeRoleCommand({ RoleArn: `arn:aws:iam::${ACCOUNT}:role/session`, RoleSessionName: 'ada' }),
    );
    const session = sandboxClients({
      ...sandbox.env,
      AWS_ACCESS_KEY_ID: Credentials!.AccessKeyId!,
      AWS_SECRET_ACCESS_KEY: Credentials!.SecretAccessKey!,
      AWS_SESSION_TOKEN: Credentials!.SessionToken!,
    });
    const who = await session.sts.send(new GetCallerIdentityCommand({}));
    expect(who.UserId).toMatch(/^AROA[A-Z2-7]{17}:ada$/);
    const ask = () => errorName(session.iam.send(new GetRoleCommand({ RoleName: 'session' })));
    expect(await ask()).toBe('AccessDenied');
    await clients.iam.send(
      new PutRolePolicyCommand({ RoleName: 'session', PolicyName: 'p', PolicyDocument: allow('*') }),
    );
    expect(await ask()).toBe('resolved');
    expect(
      await errorName(
        session.sts.send(
          new AssumeRoleCommand({ RoleArn: `arn:aws:iam::${ACCOUNT}:role/session`, RoleSessionName: 'x1' }),
        ),
      ),
    ).toBe('AccessDenied');
  });

  test('only trusted principals can assume a role', async () => {
    const assume = new AssumeRoleCommand({
      RoleArn: `arn:aws:iam::${ACCOUNT}:role/billing-task`,
      RoleSessionName: 'ada',
    });
    expect(await errorName(clients.sts.send(assume))).toBe('AccessDenied');
  });

  test('the simulator gives results for a role, with context entries', async () => {
    await role('simulated');
    const document = JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Action: 'ecs:ExecuteCommand',
          Resource: '*',
          Condition: { StringEquals: { 'ecs:container-name': 'app' } },
        },
        { Effect: 'Deny', Action: 'ssm:StartSession', Resource: '*' },
      ],
    });
    await clients.iam.send(
      new PutRolePolicyCommand({ RoleName: 'simulated', PolicyName: 'p', PolicyDocument: document }),
    );
    const { EvaluationResults } = await clients.iam.send(
      new SimulatePrincipalPolicyCommand({
        PolicySourceArn: `arn:aws:iam::${ACCOUNT}:role/simulated`,
        ActionNames: ['ecs:ExecuteCommand', 'ssm:StartSession', 'ec2:RunInstances'],
        ContextEntries: [
          { ContextKeyName: 'ecs:container-name', ContextKeyValues: ['app'], ContextKeyType: 'string' },
        ],
      }),
    );
    expect(EvaluationResults!.map((result) => result.EvalDecision)).toEqual([
      'allowed',
      'explicitDeny',
      'implicitDeny',
    ]);
  });

  test('policies of AWS are listed separately from those of the account', async () => {
    const { Policies } = await clients.iam.send(new ListPoliciesCommand({ Scope: 'Local' }));
    expect(Policies!.every((policy) => policy.Arn!.includes(ACCOUNT))).toBe(true);
  });
});
