import { type ApiCall, type AuthorizationCheck, AwsError, type Operations } from '../../contracts.ts';
import { type Fields, optionalText, requiredText, texts } from '../../wire/fields.ts';
import { describeOperation, tagSet } from './ec2-describe.ts';
import { parsePermissions, permissionMembers, type RuleSpec, sameRule } from './ec2-group-rules.ts';
import { createTagsCheck, tagsFor, tagSpecifications } from './ec2-request-tags.ts';
import type { Ec2State, GroupRule, SecurityGroup } from './ec2-state.ts';
import { requestTagContext, resourceTagContext, type Tags } from '../tags.ts';

const MAX_RULES = 60;

/** Security groups and their rules. */
export function securityGroupOperations(state: Ec2State): Operations {
  return {
    DescribeSecurityGroups: describeOperation<SecurityGroup>({
      action: 'DescribeSecurityGroups',
      answer: 'securityGroupInfo',
      items: (input) => namedGroups(state, input),
      tags: (group) => group.tags,
      ids: { parameter: 'GroupId', of: (group) => group.id, notFound: 'InvalidGroup.NotFound' },
      filters: {
        'group-id': (group) => group.id,
        'group-name': (group) => group.name,
        description: (group) => group.description,
        'vpc-id': (group) => group.vpcId,
        'owner-id': () => state.accountId,
        'ip-permission.group-id': (group) => referencedBy(group, false),
        'egress.ip-permission.group-id': (group) => referencedBy(group, true),
      },
      shape: (group) => groupMembers(state, group),
    }),
    DescribeSecurityGroupRules: describeOperation<OwnedRule>({
      action: 'DescribeSecurityGroupRules',
      answer: 'securityGroupRuleSet',
      items: () => allRules(state),
      tags: ({ rule }) => rule.tags,
      ids: {
        parameter: 'SecurityGroupRuleId',
        of: ({ rule }) => rule.id,
        notFound: 'InvalidSecurityGroupRuleId.NotFound',
      },
      filters: {
        'group-id': ({ group }) => group.id,
        'security-group-rule-id': ({ rule }) => rule.id,
      },
      shape: ({ group, rule }) => ruleMembers(state, group, rule),
    }),
    CreateSecurityGroup: {
      authorize: (input) => {
        const tags = createdTags(input, 'security-group');
        const vpcId = vpcOf(state, input);
        return [
          {
            action: 'ec2:CreateSecurityGroup',
            resource: state.arn('security-group', '*'),
            context: { ...requestTagContext(tags), 'ec2:Region': state.region },
          },
          {
            action: 'ec2:CreateSecurityGroup',
            resource: state.arn('vpc', vpcId),
            context: {
              ...resourceTagContext(state.vpcs.get(vpcId)?.tags ?? new Map<string, string>(), 'ec2'),
              'ec2:VpcID': vpcId,
              'ec2:Region': state.region,
            },
          },
          ...createTagsCheck(state, 'security-group', tags, 'CreateSecurityGroup'),
        ];
      },
      run: (input) => createGroup(state, input),
    },
    AuthorizeSecurityGroupIngress: authorizeRules(state, false),
    AuthorizeSecurityGroupEgress: authorizeRules(state, true),
    RevokeSecurityGroupIngress: revokeRules(state, false),
    RevokeSecurityGroupEgress: revokeRules(state, true),
    DeleteSecurityGroup: {
      authorize: (input, call) => [onGroup(state, call, groupOf(state, input))],
      run: (input) => {
        const group = groupOf(state, input);
        if (group.name === 'default') {
          throw new AwsError(
            'CannotDelete',
            `the specified group: "${group.id}" name: "default" cannot be deleted by a user`,
          );
        }
        if (isInUse(state, group)) {
          throw new AwsError('DependencyViolation', `resource ${group.id} has a dependent object`);
        }
        state.groups.delete(group.id);
        return { return: true, groupId: group.id };
      },
    },
  };
}

interface OwnedRule {
  readonly group: SecurityGroup;
  readonly rule: GroupRule;
}

const allRules = (state: Ec2State): readonly OwnedRule[] =>
  state.visible(state.groups).flatMap((group) => state.visible(group.rules).map((rule) => ({ group, rule })));

function namedGroups(state: Ec2State, input: Fields): readonly SecurityGroup[] {
  const names = texts(input, 'GroupName');
  const groups = state.visible(state.groups).filter((group) => !isOwnersGroup(state, group));
  return names.length === 0 ? groups : groups.filter((group) => names.includes(group.name));
}

