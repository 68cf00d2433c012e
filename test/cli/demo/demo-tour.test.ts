import { describe, expect, it } from 'vitest';
import type { CommandContext } from '../../../src/cli/context.ts';
import { commandLine, type Running, type Stage } from '../../../src/cli/demo/demo-stage.ts';
import { differences, scriptedTour } from '../../../src/cli/demo/demo-tour.ts';
import { guidedTour, wordsOf } from '../../../src/cli/demo/guided-tour.ts';
import { exportLines } from '../../../src/cli/commands/sandbox.ts';
import { fakeDeps } from '../../support/fake-deps.ts';

/** A stage whose commands end at once with the given statuses; `lines` is their output. */
function stage(
  statuses: Readonly<Record<string, number>>,
  lines: Readonly<Record<string, readonly string[]>> = {},
): { readonly stage: Stage; readonly ran: string[] } {
  const ran: string[] = [];
  const deps = fakeDeps();
  const start = (args: readonly string[], onLine: (line: string) => void): Running => {
    ran.push(args[0] ?? '');
    for (const line of lines[args[0] ?? ''] ?? []) onLine(line);
    return { status: Promise.resolve(statuses[args[0] ?? ''] ?? 0), stop: () => undefined };
  };
  return {
    ran,
    stage: {
      say: () => undefined,
      run: (args) => start(args, () => undefined).status,
      start,
      runTyped: (args) => start(args, () => undefined).status,
      startTyped: start,
      context: { ...deps, settings: { output: 'table', color: false } } as unknown as CommandContext,
    },
  };
}

const account = { snapshot: () => '{}' };

describe('the scripted tour', () => {
  it('stops at the first step that fails', async () => {
    const up = stage({ up: 4 });
    await expect(scriptedTour(up.stage, account)).rejects.toMatchObject({
      code: 'demo-step-failed',
      message: 'demo: up ended with status 4',
    });
    expect(up.ran).toEqual(['up']);
  });

  it('is interrupted if one of its steps was interrupted', async () => {
    await expect(scriptedTour(stage({ ls: 130 }).stage, account)).rejects.toMatchObject({
      role: 'interrupted',
    });
  });

  it('fails if the container names no database', async () => {
    const { stage: on } = stage({}, { exec: ['no such variable'] });
    await expect(scriptedTour(on, account)).rejects.toMatchObject({
      message: 'demo: exec printed no database address',
    });
  });

  it('fails if the forward ends before it is ready', async () => {
    const { stage: on } = stage({ forward: 1 }, { exec: ['postgres://u:p@db.internal:5432/orders'] });
    await expect(scriptedTour(on, account)).rejects.toMatchObject({
      message: 'demo: forward ended with status 1 before it was ready',
    });
  });
});

describe('the guided tour', () => {
  /** The person gives these answers; each is recorded with the suggestion that it replaced. */
  function touring(answers: readonly string[], statuses: Readonly<Record<string, number>> = {}) {
    const { stage: on, ran } = stage(statuses, { exec: ['postgres://u:p@db.internal:5432/orders'] });
    const left = [...answers];
    const prompter = {
      text: ({ defaultAnswer }: { readonly defaultAnswer?: string }) => {
        const answer = left.shift();
        if (answer === undefined) throw new Error('no answer left');
        return Promise.resolve(answer === '' ? (defaultAnswer ?? '') : answer);
      },
    };
    const context = { ...on.context, prompter } as unknown as CommandContext;
    return { tour: guidedTour({ ...on, context }, { ...account, hasPsql: false }), ran };
  }

  it.each(['no', 'n', 'q', 'exit'])('ends at its first question on "%s"', async (answer) => {
    const { tour, ran } = touring([answer]);
    await expect(tour).rejects.toMatchObject({ role: 'interrupted', exitStatus: 130 });
    expect(ran).toEqual([]);
  });

  it('asks again after a command that failed, and after one that is not the step', async () => {
    const { tour, ran } = touring(['ls services', 'fargate-connect up --cluster nope', 'no'], { up: 3 });
    await expect(tour).rejects.toMatchObject({ role: 'interrupted' });
    expect(ran).toEqual(['ls', 'up']);
  });

  it('ends when the person leaves a command', async () => {
    await expect(touring([''], { up: 130 }).tour).rejects.toMatchObject({ role: 'interrupted' });
  });

  it.each([
    ['fargate-connect ls services', ['ls', 'services']],
    ['npx fargate-connect exec web -- sh -c "echo a b"', ['exec', 'web', '--', 'sh', '-c', 'echo a b']],
    [`exec web -- echo 'it'"'"'s'`, ['exec', 'web', '--', 'echo', "it's"]],
    ['  ', []],
  ])('reads the command line %s', (line, words) => {
    expect(wordsOf(line)).toEqual(words);
  });
});

describe('differences', () => {
  it('are empty only for equal documents, and otherwise name each place', () => {
    expect(differences('{"a":[1,2],"b":{}}', '{"b":{},"a":[1,2]}')).toEqual([]);
    expect(differences('{"a":[1,2],"b":{"c":1}}', '{"a":[1,3,4],"b":{}}')).toEqual(['/a/1', '/a/2', '/b/c']);
    expect(differences('1', '2')).toEqual(['/']);
  });
});

describe('command lines that a user can type', () => {
  it('are quoted if a shell requires it', () => {
    expect(commandLine(['exec', 'web', '--', 'sh', '-c', `echo 'a b'`])).toBe(
      `fargate-connect exec web -- sh -c 'echo '\\''a b'\\'''`,
    );
    expect(commandLine(['forward', '-L', '0:db:5432'])).toBe('fargate-connect forward -L 0:db:5432');
  });

  it('contain export lines that work with eval and unset an old profile', () => {
    expect(exportLines({ AWS_REGION: 'eu-west-1', X: `it's` })).toBe(
      `export AWS_REGION='eu-west-1'\nexport X='it'\\''s'\nunset AWS_PROFILE AWS_SESSION_TOKEN\n`,
    );
  });
});
