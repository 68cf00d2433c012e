import { describe, expect, it } from 'vitest';

import type { CliOutcome } from './cli-in-process.ts';
import { type Document, type Flow, grantsOf, proveGrants } from './grants.ts';

/** The proof itself: what it takes for needed, and what not. */

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

/** Without a:Loud it is refused; without a:Quiet it hangs. */
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
  it('whose absence is a refusal is needed, and one whose absence is only a symptom is not', async () => {
    expect(await proveGrants([document], flow)).toEqual({
      tried: 2,
      idle: ['A a:Quiet: exit 1 nothing came'],
    });
  });

  it('may show as a symptom where that is expected', async () => {
    expect(await proveGrants([document], flow, { shows })).toEqual({ tried: 2, idle: [] });
  });

  it('that shows as a symptom must be named by the check, if there is one', async () => {
    const asked: string[] = [];
    const check = (documents: readonly Document[], { action }: { readonly action: string }) => {
      asked.push(action);
      return Promise.resolve(has(documents, action) ? done : lacks(action));
    };
    expect(await proveGrants([document], flow, { shows, check })).toEqual({ tried: 2, idle: [] });
    expect(asked).toEqual(['a:Quiet']);
  });

  it('that the check does not miss is not needed', async () => {
    const check = (): Promise<CliOutcome> => Promise.resolve(done);
    expect(await proveGrants([document], flow, { shows, check })).toEqual({
      tried: 2,
      idle: ['A a:Quiet: exit 0 '],
    });
  });

  it('is taken out beside documents that stay whole', async () => {
    const other: Document = { ...document, Statement: [{ Sid: 'B', Effect: 'Allow', Action: 'b:Needed' }] };
    const needsBoth: Flow = (documents) =>
      has(documents, 'b:Needed') ? flow(documents) : Promise.resolve(lacks('b:Needed'));
    expect((await proveGrants([document], needsBoth, { shows, beside: [other] })).idle).toEqual([]);
  });
});
