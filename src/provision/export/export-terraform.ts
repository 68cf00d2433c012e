import {
  type ExportedBastion,
  type ExportedDocuments,
  exportedBoundary,
  exportedRole,
  isList,
  type Json,
  launchCommand,
  mapped,
  NO_FLEET,
  parsed,
  type Reference,
} from './exported-bastion.ts';
import { iamTags, ROLE_POLICY } from '../bastion/names.ts';
import type { GroupRule } from '../ports/network.ts';
import type { Tags } from '../ports/tags.ts';

/** Terraform in its JSON syntax. The arguments of a launch template have the names of EC2's API, in snake case. */

const LABEL = 'fargate_connect_bastion';

type Block = { readonly [key: string]: Json };

export function terraform(bastion: ExportedBastion): Json {
  const { documents } = bastion;
  return {
    '//': NO_FLEET,
    terraform: { required_providers: { aws: { source: 'hashicorp/aws', version: '>= 5.0' } } },
    variable: {
      vpc_id: variable('VPC of the bastion', 'string', bastion.defaults.vpc),
      subnet_id: variable(
        'where the launch command puts it, with a route to AWS over IPv4; further subnets are further Overrides',
        'string',
        bastion.defaults.subnet,
      ),
      public_ip: variable('true only where an internet gateway is the only route to AWS', 'bool', false),
    },
    locals: { user_data: literal(bastion.userData) },
    resource: {
      ...(documents === undefined ? {} : roleResources(documents, bastion)),
      aws_security_group: {
        // The provider removes the rule that allows all outbound traffic.
        [LABEL]: {
          name: bastion.name,
          description: bastion.description,
          vpc_id: REFERENCE.vpc,
          tags: tagMap(bastion.tags),
        },
      },
      aws_vpc_security_group_egress_rule: Object.fromEntries(
        bastion.egress.map((rule, index): [string, Json] => [
          `${LABEL}_${index}`,
          egressRule(rule, bastion.tags),
        ]),
      ),
      aws_launch_template: {
        [LABEL]: {
          name: bastion.name,
          ...blocks(mapped(bastion.template, literal, (name) => REFERENCE[name])),
          tags: tagMap(bastion.tags),
        },
      },
    },
    output: {
      ...(documents === undefined ? {} : { instance_profile_arn: { value: REFERENCE.profile } }),
      security_group_id: { value: REFERENCE.group },
      launch_template_id: { value: REFERENCE.template },
      launch: { value: launchCommand(bastion, (name) => REFERENCE[name]) },
    },
  };
}

const REFERENCE: Readonly<Record<Reference, string>> = {
  vpc: '${var.vpc_id}',
  subnet: '${var.subnet_id}',
  'public-ip': '${var.public_ip}',
  profile: `\${aws_iam_instance_profile.${LABEL}.arn}`,
  group: `\${aws_security_group.${LABEL}.id}`,
  template: `\${aws_launch_template.${LABEL}.id}`,
  'user-data': '${base64encode(local.user_data)}',
};

/**
 * Terraform interprets `${…}` and `%{…}` in strings. Doubling the first character (`$${…}`, `%%{…}`) keeps the text as
 * it is.
 */
const literal = (text: string): string => text.replaceAll('${', () => '$${').replaceAll('%{', () => '%%{');

const variable = (description: string, type: string, value: Json | undefined): Block => ({
  description,
  type,
  ...(value === undefined ? {} : { default: value }),
});

const tagMap = (tags: Tags): Json =>
  Object.fromEntries(Object.entries(tags).map(([key, value]) => [literal(key), literal(value)]));

/** `HttpPutResponseHopLimit` → `http_put_response_hop_limit`. */
const snakeCase = (name: string): string =>
  name.replaceAll(/(?<=[a-z0-9])[A-Z]/g, (letter) => `_${letter}`).toLowerCase();

/** The names that differ between the provider and EC2's API. */
const TERRAFORM_NAMES: Readonly<Record<string, string>> = { Groups: 'security_groups' };

/** Converts a structure of EC2's API to arguments and blocks of the provider. */
function blocks(value: Json): Block {
  if (typeof value !== 'object' || value === null || isList(value)) return {};
  return Object.fromEntries(
    Object.entries(value).map(([name, item]): [string, Json] => {
      if (name === 'Tags' && isList(item)) return ['tags', Object.fromEntries(item.map(pairOf))];
      return [TERRAFORM_NAMES[name] ?? snakeCase(name), argument(item)];
    }),
  );
}

function argument(value: Json): Json {
  if (isList(value)) return value.map(argument);
  return typeof value === 'object' && value !== null ? blocks(value) : value;
}

function pairOf(tag: Json): [string, Json] {
  const { Key, Value } = tag as Readonly<Record<'Key' | 'Value', string>>;
  return [Key, Value];
}

const egressRule = (rule: GroupRule, tags: Tags): Json => ({
  security_group_id: REFERENCE.group,
  ip_protocol: rule.protocol,
  from_port: rule.fromPort,
  to_port: rule.toPort,
  ...(rule.cidr === undefined ? {} : { [rule.cidr.includes(':') ? 'cidr_ipv6' : 'cidr_ipv4']: rule.cidr }),
  ...(rule.groupId === undefined ? {} : { referenced_security_group_id: rule.groupId }),
  tags: tagMap(tags),
});

function roleResources(
  { trust, policy, boundary }: ExportedDocuments,
  { iam, tags: all }: Pick<ExportedBastion, 'iam' | 'tags'>,
): Block {
  const tags = tagMap(iamTags(all));
  const document = (text: string): string => literal(JSON.stringify(parsed(text)));
  return {
    aws_iam_policy: {
      [`${LABEL}_boundary`]: {
        name: exportedBoundary(iam),
        path: iam.path,
        policy: document(boundary),
        tags,
      },
    },
    aws_iam_role: {
      [LABEL]: {
        name: exportedRole(iam),
        path: iam.path,
        assume_role_policy: document(trust),
        permissions_boundary: `\${aws_iam_policy.${LABEL}_boundary.arn}`,
        tags,
      },
    },
    aws_iam_role_policy: {
      [LABEL]: { name: ROLE_POLICY, role: `\${aws_iam_role.${LABEL}.id}`, policy: document(policy) },
    },
    aws_iam_instance_profile: {
      [LABEL]: { name: exportedRole(iam), path: iam.path, role: `\${aws_iam_role.${LABEL}.name}`, tags },
    },
  };
}
