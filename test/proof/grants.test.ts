import { describe, expect, it } from 'vitest';

import type { CliOutcome } from '../support/cli-in-process.ts';
import { type Document, type Flow, grantsOf, proveGrants } from '../support/grants.ts';

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

  it('may show as a symptom where another flow names it', async () => {
    let asked = 0;
    const check: Flow = (documents) => {
      asked++;
      return Promise.resolve(has(documents, 'a:Quiet') ? done : lacks('a:Quiet'));
    };
    const proof = await proveGrants([document], flow, { unnamed: { shows, check } });
    expect([proof, asked]).toEqual([{ tried: 2, idle: [] }, 1]);
  });

  it('that no flow names is not proved', async () => {
    const check: Flow = () => Promise.resolve(done);
    expect(await proveGrants([document], flow, { unnamed: { shows, check } })).toEqual({
      tried: 2,
      idle: ['A a:Quiet: exit 0 '],
    });
  });

  it('is taken out beside documents that stay whole', async () => {
    const other: Document = { ...document, Statement: [{ Sid: 'B', Effect: 'Allow', Action: 'b:Needed' }] };
    const needsBoth: Flow = (documents) =>
      has(documents, 'b:Needed') ? flow(documents) : Promise.resolve(lacks('b:Needed'));
    expect(await proveGrants([document], needsBoth, { beside: [other] })).toEqual({
      tried: 2,
      idle: ['A a:Quiet: exit 1 nothing came'],
    });
  });
});
