import {
  GetUserCommand,
  SimulatePrincipalPolicyCommand,
  type SimulatePrincipalPolicyRequest,
} from '@aws-sdk/client-iam';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';

import { errorName, sandboxClients } from '../../../support/sandbox-clients.ts';
import { testSandbox } from '../../../support/test-sandbox.ts';
import { reportSkip } from '../../../support/on-path.ts';

/** The HTTP API of the policy simulator: the SDK and the official CLI read its responses. */

const sandbox = testSandbox();
const ACCOUNT = '111122223333';
const TASK = `arn:aws:ecs:eu-west-1:${ACCOUNT}:task/demo/1`;
const OTHER = `arn:aws:ecs:eu-west-1:${ACCOUNT}:task/other/1`;
const allow = (Action: string, more: object = {}) => ({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action, Resource: '*', ...more }],
});

let users = 0;
function user(policies: readonly unknown[], boundary?: unknown): string {
  const userName = `simulated-${++users}`;
  sandbox().createPrincipal({ userName, policies, boundary });
  return `arn:aws:iam::${ACCOUNT}:user/${userName}`;
}

const simulate = (PolicySourceArn: string, rest: Partial<SimulatePrincipalPolicyRequest>) =>
  sandboxClients(sandbox().env).iam.send(
    new SimulatePrincipalPolicyCommand({ PolicySourceArn, ActionNames: ['ecs:ExecuteCommand'], ...rest }),
  );

describe('SimulatePrincipalPolicy', () => {
  test('returns the result for one resource at the top level, and for several resources separately', async () => {
    const arn = user([allow('ecs:ExecuteCommand', { Resource: TASK })]);
    const one = await simulate(arn, { ResourceArns: [TASK] });
    expect(one.EvaluationResults).toMatchObject([
      { EvalActionName: 'ecs:ExecuteCommand', EvalResourceName: TASK, EvalDecision: 'allowed' },
    ]);
    expect(one.EvaluationResults?.[0]?.ResourceSpecificResults).toBeUndefined();
    const two = await simulate(arn, { ResourceArns: [TASK, OTHER] });
    expect(two.EvaluationResults).toMatchObject([
      {
        EvalDecision: 'implicitDeny',
        ResourceSpecificResults: [
          { EvalResourceName: TASK, EvalResourceDecision: 'allowed' },
          { EvalResourceName: OTHER, EvalResourceDecision: 'implicitDeny' },
        ],
      },
    ]);
  });

  test('names the context keys that statements need and the request does not give', async () => {
    const arn = user([
      allow('ecs:ExecuteCommand', { Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } } }),
    ]);
    const blind = await simulate(arn, {});
    expect(blind.EvaluationResults).toMatchObject([
      { EvalDecision: 'implicitDeny', MissingContextValues: ['aws:SourceIp'] },
    ]);
    const ContextEntries = [
      { ContextKeyName: 'aws:sourceip', ContextKeyValues: ['10.1.2.3'], ContextKeyType: 'ip' as const },
    ];
    const seeing = await simulate(arn, { ContextEntries });
    expect(seeing.EvaluationResults?.[0]?.EvalDecision).toBe('allowed');
    expect(seeing.EvaluationResults?.[0]?.MissingContextValues ?? []).toEqual([]);
  });

  test('reports the decision of a boundary', async () => {
    const detail = async (arn: string) => {
      const { EvaluationResults } = await simulate(arn, {});
      const { EvalDecision, PermissionsBoundaryDecisionDetail } = EvaluationResults?.[0] ?? {};
      return [EvalDecision, PermissionsBoundaryDecisionDetail?.AllowedByPermissionsBoundary];
    };
    const [exec, other] = [allow('ecs:ExecuteCommand'), allow('s3:GetObject')];
    expect(await detail(user([exec], other))).toEqual(['implicitDeny', false]);
    expect(await detail(user([other], exec))).toEqual(['implicitDeny', true]);
    expect(await detail(user([exec]))).toEqual(['allowed', undefined]);
  });

  test('adds the policies of the request, and replaces the boundary by that of the request', async () => {
    const arn = user([allow('s3:GetObject')], allow('s3:GetObject'));
    const given = {
      PolicyInputList: [JSON.stringify(allow('ecs:ExecuteCommand'))],
      PermissionsBoundaryPolicyInputList: [JSON.stringify(allow('ecs:*'))],
    };
    const { EvaluationResults } = await simulate(arn, given);
    expect(EvaluationResults?.[0]?.EvalDecision).toBe('allowed');
  });

  test.each<[string, string, Partial<SimulatePrincipalPolicyRequest>]>([
    ['NoSuchEntityException', `arn:aws:iam::${ACCOUNT}:role/nobody`, {}],
    ['InvalidInputException', `arn:aws:sts::${ACCOUNT}:assumed-role/task/session`, {}],
    ['InvalidInputException', `arn:aws:iam::${ACCOUNT}:root`, {}],
    [
      'InvalidInputException',
      `arn:aws:iam::${ACCOUNT}:user/simulated-1`,
      { CallerArn: `arn:aws:iam::${ACCOUNT}:user/x` },
    ],
    ['InvalidInputException', `arn:aws:iam::${ACCOUNT}:user/simulated-1`, { ActionNames: ['ecs:*'] }],
  ])('fails with %s for %s', async (name, arn, rest) => {
    expect(await errorName(simulate(arn, rest))).toBe(name);
  });

  test('needs permission itself, and so does GetUser', async () => {
    const arn = user([]);
    const env = sandbox().createPrincipal({ userName: 'asks', policies: [allow('iam:ListRoles')] });
    const { iam } = sandboxClients(env);
    const simulation = { PolicySourceArn: arn, ActionNames: ['s3:GetObject'] };
    expect(await errorName(iam.send(new SimulatePrincipalPolicyCommand(simulation)))).toBe('AccessDenied');
    expect(await errorName(iam.send(new GetUserCommand({ UserName: 'asks' })))).toBe('AccessDenied');
    const admin = sandboxClients(sandbox().env).iam;
    const { User } = await admin.send(new GetUserCommand({ UserName: 'asks' }));
    expect(User).toMatchObject({ Arn: `arn:aws:iam::${ACCOUNT}:user/asks`, UserName: 'asks' });
    expect(await errorName(admin.send(new GetUserCommand({ UserName: 'nobody' })))).toBe(
      'NoSuchEntityException',
    );
  });
});

