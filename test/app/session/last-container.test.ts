import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

import { type ResolveNeeds, resolveOptions } from '../../../src/app/session/session-setup.ts';
import { choiceHistory } from '../../../src/config/choice-history.ts';
import type { Task } from '../../../src/connect/ports.ts';
import { containerRecord, taskRecord } from '../../support/ecs-records.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const folder = mkdtempSync(join(tmpdir(), 'fargate-connect-history-'));
afterAll(() => rmSync(folder, { recursive: true }));

const task = taskRecord({
  containers: ['web', 'worker', 'cron'].map((name) => containerRecord({ name, image: `registry/${name}:1` })),
});

/** Asks which container of the task is meant; `answer` is chosen. Resolves with the names in the order of the question. */
async function asked(answer: string, of: Task = task): Promise<readonly string[]> {
  let offered: readonly string[] = [];
  const deps = {
    account: () => Promise.resolve({ ecs: () => Promise.resolve({}), clockOffsetMs: () => 0 }),
    clock: new FakeClock(1_700_000_000_000),
    history: () => Promise.resolve(choiceHistory(folder)),
    prompter: {
      select: ({ choices }: { choices: readonly { name: string; value: unknown }[] }) => {
        offered = choices.map(({ name }) => name);
        return Promise.resolve(choices.find(({ name }) => name === answer)?.value);
      },
    },
    random: { number: () => 0.5 },
    report: () => undefined,
    signal: new AbortController().signal,
    settings: { input: true, profile: undefined },
  } as unknown as ResolveNeeds;
  const { chooseContainer } = await resolveOptions(deps, 'exec');
  expect((await chooseContainer?.(of))?.name).toBe(answer);
  return offered;
}

describe('the question which container is meant', () => {
  it('offers the one of the last time first, for each service', async () => {
    expect(await asked('worker')).toEqual(['web', 'worker', 'cron']);
    expect(await asked('cron')).toEqual(['worker', 'web', 'cron']);
    expect(await asked('cron')).toEqual(['cron', 'web', 'worker']);
    expect(await asked('web', { ...task, serviceName: 'billing' })).toEqual(['web', 'worker', 'cron']);
  });
});
