import * as sdk from '@aws-sdk/client-iam';

import type { SimulatedDecision, SimulatorPort } from '../provision/ports/simulator.ts';
import type { ClientConfig } from './client-config.ts';
import { limitConcurrency } from './throttling.ts';
import { ifExists } from './iam.ts';
import { withProfileEndpoints } from './profile-endpoints.ts';

/**
 * Asks IAM's policy simulator about the permissions of other principals; policies/check.json lists the permissions that
 * this needs.
 */
export function createSimulatorPort(config: ClientConfig): SimulatorPort {
  const client = limitConcurrency(withProfileEndpoints(new sdk.IAMClient(config), config));
  return {
    async role(RoleName) {
      const answer = await ifExists('iam:GetRole', () => client.send(new sdk.GetRoleCommand({ RoleName })));
      const role = answer?.Role;
      if (role === undefined) return undefined;
      return { arn: role.Arn ?? '', trust: decodeURIComponent(role.AssumeRolePolicyDocument ?? '') };
    },
    async userArn(UserName) {
      const answer = await ifExists('iam:GetUser', () => client.send(new sdk.GetUserCommand({ UserName })));
      return answer?.User?.Arn;
    },
    async simulate(PolicySourceArn, { actions, resources, context }) {
      const request = {
        PolicySourceArn,
        ActionNames: [...actions],
        ResourceArns: [...resources],
        ContextEntries: context.map(({ key, values, type }) => ({
          ContextKeyName: key,
          ContextKeyValues: [...values],
          ContextKeyType: type,
        })),
      };
      return ifExists('iam:SimulatePrincipalPolicy', async () => {
        const decisions: SimulatedDecision[] = [];
        for await (const page of sdk.paginateSimulatePrincipalPolicy({ client }, request))
          decisions.push(...(page.EvaluationResults ?? []).flatMap(decisionsOf));
        return decisions;
      });
    },
  };
}

/** IAM returns the decision about one resource at the top level, and those about several in one part each. */
function decisionsOf(result: sdk.EvaluationResult): readonly SimulatedDecision[] {
  const action = result.EvalActionName ?? '';
  const allowedByOrganization = result.OrganizationsDecisionDetail?.AllowedByOrganizations;
  const specific = result.ResourceSpecificResults ?? [];
  const parts = specific.length > 0 ? specific : [{ ...result, EvalResourceDecision: result.EvalDecision }];
  return parts.map((part) => ({
    action,
    resource: part.EvalResourceName ?? '*',
    decision: part.EvalResourceDecision ?? 'implicitDeny',
    allowedByBoundary: (part.PermissionsBoundaryDecisionDetail ?? result.PermissionsBoundaryDecisionDetail)
      ?.AllowedByPermissionsBoundary,
    allowedByOrganization,
    missingContext: part.MissingContextValues ?? [],
  }));
}
