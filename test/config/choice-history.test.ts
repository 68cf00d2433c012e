import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Choice, choiceHistory } from '../../src/config/choice-history.ts';
import { stateFolder } from '../../src/config/state-folder.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fc-state-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const choice = (over: Partial<Choice> = {}): Choice => ({
  at: 1,
  account: '111122223333',
  region: 'eu-west-1',
  cluster: 'demo',
  service: 'orders-api',
  action: 'shell',
  ...over,
});

it('keeps each choice once, newest first, in one file for each account, readable by its owner only', () => {
  const history = choiceHistory(folder);
  history.add(choice());
  history.add(choice({ at: 2, service: 'billing' }));
  history.add(choice({ at: 3 }));
  history.add(choice({ at: 4, account: '999999999999' }));
  expect(history.choices().map(({ at }) => at)).toEqual([4, 3, 2]);
  expect(readdirSync(join(folder, 'history'))).toEqual(['111122223333.json', '999999999999.json']);
  expect(statSync(join(folder, 'history', '111122223333.json')).mode & 0o777).toBe(0o600);
});

it('keeps a hundred choices', () => {
  const history = choiceHistory(folder);
  for (let at = 0; at < 105; at++) history.add(choice({ at, service: `s${at}` }));
  expect(history.choices()).toHaveLength(100);
  expect(history.choices()[0]?.at).toBe(104);
});

it('ignores files and entries that it has not written, and folders that it cannot write', () => {
  const history = choiceHistory(folder);
  history.add(choice());
  writeFileSync(join(folder, 'history', 'broken.json'), '{');
  writeFileSync(join(folder, 'history', 'other.json'), '[{"at":"x"},3,null]');
  expect(history.choices()).toHaveLength(1);
  history.add(choice({ account: '../elsewhere' }));
  expect(history.choices()).toHaveLength(1);
  const closed = choiceHistory(join(folder, 'history', 'broken.json'));
  closed.add(choice());
  expect(closed.choices()).toEqual([]);
  expect(choiceHistory(undefined).choices()).toEqual([]);
});

it.each([
  [{ XDG_STATE_HOME: '/state', HOME: '/home/a' }, '/state/fargate-connect'],
  [{ XDG_STATE_HOME: 'relative', HOME: '/home/a' }, '/home/a/.local/state/fargate-connect'],
  [{ HOME: '/home/a' }, '/home/a/.local/state/fargate-connect'],
  [{}, undefined],
])('the folder of %j is %s', (env, expected) => {
  expect(stateFolder(env, 'linux')).toBe(expected);
});