/** In a shared VPC the default group, and those of its endpoints, belong to the account that shares it. */
const isOwnersGroup = (state: Ec2State, group: SecurityGroup): boolean =>
  state.isOfAnotherAccount(group) &&
  (group.name === 'default' ||
    [...state.endpoints.values()].some((endpoint) => endpoint.groupIds.includes(group.id)));

const referencedBy = (group: SecurityGroup, egress: boolean): readonly string[] =>
  [...group.rules.values()].flatMap((rule) =>
    rule.egress === egress && rule.peer.type === 'group' ? [rule.peer.groupId] : [],
  );

/** Whether an interface has the group, or a rule of another group names it. */
function isInUse(state: Ec2State, group: SecurityGroup): boolean {
  const attached = [...state.interfaces.values()].some((item) => item.groupIds.includes(group.id));
  const referenced = [...state.groups.values()].some(
    (other) =>
      other.id !== group.id &&
      [...referencedBy(other, false), ...referencedBy(other, true)].includes(group.id),
  );
  return attached || referenced;
}

const createdTags = (input: Fields, type: string): Tags => tagsFor(tagSpecifications(input, [type]), type);

function vpcOf(state: Ec2State, input: Fields): string {
  const given = optionalText(input, 'VpcId');
  const vpcId = given ?? [...state.vpcs.values()].find((vpc) => vpc.isDefault)?.id;
  if (vpcId === undefined) throw new AwsError('VPCIdNotSpecified', 'No default VPC for this user');
  return state.find(state.vpcs, vpcId, 'InvalidVpcID.NotFound', 'vpc ID').id;
}

function groupOf(state: Ec2State, input: Fields): SecurityGroup {
  const id = optionalText(input, 'GroupId');
  if (id !== undefined) return state.group(id);
  const name = requiredText(input, 'GroupName');
  const group = [...state.groups.values()].find(
    (candidate) => candidate.name === name && state.vpcs.get(candidate.vpcId)?.isDefault === true,
  );
  if (group === undefined) {
    throw new AwsError('InvalidGroup.NotFound', `The security group '${name}' does not exist in default VPC`);
  }
  return group;
}

function onGroup(state: Ec2State, call: ApiCall, group: SecurityGroup): AuthorizationCheck {
  return {
    action: `ec2:${call.action}`,
    resource: state.arn('security-group', group.id),
    context: {
      ...resourceTagContext(group.tags, 'ec2'),
      'ec2:SecurityGroupID': group.id,
      'ec2:Vpc': state.arn('vpc', group.vpcId),
      'ec2:Region': state.region,
    },
  };
}

