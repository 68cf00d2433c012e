import { describe, expect, it } from 'vitest';

import type { CliOutcome } from '../support/cli-in-process.ts';
import { type Document, type Flow, grantsOf, proveGrants } from '../support/grants.ts';

/** Tests the proof itself: which grants it considers needed, and which not. */

const document: Document = {
  Version: '2012-10-17',
  Statement: [{ Sid: 'A', Effect: 'Allow', Action: ['a:Loud', 'a:Quiet'] }],
};
const has = (documents: readonly Document[], action: string): boolean =>
  documents.flatMap((each) => grantsOf(each)).some((grant) => grant.action === action);
const done: CliOutcome = { status: 0, stdout: '', stderr: '' };
const lacks = (action: string): CliOutcome => ({
  ...done,
  status: 4,
  stderr: `not allowed to call ${action}`,
});

/** Without a:Loud the flow is refused; without a:Quiet it hangs. */
const flow: Flow = (documents) =>
  Promise.resolve(
    !has(documents, 'a:Loud')
      ? lacks('a:Loud')
      : has(documents, 'a:Quiet')
        ? done
        : { ...done, status: 1, stderr: 'nothing came' },
  );
const shows = { 'A a:Quiet': ({ stderr }: CliOutcome): boolean => stderr === 'nothing came' };

describe('a grant', () => {
  it('is needed if the flow is refused without it, and not proved by a symptom alone', async () => {
    expect(await proveGrants([document], flow)).toEqual({
      tried: 2,
      idle: ['A a:Quiet: exit 1 nothing came'],
    });
  });

  it('is needed if its absence shows as a declared symptom and the check names it', async () => {
    let asked = 0;
    const check: Flow = (documents) => {
      asked++;
      return Promise.resolve(has(documents, 'a:Quiet') ? done : lacks('a:Quiet'));
    };
    const proof = await proveGrants([document], flow, { unnamed: { shows, check } });
    expect([proof, asked]).toEqual([{ tried: 2, idle: [] }, 1]);
  });

  it('is not proved if the check does not name it', async () => {
    const check: Flow = () => Promise.resolve(done);
    expect(await proveGrants([document], flow, { unnamed: { shows, check } })).toEqual({
      tried: 2,
      idle: ['A a:Quiet: exit 0 '],
    });
  });

  it('is removed from one document while the other documents stay unchanged', async () => {
    const other: Document = { ...document, Statement: [{ Sid: 'B', Effect: 'Allow', Action: 'b:Needed' }] };
    const needsBoth: Flow = (documents) =>
      has(documents, 'b:Needed') ? flow(documents) : Promise.resolve(lacks('b:Needed'));
    expect(await proveGrants([document], needsBoth, { beside: [other] })).toEqual({
      tried: 2,
      idle: ['A a:Quiet: exit 1 nothing came'],
    });
  });
});
