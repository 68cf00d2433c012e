import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { formatArn, nameOfArn, parseArn, resourceSegments, typeOfArn } from '../../src/core/arn.ts';

const TASK = 'arn:aws-cn:ecs:cn-north-1:111122223333:task/demo/0123';

describe('an ARN', () => {
  it('is parsed and formatted again', () => {
    const arn = parseArn(TASK);
    expect(arn).toEqual({
      partition: 'aws-cn',
      service: 'ecs',
      region: 'cn-north-1',
      account: '111122223333',
      resource: 'task/demo/0123',
    });
    expect(arn === undefined ? '' : formatArn(arn)).toBe(TASK);
  });

  it('keeps the colons in its resource', () => {
    expect(parseArn('arn:aws:rds:eu-west-1:111122223333:db:orders')?.resource).toBe('db:orders');
  });

  it('has an empty region and account if AWS leaves them out', () => {
    expect(formatArn({ service: 's3', resource: 'logs/*' })).toBe('arn:aws:s3:::logs/*');
    expect(parseArn('arn:aws:s3:::logs/*')).toMatchObject({ region: '', account: '', resource: 'logs/*' });
  });

  it.each([
    '',
    'demo',
    'arn',
    'arn:aws:ecs',
    'arn:aws:ecs:eu-west-1:1:',
    'arn::ecs:r:a:x',
    'ARN:aws:ecs:r:a:x',
  ])('is not parsed from %j', (text) => {
    expect(parseArn(text)).toBeUndefined();
    expect(typeOfArn(text)).toBeUndefined();
    expect(resourceSegments(text)).toEqual([]);
  });

  it('formats to the same text if the text can be parsed', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((text) => `arn:aws:ecs:${text}`),
        ),
        (text) => {
          const arn = parseArn(text);
          if (arn !== undefined) expect(formatArn(arn)).toBe(text);
        },
      ),
    );
  });
});

it.each([
  [TASK, '0123', 'task', ['task', 'demo', '0123']],
  [
    'arn:aws:rds:eu-west-1:111122223333:db:orders',
    'arn:aws:rds:eu-west-1:111122223333:db:orders',
    'db',
    ['db:orders'],
  ],
  ['demo', 'demo', undefined, []],
])('the parts of %s are parsed', (text, name, type, segments) => {
  expect([nameOfArn(text), typeOfArn(text), resourceSegments(text)]).toEqual([name, type, segments]);
});
