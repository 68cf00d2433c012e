import { describe, expect, test } from 'vitest';

import { folded } from '../../src/ui/fold.ts';

describe('folded', () => {
  const PLACE =
    'container app of task 2a3b4c5d in cluster demo, eu-west-1, account 111122223333 (acme-production)';

  test('breaks a message between words, and indents the lines after the first', () => {
    expect(folded(PLACE, 80).split('\n')).toEqual([
      'container app of task 2a3b4c5d in cluster demo, eu-west-1, account 111122223333',
      '  (acme-production)',
    ]);
    expect(folded(PLACE, 30).split('\n')).toEqual([
      'container app of task 2a3b4c5d',
      '  in cluster demo, eu-west-1,',
      '  account 111122223333',
      '  (acme-production)',
    ]);
  });

  test('leaves lines that fit, output without a terminal, and commands to copy as they are', () => {
    const command = `  fargate-connect exec orders-api --cluster demo ${'x'.repeat(100)}`;
    expect(folded('short', 80)).toBe('short');
    expect(folded(PLACE, undefined)).toBe(PLACE);
    expect(folded(`error: no\n${command}`, 40)).toBe(`error: no\n${command}`);
  });

  test('breaks advice in sentences below the message, and nothing that is copied', () => {
    const advice = '  another region? give it with --region, or set it in the profile';
    const copied = [
      '  aws ecs describe-services --cluster demo --services web',
      '  { "Effect": "Allow", "Action": "ssm:StartSession", "Resource": "*" }',
      '  enable_execute_command = true in aws_ecs_service.web of your stack',
      '  again with --on-demand   # costs more',
      '  --subnet subnet-0123456789abcdef0 of the zone eu-west-1a',
    ];
    expect(folded(['error: no', advice, ...copied].join('\n'), 40).split('\n')).toEqual([
      'error: no',
      '  another region? give it with --region,',
      '    or set it in the profile',
      ...copied,
    ]);
  });

  test('gives the comment behind a command lines of its own, which the shell ignores too', () => {
    const command = '  fargate-connect down   # deletes all that up created, and checks it';
    expect(folded(`error: no\n${command}`, 40).split('\n')).toEqual([
      'error: no',
      '  fargate-connect down',
      '    # deletes all that up created, and',
      '    # checks it',
    ]);
    expect(folded(`error: no\n${command}`, 80)).toBe(`error: no\n${command}`);
  });

  test('breaks a sentence that begins with a quoted answer', () => {
    const advice = "  'authentication failed': the user lacks a role: GRANT rds_iam TO app";
    expect(folded(`psql ended\n${advice}`, 40).split('\n')).toEqual([
      'psql ended',
      "  'authentication failed': the user",
      '    lacks a role: GRANT rds_iam TO app',
    ]);
  });

  test('keeps a margin, and gives a word that is longer than the terminal a line of its own', () => {
    const arn = `arn:aws:ecs:eu-west-1:111122223333:task/${'a'.repeat(60)}`;
    expect(folded(`  BLOCKED the task ${arn} is gone`, 40).split('\n')).toEqual([
      '  BLOCKED the task',
      `    ${arn}`,
      '    is gone',
    ]);
  });

  test('counts cells, not characters: colours take none, wide characters two', () => {
    expect(folded('\u001b[33mwarning:\u001b[39m abc def', 16)).toBe('\u001b[33mwarning:\u001b[39m abc def');
    expect(folded('世界 世界 世界', 9)).toBe('世界 世界\n  世界');
  });
});
