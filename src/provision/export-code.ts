import { failed } from '../core/errors.ts';
import { IAM_PATH, ROLE_POLICY, SHARED_BOUNDARY, TAG } from './names.ts';

/** The part of a bastion that an administrator makes once: role, boundary and profile, as code for `up --role`. */

export type CodeFormat = 'terraform' | 'cloudformation';

/** Name of role and profile in the exported code. */
export const EXPORTED_ROLE = 'fargate-connect-bastion';

/** JSON documents, completely filled. */
export interface ExportedDocuments {
  readonly trust: string;
  readonly policy: string;
  readonly boundary: string;
}

/**
 * A CloudFormation template, or Terraform in its JSON syntax (`*.tf.json`). Throws `placeholder-unfilled`: code with a
 * placeholder would only fail later, and elsewhere.
 */
export function exportBastion(format: CodeFormat, documents: ExportedDocuments): string {
  const open = /\$\{([a-z][a-z0-9-]*)\}/.exec(
    `${documents.trust}${documents.policy}${documents.boundary}`,
  )?.[1];
  if (open !== undefined) {
    throw failed('placeholder-unfilled', `the code needs a value for ${open}`, {
      hints: ['give --cluster, --account and --region'],
      details: { placeholders: [open] },
    });
  }
  const code = format === 'terraform' ? terraform(documents) : cloudFormation(documents);
  return `${JSON.stringify(code, undefined, 2)}\n`;
}

const parsed = (document: string): unknown => JSON.parse(document) as unknown;

function cloudFormation({ trust, policy, boundary }: ExportedDocuments): unknown {
  return {
    AWSTemplateFormatVersion: '2010-09-09',
    Description:
      'Role of fargate-connect bastions; use it with: fargate-connect up --role fargate-connect-bastion',
    Resources: {
      Boundary: {
        Type: 'AWS::IAM::ManagedPolicy',
        Properties: {
          ManagedPolicyName: SHARED_BOUNDARY,
          Path: IAM_PATH,
          PolicyDocument: parsed(boundary),
        },
      },
      Role: {
        Type: 'AWS::IAM::Role',
        Properties: {
          RoleName: EXPORTED_ROLE,
          Path: IAM_PATH,
          AssumeRolePolicyDocument: parsed(trust),
          PermissionsBoundary: { Ref: 'Boundary' },
          Policies: [{ PolicyName: ROLE_POLICY, PolicyDocument: parsed(policy) }],
          Tags: [{ Key: TAG.role, Value: 'given' }],
        },
      },
      Profile: {
        Type: 'AWS::IAM::InstanceProfile',
        Properties: { InstanceProfileName: EXPORTED_ROLE, Path: IAM_PATH, Roles: [{ Ref: 'Role' }] },
      },
    },
    Outputs: { ProfileArn: { Value: { 'Fn::GetAtt': ['Profile', 'Arn'] } } },
  };
}

function terraform({ trust, policy, boundary }: ExportedDocuments): unknown {
  // Terraform reads ${…} in strings as its own; IAM's variables are written with two dollar signs.
  const literal = (document: string): string =>
    JSON.stringify(parsed(document)).replaceAll('${', () => '$${');
  const resource = 'fargate_connect_bastion';
  return {
    resource: {
      aws_iam_policy: {
        [`${resource}_boundary`]: { name: SHARED_BOUNDARY, path: IAM_PATH, policy: literal(boundary) },
      },
      aws_iam_role: {
        [resource]: {
          name: EXPORTED_ROLE,
          path: IAM_PATH,
          assume_role_policy: literal(trust),
          permissions_boundary: `\${aws_iam_policy.${resource}_boundary.arn}`,
          tags: { [TAG.role]: 'given' },
        },
      },
      aws_iam_role_policy: {
        [resource]: {
          name: ROLE_POLICY,
          role: `\${aws_iam_role.${resource}.id}`,
          policy: literal(policy),
        },
      },
      aws_iam_instance_profile: {
        [resource]: {
          name: EXPORTED_ROLE,
          path: IAM_PATH,
          role: `\${aws_iam_role.${resource}.name}`,
        },
      },
    },
    output: { instance_profile_arn: { value: `\${aws_iam_instance_profile.${resource}.arn}` } },
  };
}
