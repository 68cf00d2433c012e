import { describe, expect, it } from 'vitest';

import { grantFindings } from '../../../src/diagnose/iam/grant-findings.ts';
import type { Point } from '../../../src/diagnose/iam/grants.ts';
import { sentenceOf, sentenceOfAll } from '../../../src/diagnose/sentences.ts';

const DEV = 'arn:aws:iam::111122223333:role/dev';
const TASKS = 'arn:aws:ecs:eu-west-1:111122223333:task/demo/*';

const point = (verdict: Point['verdict'], over: Partial<Point> = {}): Point => ({
  statement: 'Exec',
  effect: 'Allow',
  action: 'ecs:ExecuteCommand',
  resource: TASKS,
  when: [],
  verdict,
  missingContext: [],
  ...over,
});

describe('permission checks that failed', () => {
  it.each<[Point['verdict'], Partial<Point>, string, string, string]>([
    ['not-granted', {}, 'action-not-granted', 'blocking', 'lacks ecs:ExecuteCommand'],
    [
      'not-granted',
      { missingContext: ['aws:SourceIp'] },
      'action-undecided',
      'could-not-tell',
      'may lack ecs:ExecuteCommand, which its policies grant under conditions',
    ],
    [
      'boundary',
      {},
      'action-outside-boundary',
      'blocking',
      'has a permissions boundary without ecs:ExecuteCommand',
    ],
    [
      'organization',
      {},
      'action-forbidden-by-organization',
      'blocking',
      'is forbidden ecs:ExecuteCommand by a service control policy',
    ],
    [
      'explicitly-denied',
      {},
      'action-explicitly-denied',
      'blocking',
      'is explicitly denied ecs:ExecuteCommand',
    ],
    [
      'not-trusted',
      {},
      'service-not-trusted',
      'blocking',
      'does not grant ecs:ExecuteCommand in its trust policy',
    ],
    [
      'not-trusted',
      { missingContext: ['aws:SourceAccount'] },
      'trust-undecided',
      'could-not-tell',
      'may not grant ecs:ExecuteCommand, which its trust policy grants under conditions',
    ],
    [
      'not-denied',
      {},
      'action-not-denied',
      'warning',
      'may call ecs:ExecuteCommand, which the document denies',
    ],
    [
      'unproved',
      {},
      'denial-undecided',
      'could-not-tell',
      'has no Deny of ecs:ExecuteCommand, and may be allowed it in part',
    ],
    ['not-answered', {}, 'action-not-answered', 'could-not-tell', 'got no answer about ecs:ExecuteCommand'],
  ])('%s %j become the finding %s', (verdict, over, id, severity, sentence) => {
    const findings = grantFindings(DEV, [point(verdict, over)]);
    expect(findings).toMatchObject([{ id, severity, evidence: { principal: DEV } }]);
    expect(findings.map(sentenceOf)).toEqual([`role/dev ${sentence}`]);
  });

  it('give no findings if they passed', () => {
    expect(grantFindings(DEV, [point('allowed'), point('denied'), point('not-allowed')])).toEqual([]);
  });

  it('of one statement and condition become one statement to add', () => {
    const when = [{ key: 'aws:ResourceTag/team', values: ['orders'], type: 'string' }] as const;
    const [finding] = grantFindings(DEV, [
      point('not-granted'),
      point('not-granted', { action: 'ecs:DescribeTasks' }),
      point('not-granted', { statement: 'Tagged', when }),
    ]);
    const change = { kind: 'allow-actions', principal: DEV, policy: 'identity', resources: [TASKS] };
    expect(finding?.fixes).toEqual([
      [
        { ...change, statement: 'Exec', actions: ['ecs:ExecuteCommand', 'ecs:DescribeTasks'], when: [] },
        { ...change, statement: 'Tagged', actions: ['ecs:ExecuteCommand'], when },
      ],
    ]);
  });

  it('for a service that is not trusted ask to change the trust policy of the role', () => {
    const resource = 'ec2.amazonaws.com';
    const [finding] = grantFindings(DEV, [point('not-trusted', { action: 'sts:AssumeRole', resource })]);
    expect(finding?.fixes).toEqual([
      [{ kind: 'trust-service', role: DEV, service: resource, actions: ['sts:AssumeRole'] }],
    ]);
  });

  it('of several causes become one sentence about one principal', () => {
    const findings = grantFindings(DEV, [
      point('boundary', { action: 'ecs:ListTasks' }),
      point('not-granted'),
    ]);
    expect(sentenceOfAll(DEV, findings)).toBe(
      'role/dev lacks ecs:ExecuteCommand; has a permissions boundary without ecs:ListTasks',
    );
  });
});
