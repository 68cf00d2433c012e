import * as sdk from '@aws-sdk/client-ec2';

import { access, failed, ToolError } from '../core/errors.ts';
import type { Ec2Port, FleetResult, FleetSpec } from '../provision/ports/ec2.ts';
import type { GroupRule } from '../provision/ports/network.ts';
import { creation, deletion, undefinedOn } from './ec2-outcomes.ts';
import { fleetRequest, launchTemplateRequest } from './ec2-requests.ts';
import { fleetResultOf, permissionOf, tagList, tagSpecification } from './ec2-shapes.ts';
import { awsErrorName, mapped } from './errors.ts';

/** The calls that change something. Each may be repeated without harm. */

/**
 * Refusals of a launch that EC2 sometimes throws instead of listing them in the fleet's `Errors`
 * (docs/reference/ec2-spot.md §2).
 */
const LAUNCH_REFUSALS = new Set([
  'InsufficientInstanceCapacity',
  'UnfulfillableCapacity',
  'InsufficientFreeAddressesInSubnet',
  'MaxSpotInstanceCountExceeded',
  'VcpuLimitExceeded',
  'MaxFleetCountExceeded',
  'AuthFailure.ServiceLinkedRoleCreationNotPermitted',
  'InvalidParameterValue',
  'InvalidFleetConfiguration',
  'InvalidIamInstanceProfileArn.NotFound',
  'InvalidLaunchTemplateId.NotFound',
  'InvalidLaunchTemplateName.NotFoundException',
  'InvalidGroup.NotFound',
  'Unsupported',
]);
/** Adds the requested instance types, because a policy may allow only other types. */
const withTypes = (error: ToolError, { overrides }: FleetSpec): ToolError =>
  access('access-denied', error.message, {
    details: {
      action: 'ec2:CreateFleet',
      ...error.details,
      types: [...new Set(overrides.map(({ instanceType }) => instanceType))],
    },
    cause: error,
  });

/** DeleteFleets accepts this many instant fleets per call. */
const FLEETS_PER_DELETE = 25;

export function groupCalls(
  client: sdk.EC2Client,
): Pick<
  Ec2Port,
  | 'createSecurityGroup'
  | 'revokeEgress'
  | 'authorizeEgress'
  | 'authorizeIngress'
  | 'addRules'
  | 'revokeRule'
  | 'revokeIngress'
  | 'deleteSecurityGroup'
> {
  const permissions = (rules: readonly GroupRule[]): sdk.IpPermission[] =>
    rules.map((rule) => permissionOf(rule));
  return {
    async createSecurityGroup({ name, description, vpcId, tags }) {
      const created = await creation('ec2:CreateSecurityGroup', `security group ${name}`, () =>
        client.send(
          new sdk.CreateSecurityGroupCommand({
            GroupName: name,
            Description: description,
            VpcId: vpcId,
            TagSpecifications: [tagSpecification('security-group', tags)],
          }),
        ),
      );
      return created.GroupId ?? '';
    },
    async revokeEgress(GroupId, rules) {
      if (rules.length === 0) return;
      await undefinedOn('InvalidPermission.NotFound', 'ec2:RevokeSecurityGroupEgress', () =>
        client.send(new sdk.RevokeSecurityGroupEgressCommand({ GroupId, IpPermissions: permissions(rules) })),
      );
    },
    async authorizeEgress(GroupId, rules, tags) {
      if (rules.length === 0) return;
      await undefinedOn('InvalidPermission.Duplicate', 'ec2:AuthorizeSecurityGroupEgress', () =>
        client.send(
          new sdk.AuthorizeSecurityGroupEgressCommand({
            GroupId,
            IpPermissions: permissions(rules),
            TagSpecifications: [tagSpecification('security-group-rule', tags)],
          }),
        ),
      );
    },
    async authorizeIngress({ groupId, sourceGroupId, port, description, tags }) {
      const rule = { protocol: 'tcp', fromPort: port, toPort: port, groupId: sourceGroupId };
      await undefinedOn('InvalidPermission.Duplicate', 'ec2:AuthorizeSecurityGroupIngress', () =>
        client.send(
          new sdk.AuthorizeSecurityGroupIngressCommand({
            GroupId: groupId,
            IpPermissions: [permissionOf(rule, description)],
            TagSpecifications: [tagSpecification('security-group-rule', tags)],
          }),
        ),
      );
    },
    async addRules({ groupId: GroupId, egress, rules, description, tags }) {
      const input = {
        GroupId,
        IpPermissions: rules.map((rule) => permissionOf(rule, description)),
        TagSpecifications: [tagSpecification('security-group-rule', tags)],
      };
      const answer = await undefinedOn(
        'InvalidPermission.Duplicate',
        egress ? 'ec2:AuthorizeSecurityGroupEgress' : 'ec2:AuthorizeSecurityGroupIngress',
        () =>
          egress
            ? client.send(new sdk.AuthorizeSecurityGroupEgressCommand(input))
            : client.send(new sdk.AuthorizeSecurityGroupIngressCommand(input)),
      );
      return answer !== undefined;
    },
    async revokeRule({ id, groupId: GroupId, egress }) {
      const input = { GroupId, SecurityGroupRuleIds: [id] };
      await (egress
        ? deletion('ec2:RevokeSecurityGroupEgress', () =>
            client.send(new sdk.RevokeSecurityGroupEgressCommand(input)),
          )
        : deletion('ec2:RevokeSecurityGroupIngress', () =>
            client.send(new sdk.RevokeSecurityGroupIngressCommand(input)),
          ));
    },
    async revokeIngress(GroupId, ruleId) {
      await deletion('ec2:RevokeSecurityGroupIngress', () =>
        client.send(new sdk.RevokeSecurityGroupIngressCommand({ GroupId, SecurityGroupRuleIds: [ruleId] })),
      );
    },
    async deleteSecurityGroup(GroupId) {
      await deletion('ec2:DeleteSecurityGroup', () =>
        client.send(new sdk.DeleteSecurityGroupCommand({ GroupId })),
      );
    },
  };
}

