import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { DEFAULT_TYPES } from '../../../src/provision/capacity/pool.ts';
import { canonicalJson, fillDocument } from '../../../src/provision/policy/policy-documents.ts';
import {
  MANAGED_POLICY_LIMIT,
  POLICY_KIND_NAMES,
  POLICY_KINDS,
  printPolicy,
} from '../../../src/provision/policy/policy-kinds.ts';

const FOLDER = join(import.meta.dirname, '..', '..', '..', 'policies');
const files = readdirSync(FOLDER);
const read = (name: string): string => readFileSync(join(FOLDER, name), 'utf8');
const templates = Object.fromEntries(files.map((file) => [file.replace(/\.json$/, ''), read(file)]));
const values = {
  partition: 'aws',
  account: '111122223333',
  region: 'eu-west-1',
  bastion: '*',
  cluster: 'demo',
  container: '*',
  vpc: 'vpc-1',
  role: 'fargate-connect-bastion',
  'session-key': 'arn:aws:kms:eu-west-1:111122223333:key/1',
  'volume-key': 'arn:aws:kms:eu-west-1:111122223333:key/2',
  'vpc-owner': '111122223333',
  images: ['arn:aws:ec2:eu-west-1::image/ami-1'],
  'image-parameters': ['arn:aws:ssm:eu-west-1:111122223333:parameter/p'],
  'image-owner': '111122223333',
  'log-group': '/ecs/exec',
  'log-bucket': 'logs',
  'client-security-group': 'sg-1',
  'instance-types': DEFAULT_TYPES,
  'ec2-principals': ['ec2.amazonaws.com'],
  'database-security-group': 'sg-2',
  'database-resource': 'db-ABC',
  'database-user': 'reader',
  'secret-key': 'arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555',
  'database-secret': 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:demo/orders-db-AbCdEf',
  'session-document': 'fargate-connect-orders-db',
  host: 'db.internal',
  port: '5432',
};

describe('fillDocument', () => {
  it('fills keys and values, expands lists, and leaves IAM variables unchanged', () => {
    const text = fillDocument('x.json', '{"a${n}":["${list}","x${n}","${aws:userid}-*"],"Statement":[]}', {
      n: '1',
      list: ['p', 'q'],
    });
    expect(JSON.parse(text)).toEqual({ a1: ['p', 'q', 'x1', '${aws:userid}-*'], Statement: [] });
  });
  it('fails if a placeholder is left', () => {
    expect(() => fillDocument('x.json', '{"a":"${cluster}"}', {})).toThrow(
      expect.objectContaining({ code: 'placeholder-unfilled' }) as Error,
    );
  });
  it('never interprets a value as JSON structure', () => {
    const text = fillDocument('x.json', '{"a":"${n}"}', { n: '","b":"c' });
    expect(JSON.parse(text)).toEqual({ a: '","b":"c' });
  });
  it('names a file that is not valid JSON', () => {
    expect(() => fillDocument('x.json', '{', {})).toThrow(
      expect.objectContaining({ code: 'policy-document-invalid' }) as Error,
    );
  });
  it('compares documents regardless of order', () => {
    expect(canonicalJson('{"b":[1,{"d":1,"c":2}],"a":0}')).toBe(
      canonicalJson('{"a":0,"b":[1,{"c":2,"d":1}]}'),
    );
    expect(canonicalJson('nonsense')).toBeUndefined();
  });
});

describe('the shipped documents', () => {
  it('belong to one kind each, and each kind has its files', () => {
    const used = new Set(POLICY_KIND_NAMES.flatMap((kind) => POLICY_KINDS[kind].files));
    expect([...used].sort()).toEqual(files.map((file) => file.replace(/\.json$/, '')).sort());
  });

  it.each(POLICY_KIND_NAMES)('%s prints filled, and keeps unknown values visible as placeholders', (kind) => {
    const printed = printPolicy(kind, templates, values);
    expect(printed.unfilled).toEqual([]);
    const blank = printPolicy(kind, templates, {});
    for (const name of blank.unfilled) expect(blank.text).toContain(`\${${name}}`);
  });

  it.each(files.filter((file) => file !== 'session-document.json'))(
    '%s fits into one managed policy',
    (file) => {
      const kind = file.replace(/\.json$/, '');
      const text = fillDocument(file, templates[kind] ?? '', values);
      expect(text.replace(/\s/g, '').length).toBeLessThanOrEqual(MANAGED_POLICY_LIMIT);
    },
  );

  it('grant no wildcard beyond those that AWS requires: no Allow of all actions, of iam:*, or PassRole to anything but EC2', () => {
    for (const file of files) {
      const document = JSON.parse(read(file)) as {
        Statement?: {
          Effect: string;
          Action: string | string[];
          Condition?: Record<string, Record<string, string>>;
        }[];
      };
      for (const statement of document.Statement ?? []) {
        if (statement.Effect !== 'Allow') continue;
        const actions = [statement.Action].flat();
        expect(actions.filter((action) => action.includes('*'))).toEqual([]);
        if (actions.includes('iam:PassRole'))
          expect(statement.Condition?.['StringEquals']?.['iam:PassedToService']).toEqual([
            '${ec2-principals}',
          ]);
      }
    }
  });
});
