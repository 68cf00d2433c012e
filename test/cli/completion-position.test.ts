import { describe, expect, it } from 'vitest';
import { completionPosition } from '../../src/cli/completion-position.ts';
import { commandTable } from '../../src/cli/completion-table.ts';
import { COMMANDS, createProgram } from '../../src/cli/program.ts';

const program = createProgram({
  invoke: () => Promise.resolve(),
  commands: COMMANDS,
  version: '1',
  write: () => undefined,
  columns: 80,
});

const at = (...words: readonly string[]) => completionPosition(words, commandTable(program));

describe('the word under the cursor', () => {
  it.each([
    [['exec', 'or'], 'services', 'or'],
    [['logs', ''], 'services', ''],
    [['ls', 'services', 'a'], 'services', 'a'],
    [['connect', 'x'], 'services', 'x'],
    [['db', ''], 'databases', ''],
    [['forward', '-L', 'o'], 'databases', 'o'],
    [['run', '--db', 'o'], 'databases', 'o'],
    [['doctor', 'orders-api', '--db', ''], 'databases', ''],
    [['exec', '--cluster', 'p'], 'clusters', 'p'],
    [['exec', '--task', ''], 'tasks', ''],
    [['exec', '--container', 'a'], 'containers', 'a'],
    [['down', '--name', 'd'], 'bastions', 'd'],
    [['--profile', 'x'], 'profiles', 'x'],
    [['exec', '--region', 'eu'], 'regions', 'eu'],
    [['exec', '--record', 'f', 'o'], 'services', 'o'],
    [['exec', '--all', 'o'], 'services', 'o'],
  ])('%j is completed by %s', (words, kind, prefix) => {
    expect(at(...words)).toMatchObject({ kind, prefix, lead: '' });
  });

  it('of cp may be a service, whose path follows after a colon', () => {
    expect(at('cp', 'or')).toMatchObject({ kind: 'services', prefix: 'or', trail: ':' });
    expect(at('cp', '--cluster', 'prod', 'a.txt', '')).toMatchObject({ cluster: 'prod', trail: ':' });
    expect(at('cp', '--container', 'a')).toMatchObject({ kind: 'containers', trail: '' });
  });

  it.each([
    [['cp', 'orders-api:/tm']],
    [['cp', 'orders-api', ':', '/tm']],
    [['cp', './or']],
    [['cp', '~/or']],
    [['exec', '--cl']],
    [['exec', '--unknown=x']],
    [['exec', 'orders-api', '--', '']],
    [['exec', '--record', '']],
    [['ls', '']],
    [['verify-recording', '']],
    [['nonsense', '']],
  ])('%j is no name of AWS', (words) => {
    expect(at(...words)).toBeUndefined();
  });

  it.each([
    [['or'], ['forward', 'db', 'exec', 'shell']],
    [
      ['--region', 'eu-west-1', ''],
      ['forward', 'db', 'exec', 'shell'],
    ],
    [
      ['run', ''],
      ['forward', 'db'],
    ],
    [
      ['run', 'orders', 'w'],
      ['forward', 'db'],
    ],
    [
      ['config', 'remove', ''],
      ['forward', 'db', 'exec', 'shell'],
    ],
  ])('%j is completed by connections only', (words, connections) => {
    expect(at(...words)).toMatchObject({ kind: undefined, connections });
  });

  it.each([
    [['db', ''], 'databases', ['db']],
    [['forward', 'web', ''], 'services', ['forward', 'db']],
    [['exec', ''], 'services', []],
  ])('%j is completed by %s and connections', (words, kind, connections) => {
    expect(at(...words)).toMatchObject({ kind, connections });
  });

  it('may be a value after an equals sign, which is one word or, in bash, three', () => {
    expect(at('exec', '--cluster=pr')).toMatchObject({ kind: 'clusters', prefix: 'pr', lead: '--cluster=' });
    expect(at('exec', '--cluster', '=', 'pr')).toMatchObject({ kind: 'clusters', prefix: 'pr', lead: '' });
    expect(at('exec', '--cluster', '=')).toMatchObject({ kind: 'clusters', prefix: '', lead: '' });
  });
});

describe('the words before it', () => {
  it('narrow the names down', () => {
    expect(
      at(
        '--profile',
        'p',
        'exec',
        'orders-api',
        '--cluster=prod',
        '--region',
        '=',
        'eu-west-1',
        '--task',
        '',
      ),
    ).toMatchObject({ profile: 'p', region: 'eu-west-1', cluster: 'prod', service: 'orders-api' });
    expect(at('exec', '--service', 's', '--task', '1f', '--container', '')).toMatchObject({
      service: 's',
      task: '1f',
    });
  });
});