export function launchCalls(
  client: sdk.EC2Client,
): Pick<
  Ec2Port,
  | 'createLaunchTemplate'
  | 'deleteLaunchTemplate'
  | 'createFleet'
  | 'deleteFleets'
  | 'terminateInstances'
  | 'setTags'
> {
  return {
    async createLaunchTemplate(spec) {
      const created = await creation('ec2:CreateLaunchTemplate', `launch template ${spec.name}`, () =>
        client.send(new sdk.CreateLaunchTemplateCommand(launchTemplateRequest(spec))),
      );
      return created.LaunchTemplate?.LaunchTemplateId ?? '';
    },
    async deleteLaunchTemplate(LaunchTemplateId) {
      await deletion('ec2:DeleteLaunchTemplate', () =>
        client.send(new sdk.DeleteLaunchTemplateCommand({ LaunchTemplateId })),
      );
    },
    async createFleet(spec): Promise<FleetResult> {
      try {
        const result = await creation('ec2:CreateFleet', 'the fleet', () =>
          client.send(new sdk.CreateFleetCommand(fleetRequest(spec))),
        );
        return fleetResultOf(result);
      } catch (error) {
        if (error instanceof ToolError && error.code === 'access-denied') throw withTypes(error, spec);
        const code = awsErrorName(error) ?? '';
        if (!LAUNCH_REFUSALS.has(code)) throw error;
        const message = error instanceof Error ? error.message : code;
        const refusal = { code, message, instanceType: undefined, subnetId: undefined };
        return { fleetId: undefined, instanceIds: [], errors: [refusal] };
      }
    },
    async deleteFleets(ids) {
      for (let at = 0; at < ids.length; at += FLEETS_PER_DELETE) {
        const FleetIds = ids.slice(at, at + FLEETS_PER_DELETE);
        const answer = await mapped('ec2:DeleteFleets', () =>
          client.send(new sdk.DeleteFleetsCommand({ FleetIds, TerminateInstances: true })),
        );
        const refused = (answer.UnsuccessfulFleetDeletions ?? []).find(
          (item) =>
            item.Error?.Code !== 'fleetIdDoesNotExist' && item.Error?.Code !== 'fleetNotInDeletableState',
        );
        if (refused !== undefined) {
          throw failed('still-in-use', `ec2:DeleteFleets refused ${refused.FleetId ?? 'a fleet'}`, {
            details: { awsError: refused.Error?.Code, action: 'ec2:DeleteFleets' },
          });
        }
      }
    },
    async terminateInstances(ids) {
      if (ids.length === 0) return;
      await deletion('ec2:TerminateInstances', () =>
        client.send(new sdk.TerminateInstancesCommand({ InstanceIds: [...ids] })),
      );
    },
    async setTags(ids, tags) {
      await mapped('ec2:CreateTags', () =>
        client.send(new sdk.CreateTagsCommand({ Resources: [...ids], Tags: tagList(tags) })),
      );
    },
  };
}
