import type { Tags } from '../../ports/tags.ts';
import { whenVisible } from '../apply-deps.ts';
import type { Existing, Ref, ResourceKind } from './resource-kind.ts';

export interface DatabaseRuleInput {
  /** Security group of the database. */
  readonly groupId: string;
  /** Security group of the bastion. */
  readonly sourceGroupId: Ref<'security-group'>;
  readonly port: number;
  readonly description: string;
  readonly tags: Tags;
}

export interface ExistingDatabaseRule extends Existing {
  /** The security group that holds the rule. */
  readonly groupId: string;
}

/** An ingress rule in the security group of a database. The group itself does not belong to the bastion. */
export const databaseRule: ResourceKind<DatabaseRuleInput, ExistingDatabaseRule, undefined> = {
  title: 'database rule',
  async create(input, run) {
    const sourceGroupId = run.resolve(input.sourceGroupId);
    await whenVisible(run.deps, () => run.deps.ec2.authorizeIngress({ ...input, sourceGroupId }));
    return undefined;
  },
  removal: {
    find: ({ databaseRules }) =>
      databaseRules.map(({ id, groupId, fromPort }) => ({
        name: `tcp/${fromPort} in ${groupId}`,
        reason: 'opened by up',
        existing: { id, groupId },
        parent: groupId,
      })),
    delete: ({ groupId, id }, { ec2 }) => ec2.revokeIngress(groupId, id),
    command: ({ groupId, id }) => ({
      service: 'ec2',
      args: ['revoke-security-group-ingress', '--group-id', groupId, '--security-group-rule-ids', id],
    }),
  },
};