function createGroup(state: Ec2State, input: Fields): Fields {
  const name = requiredText(input, 'GroupName');
  const description = requiredText(input, 'GroupDescription');
  if (name.length > 255 || name.startsWith('sg-') || !/^[\w .:/()#,@[\]+=&;{}!$*-]+$/.test(name)) {
    throw new AwsError('InvalidParameterValue', `Value (${name}) for parameter groupName is invalid.`);
  }
  if (description.length > 255 || !/^[\w .:/()#,@[\]+=&;{}!$*-]+$/.test(description)) {
    throw new AwsError(
      'InvalidParameterValue',
      'Value for parameter GroupDescription is invalid. Character sets beyond ASCII are not supported.',
    );
  }
  const vpcId = vpcOf(state, input);
  if ([...state.groups.values()].some((group) => group.name === name && group.vpcId === vpcId)) {
    throw new AwsError(
      'InvalidGroup.Duplicate',
      `The security group '${name}' already exists for VPC '${vpcId}'`,
    );
  }
  const tags = createdTags(input, 'security-group');
  const group: SecurityGroup = {
    id: state.ids.ec2('sg'),
    tags,
    createdAt: state.now,
    name,
    description,
    vpcId,
    rules: new Map(),
  };
  const everywhere: readonly GroupRule['peer'][] = [
    { type: 'cidr', cidr: '0.0.0.0/0' },
    ...(state.vpcs.get(vpcId)?.ipv6Cidr === undefined ? [] : [{ type: 'ipv6', cidr: '::/0' } as const]),
  ];
  for (const peer of everywhere)
    addRule(state, group, new Map(), {
      egress: true,
      protocol: '-1',
      fromPort: -1,
      toPort: -1,
      peer,
      description: undefined,
    });
  state.groups.set(group.id, group);
  return { groupId: group.id, tagSet: tagSet(tags), securityGroupArn: state.arn('security-group', group.id) };
}

function addRule(state: Ec2State, group: SecurityGroup, tags: Tags, spec: RuleSpec): GroupRule {
  const rule: GroupRule = { id: state.ids.ec2('sgr'), tags: new Map(tags), createdAt: state.now, ...spec };
  group.rules.set(rule.id, rule);
  return rule;
}

function authorizeRules(state: Ec2State, egress: boolean): Operations[string] {
  return {
    authorize: (input, call) => {
      const tags = createdTags(input, 'security-group-rule');
      const checks = [onGroup(state, call, groupOf(state, input))];
      if (tags.size === 0) return checks;
      return [
        ...checks,
        {
          action: `ec2:${call.action}`,
          resource: state.arn('security-group-rule', '*'),
          context: { ...requestTagContext(tags), 'ec2:Region': state.region },
        },
        ...createTagsCheck(state, 'security-group-rule', tags, call.action),
      ];
    },
    run: (input) => {
      const group = groupOf(state, input);
      const tags = createdTags(input, 'security-group-rule');
      const specs = parsePermissions(state, group, input, egress);
      const existing = [...group.rules.values()];
      for (const [index, spec] of specs.entries()) {
        if ([...existing, ...specs.slice(0, index)].some((other) => sameRule(other, spec))) {
          throw new AwsError(
            'InvalidPermission.Duplicate',
            `the specified rule "peer: ${JSON.stringify(spec.peer)}, ${spec.protocol}, from port: ${spec.fromPort}, to port: ${spec.toPort}, ALLOW" already exists`,
          );
        }
      }
      if (existing.filter((rule) => rule.egress === egress).length + specs.length > MAX_RULES) {
        throw new AwsError('RulesPerSecurityGroupLimitExceeded', `more than ${MAX_RULES} rules`);
      }
      const added = specs.map((spec) => addRule(state, group, tags, spec));
      return { return: true, securityGroupRuleSet: added.map((rule) => ruleMembers(state, group, rule)) };
    },
  };
}

function revokeRules(state: Ec2State, egress: boolean): Operations[string] {
  return {
    authorize: (input, call) => [onGroup(state, call, groupOf(state, input))],
    run: (input) => {
      const group = groupOf(state, input);
      const ids = texts(input, 'SecurityGroupRuleId');
      const removed =
        ids.length > 0
          ? ids.map((id) => {
              const rule = group.rules.get(id);
              if (rule?.egress === egress) return rule;
              throw new AwsError(
                'InvalidSecurityGroupRuleId.NotFound',
                `The security group rule ID '${id}' does not exist`,
              );
            })
          : parsePermissions(state, group, input, egress).map((spec) => {
              const rule = [...group.rules.values()].find((candidate) => sameRule(candidate, spec));
              if (rule !== undefined) return rule;
              throw new AwsError(
                'InvalidPermission.NotFound',
                'The specified rule does not exist in this security group.',
              );
            });
      for (const rule of removed) group.rules.delete(rule.id);
      return { return: true };
    },
  };
}

function groupMembers(state: Ec2State, group: SecurityGroup): Fields {
  return {
    groupId: group.id,
    ipPermissionsEgress: permissionMembers(state, group, true),
    tagSet: tagSet(group.tags),
    vpcId: group.vpcId,
    securityGroupArn: state.arn('security-group', group.id),
    ownerId: state.accountId,
    groupName: group.name,
    groupDescription: group.description,
    ipPermissions: permissionMembers(state, group, false),
  };
}

function ruleMembers(state: Ec2State, group: SecurityGroup, rule: GroupRule): Fields {
  const { peer } = rule;
  return {
    securityGroupRuleId: rule.id,
    groupId: group.id,
    groupOwnerId: state.accountId,
    isEgress: rule.egress,
    ipProtocol: rule.protocol,
    fromPort: rule.fromPort,
    toPort: rule.toPort,
    cidrIpv4: peer.type === 'cidr' ? peer.cidr : undefined,
    cidrIpv6: peer.type === 'ipv6' ? peer.cidr : undefined,
    prefixListId: peer.type === 'prefix-list' ? peer.id : undefined,
    referencedGroupInfo:
      peer.type === 'group'
        ? { groupId: peer.groupId, userId: state.accountId, vpcId: group.vpcId }
        : undefined,
    description: rule.description,
    tagSet: tagSet(rule.tags),
    securityGroupRuleArn: state.arn('security-group-rule', rule.id),
  };
}
