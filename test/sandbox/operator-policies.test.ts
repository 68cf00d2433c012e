import { CreatePolicyCommand } from '@aws-sdk/client-iam';
import { DescribeInstancesCommand, DescribeVpcsCommand, RunInstancesCommand } from '@aws-sdk/client-ec2';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { ARM_IMAGE, bringUp, DATABASE_GROUP, SUBNET_A, tearDown, VPC } from '../support/bastion-launch.ts';
import { errorName, sandboxClients } from '../support/sandbox-clients.ts';

/**
 * A least-privilege operator, modelled on Karpenter's published controller policy (docs/reference/iam.md §7): such a
 * policy must grant everything for which the sandbox asks IAM. The tool's own policies are proved by their own tests.
 */

const ACCOUNT = 'arn:aws:ec2:eu-west-1:111122223333:';
const STACK = { 'aws:RequestTag/fargate-connect:stack': 'demo' };
const OWN = { 'aws:ResourceTag/fargate-connect:stack': 'demo' };
const ROLES = 'arn:aws:iam::111122223333:role/fargate-connect/*';
const PROFILES = 'arn:aws:iam::111122223333:instance-profile/fargate-connect/*';
const BOUNDARY = 'arn:aws:iam::111122223333:policy/fargate-connect/boundary';
const created = [
  'fleet',
  'instance',
  'volume',
  'network-interface',
  'spot-instances-request',
  'launch-template',
];
const on = (...types: readonly string[]) => types.map((type) => `${ACCOUNT}${type}/*`);

interface Grant {
  readonly Action: readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition?: object;
}

const GRANTS: readonly Grant[] = [
  {
    Action: ['ec2:DescribeInstances'],
    Resource: '*',
    Condition: { StringEquals: { 'aws:RequestedRegion': 'eu-west-1' } },
  },
  {
    Action: ['ec2:RunInstances', 'ec2:CreateFleet'],
    Resource: 'arn:aws:ec2:eu-west-1::image/*',
    Condition: { StringEquals: { 'ec2:Owner': 'amazon' } },
  },
  { Action: ['ec2:RunInstances'], Resource: 'arn:aws:ec2:eu-west-1::snapshot/*' },
  {
    Action: ['ec2:RunInstances', 'ec2:CreateFleet'],
    Resource: on('subnet'),
    Condition: { ArnEquals: { 'ec2:Vpc': `${ACCOUNT}vpc/${VPC}` } },
  },
  { Action: ['ec2:RunInstances'], Resource: on('security-group'), Condition: { StringEquals: OWN } },
  {
    Action: ['ec2:RunInstances', 'ec2:CreateFleet'],
    Resource: on('launch-template'),
    Condition: { StringEquals: OWN },
  },
  {
    Action: ['ec2:RunInstances', 'ec2:CreateFleet', 'ec2:CreateLaunchTemplate'],
    Resource: on(...created),
    Condition: { StringEquals: STACK },
  },
  { Action: ['ec2:CreateSecurityGroup'], Resource: `${ACCOUNT}vpc/${VPC}` },
  { Action: ['ec2:CreateSecurityGroup'], Resource: on('security-group'), Condition: { StringEquals: STACK } },
  {
    Action: ['ec2:CreateTags'],
    Resource: on(...created, 'security-group', 'security-group-rule'),
    Condition: {
      StringEquals: {
        ...STACK,
        'ec2:CreateAction': [
          'RunInstances',
          'CreateFleet',
          'CreateLaunchTemplate',
          'CreateSecurityGroup',
          'AuthorizeSecurityGroupEgress',
          'AuthorizeSecurityGroupIngress',
        ],
      },
    },
  },
  {
    Action: ['ec2:AuthorizeSecurityGroupEgress', 'ec2:RevokeSecurityGroupEgress', 'ec2:DeleteSecurityGroup'],
    Resource: on('security-group'),
    Condition: { StringEquals: OWN },
  },
  {
    Action: ['ec2:AuthorizeSecurityGroupEgress', 'ec2:AuthorizeSecurityGroupIngress'],
    Resource: on('security-group-rule'),
    Condition: { StringEquals: STACK },
  },
  {
    Action: ['ec2:AuthorizeSecurityGroupIngress', 'ec2:RevokeSecurityGroupIngress'],
    Resource: `${ACCOUNT}security-group/${DATABASE_GROUP}`,
  },
  {
    Action: ['ec2:TerminateInstances', 'ec2:DeleteLaunchTemplate', 'ec2:DeleteFleets'],
    Resource: on('instance', 'launch-template', 'fleet'),
    Condition: { StringEquals: OWN },
  },
  {
    Action: ['iam:CreateRole'],
    Resource: ROLES,
    Condition: { StringEquals: { 'iam:PermissionsBoundary': BOUNDARY, ...STACK } },
  },
  {
    Action: ['iam:PutRolePolicy', 'iam:DeleteRolePolicy', 'iam:DeleteRole'],
    Resource: ROLES,
    Condition: { StringEquals: { 'iam:PermissionsBoundary': BOUNDARY } },
  },
  { Action: ['iam:TagRole'], Resource: ROLES, Condition: { StringEquals: STACK } },
  {
    Action: ['iam:CreateInstanceProfile', 'iam:TagInstanceProfile'],
    Resource: PROFILES,
    Condition: { StringEquals: STACK },
  },
  {
    Action: [
      'iam:AddRoleToInstanceProfile',
      'iam:RemoveRoleFromInstanceProfile',
      'iam:DeleteInstanceProfile',
    ],
    Resource: PROFILES,
    Condition: { StringEquals: OWN },
  },
  {
    Action: ['iam:PassRole'],
    Resource: ROLES,
    Condition: { StringEquals: { 'iam:PassedToService': 'ec2.amazonaws.com' } },
  },
];

