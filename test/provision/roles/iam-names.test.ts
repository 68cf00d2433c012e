import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import {
  bastionOfIamName,
  checkIamNaming,
  checkRoleName,
  iamNames,
  type IamNaming,
  namingOfTag,
  DEFAULT_IAM_NAMING,
  withIamNaming,
} from '../../../src/provision/roles/iam-names.ts';
import { resourceTags, TAG } from '../../../src/provision/bastion/names.ts';

const TEAM: IamNaming = { path: '/team/bastions/', prefix: 'team-' };

describe('names of the IAM resources', () => {
  it('are the default ones without path and prefix', () => {
    expect(iamNames('orders', 'eu-west-1', DEFAULT_IAM_NAMING)).toEqual({
      role: 'fargate-connect-orders-eu-west-1',
      profile: 'fargate-connect-orders-eu-west-1',
      boundary: 'fargate-connect-orders-eu-west-1-boundary',
    });
    expect(iamNames('orders', 'eu-west-1', TEAM).role).toBe('team-fargate-connect-orders-eu-west-1');
  });

  it.each([DEFAULT_IAM_NAMING, TEAM])('are recognised in their region, and only there: %j', (naming) => {
    const { role, boundary } = iamNames('orders-eu', 'eu-west-1', naming);
    expect(bastionOfIamName(role, 'eu-west-1', naming)).toBe('orders-eu');
    expect(bastionOfIamName(boundary, 'eu-west-1', naming)).toBe('orders-eu');
    expect(bastionOfIamName(role, 'eu-west-2', naming)).toBeUndefined();
    for (const other of [
      'fargate-connect-bastion-boundary',
      'other',
      'fargate-connect--eu-west-1',
      'x-fargate-connect-a-eu-west-1',
    ])
      expect(bastionOfIamName(other, 'eu-west-1', naming)).toBeUndefined();
  });

  it('fit into a role name in every region without a prefix, and are refused if a prefix makes them too long', () => {
    expect(() => checkRoleName('x'.repeat(32), 'ap-southeast-1', DEFAULT_IAM_NAMING)).not.toThrow();
    expect(() => checkRoleName('x'.repeat(32), 'ap-southeast-1', TEAM)).toThrow(
      expect.objectContaining({ code: 'iam-prefix' }) as Error,
    );
  });
});

describe('path and prefix', () => {
  it.each(['/', '/a/', '/team/bastions/', '/a.b-c_d=e@f+g/'])('%s is a valid path', (path) => {
    expect(checkIamNaming({ path, prefix: '' }).path).toBe(path);
  });
  it.each(['', 'a', '/a', 'a/', '//', '/a b/', '/a,b/', `/${'a'.repeat(200)}/`])(
    '%j is not a valid path',
    (path) => {
      expect(() => checkIamNaming({ path, prefix: '' })).toThrow(
        expect.objectContaining({ code: 'iam-path' }) as Error,
      );
    },
  );
  it.each(['a/', 'a b', 'x'.repeat(25), 'ä'])('%j is not a valid prefix', (prefix) => {
    expect(() => checkIamNaming({ path: '/', prefix })).toThrow(
      expect.objectContaining({ code: 'iam-prefix' }) as Error,
    );
  });

  it('are stored in a tag, but only if they are not the default ones', () => {
    const input = {
      name: 'orders',
      owner: 'me',
      given: {},
      expiresAt: 0,
      idleMinutes: 30,
      cluster: undefined,
      roleIsGiven: false,
      ports: [],
      version: '1',
    };
    expect(resourceTags({ ...input, iam: DEFAULT_IAM_NAMING })).not.toHaveProperty([TAG.iam]);
    for (const naming of [TEAM, { path: '/', prefix: 'a' }, { path: '/a/', prefix: '' }])
      expect(namingOfTag(resourceTags({ ...input, iam: naming })[TAG.iam])).toEqual(naming);
    for (const nothing of [undefined, '', 'team-']) expect(namingOfTag(nothing)).toBeUndefined();
  });
});

describe('the shipped documents', () => {
  const read = (name: string): string =>
    readFileSync(join(import.meta.dirname, '..', '..', '..', 'policies', `${name}.json`), 'utf8');
  const FILES = ['operator-iam', 'operator-given-role', 'operator-ec2', 'bastion', 'bastion-boundary'];
  const arns = (text: string): readonly string[] =>
    [...text.matchAll(/"(arn:[^"]*:iam:[^"]*)"/g)].map((match) => match[1] ?? '');

  it.each(FILES)('%s is unchanged with the default names', (name) => {
    expect(withIamNaming(read(name), DEFAULT_IAM_NAMING)).toBe(read(name));
  });

  it.each(FILES)('%s with other names: every role, profile and policy of ours has the new name', (name) => {
    const moved = arns(withIamNaming(read(name), TEAM));
    expect(moved.filter((arn) => arn.includes('/fargate-connect/'))).toEqual([]);
    expect(moved).toHaveLength(arns(read(name)).length);
  });

  it('a name that an administrator chose is not changed', () => {
    expect(withIamNaming(read('operator-given-role'), TEAM)).toContain(':role/team/bastions/${role}"');
  });
});
