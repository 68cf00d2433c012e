import { describe, expect, it } from 'vitest';

import { parsePrincipal } from '../../../src/provision/policy/principal.ts';

describe('principals', () => {
  const ARN = 'arn:aws:iam::111122223333:';
  it.each([
    [`${ARN}role/team/dev`, 'role', 'dev', true],
    [`${ARN}user/ada`, 'user', 'ada', true],
    ['arn:aws-cn:iam::111122223333:role/dev', 'role', 'dev', true],
    ['arn:aws:sts::111122223333:assumed-role/dev/ada@example.com', 'role', 'dev', false],
    ['role/dev', 'role', 'dev', false],
    ['role/team/dev', 'role', 'dev', false],
    ['user/ada', 'user', 'ada', false],
  ])('%s is parsed', (text, kind, name, whole) => {
    expect(parsePrincipal(text)).toEqual({ kind, name, arn: whole ? text : undefined });
  });

  it.each([
    'dev',
    'role/',
    'group/dev',
    `${ARN}root`,
    `${ARN}group/dev`,
    'arn:aws:sts::111122223333:federated-user/ada',
    '',
  ])('%j is refused', (text) => {
    expect(() => parsePrincipal(text)).toThrow(expect.objectContaining({ code: 'check-principal' }) as Error);
  });
});