const document = (grants: readonly Grant[]) => ({
  Version: '2012-10-17',
  Statement: grants.map((grant) => ({ Effect: 'Allow', ...grant })),
});

/** Each action of each statement once, with the policy that lacks only this action. */
const REMOVALS = GRANTS.flatMap((grant, index) =>
  grant.Action.map((action) => ({
    action,
    resource: [grant.Resource].flat().join(' ').replaceAll(ACCOUNT, ''),
    grants: GRANTS.flatMap((other, at) => {
      if (at !== index) return [other];
      const Action = other.Action.filter((name) => name !== action);
      return Action.length === 0 ? [] : [{ ...other, Action }];
    }),
  })),
);

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await startSandbox({
    timing: { profilePropagationMs: 0, instancePendingMs: 1, instanceShutdownMs: 1 },
  });
  await sandboxClients(sandbox.env).iam.send(
    new CreatePolicyCommand({
      PolicyName: 'boundary',
      Path: '/fargate-connect/',
      PolicyDocument: JSON.stringify({
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Action: ['ssm:*', 'ssmmessages:*'], Resource: '*' }],
      }),
    }),
  );
});
afterAll(() => sandbox.close());

const operator = (userName: string, grants: readonly Grant[]) =>
  sandboxClients(sandbox.createPrincipal({ userName, policies: [document(grants)] }));

describe('a least-privilege operator', () => {
  test('launches and removes a bastion, and cannot do anything else', async () => {
    const clients = operator('operator', GRANTS);
    const before = sandbox.snapshot();
    await tearDown(clients, await bringUp(clients, 'whole', { boundaryArn: BOUNDARY }));
    expect(sandbox.snapshot()).toBe(before);
    expect(await errorName(clients.ec2.send(new DescribeVpcsCommand({})))).toBe('UnauthorizedOperation');
    const elsewhere = sandboxClients(
      sandbox.createPrincipal({ userName: 'elsewhere', policies: [document(GRANTS)] }),
      { region: 'us-east-1' },
    );
    expect(await errorName(elsewhere.ec2.send(new DescribeInstancesCommand({})))).toBe(
      'UnauthorizedOperation',
    );
    const untagged = new RunInstancesCommand({
      ImageId: ARM_IMAGE,
      InstanceType: 't4g.micro',
      SubnetId: SUBNET_A,
      MinCount: 1,
      MaxCount: 1,
    });
    expect(await errorName(clients.ec2.send(untagged))).toBe('UnauthorizedOperation');
  });

  test.each(REMOVALS.map((removal, index) => [index, removal] as const))(
    '%i: fails without the one missing grant',
    async (index, { action, grants }) => {
      const clients = operator(`lacks-${index}`, grants);
      const name = `lacks-${index}`;
      let up: Awaited<ReturnType<typeof bringUp>> | undefined;
      const run = async () => {
        up = await bringUp(clients, name, { boundaryArn: BOUNDARY });
        await tearDown(clients, up);
      };
      const message = await run().then(
        () => 'nothing was refused',
        (error: unknown) => (error as Error).message,
      );
      expect(message).toContain(`not authorized to perform: ${action} `);
    },
  );
});