const installed = await execa('aws', ['--version'], { reject: false });
if (installed.failed) reportSkip('the policy simulator with the official AWS CLI', 'aws is not on PATH');

test.skipIf(installed.failed)('the official CLI reads the same result', async () => {
  const arn = user([allow('ecs:ExecuteCommand', { Resource: TASK })], allow('s3:GetObject'));
  const context = 'ContextKeyName=aws:userid,ContextKeyValues=ada,ContextKeyType=string';
  const { stdout } = await execa({
    env: { ...sandbox().env, AWS_PAGER: '', AWS_CONFIG_FILE: '/dev/null' },
  })`aws iam simulate-principal-policy --output json --policy-source-arn ${arn} --action-names ecs:ExecuteCommand s3:GetObject --resource-arns ${TASK} ${OTHER} --context-entries ${context}`;
  const { EvaluationResults } = JSON.parse(stdout) as { EvaluationResults: unknown };
  expect(EvaluationResults).toMatchObject([
    {
      EvalActionName: 'ecs:ExecuteCommand',
      EvalDecision: 'implicitDeny',
      ResourceSpecificResults: [
        {
          EvalResourceName: TASK,
          PermissionsBoundaryDecisionDetail: { AllowedByPermissionsBoundary: false },
        },
        { EvalResourceName: OTHER },
      ],
    },
    { EvalActionName: 's3:GetObject', EvalDecision: 'implicitDeny' },
  ]);
});
