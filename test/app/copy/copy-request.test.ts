import { describe, expect, it } from 'vitest';
import { parseCopy } from '../../../src/app/copy/copy-request.ts';

const parse = (...words: readonly string[]) => parseCopy(words.map((word) => Buffer.from(word)));
const shown = (path: Uint8Array): string => Buffer.from(path).toString();

describe('the arguments of cp', () => {
  it.each([
    [['a', 'web:/b'], 'up', 'web', '/b'],
    [['a', ':/b'], 'up', '', '/b'],
    [['./a:b', 'web:'], 'up', 'web', ''],
    [['-', 'web:/b'], 'up', 'web', '/b'],
    [
      ['a', 'arn:aws:ecs:eu-west-1:111122223333:service/demo/web:/b'],
      'up',
      'arn:aws:ecs:eu-west-1:111122223333:service/demo/web',
      '/b',
    ],
    [['a', 'web:b:c'], 'up', 'web', 'b:c'],
  ])('%j goes into a container', (words, direction, service, path) => {
    const request = parse(...words);
    expect(request).toMatchObject({ direction, service });
    if (request.direction === 'up') expect(shown(request.target)).toBe(path);
  });

  it('sources of one container come out of it', () => {
    const request = parse('web:/a', 'web:/b', 'here');
    expect(request).toMatchObject({ direction: 'down', service: 'web', target: { kind: 'local' } });
    if (request.direction === 'down') expect(request.sources.map(shown)).toEqual(['/a', '/b']);
    expect(parse('web:/a', '-')).toMatchObject({ direction: 'down', target: { kind: 'stream' } });
  });

  it.each([
    ['one argument', ['a']],
    ['no container', ['a', 'b']],
    ['two containers', ['web:/a', 'api:/b']],
    ['sources of two containers', ['web:/a', 'api:/b', 'c']],
    ['sources of both sides', ['web:/a', 'b', 'c']],
    ['stdin as one of several sources', ['-', 'a', 'web:/b']],
    ['several sources to stdout', ['web:/a', 'web:/b', '-']],
    ['an empty argument', ['', 'web:/b']],
    ['no name of a service before the colon', ['a b:/c', 'd']],
  ])('%s is a usage error with the forms', (_, words) => {
    expect(() => parse(...words)).toThrowError(
      expect.objectContaining({ code: 'copy-arguments', exitStatus: 2 }),
    );
  });

  it('bytes that are no UTF-8 stay as they are', () => {
    const path = Buffer.from([0x2f, 0xff, 0x0a]);
    const request = parseCopy([Buffer.from('a'), Buffer.concat([Buffer.from('web:'), path])]);
    if (request.direction === 'up') expect(Buffer.from(request.target).equals(path)).toBe(true);
  });

  it('a drive letter is not a service on Windows', () => {
    const request = parseCopy([Buffer.from('C:\\a'), Buffer.from('web:/b')], true);
    expect(request).toMatchObject({ direction: 'up', sources: [{ kind: 'local' }] });
  });
});
