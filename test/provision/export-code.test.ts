import { describe, expect, it } from 'vitest';

import { exportBastion } from '../../src/provision/export-code.ts';

const documents = {
  trust: '{"Version":"2012-10-17","Statement":[{"Sid":"Ec2Only"}]}',
  policy: '{"Version":"2012-10-17","Statement":[{"Resource":"session/${aws:userid}-*"}]}',
  boundary: '{"Version":"2012-10-17","Statement":[]}',
};

describe('the bastion as code', () => {
  it('CloudFormation: role with boundary, profile with role', () => {
    const template = JSON.parse(exportBastion('cloudformation', documents)) as {
      Resources: Record<string, { Type: string; Properties: Record<string, unknown> }>;
    };
    expect(Object.values(template.Resources).map((resource) => resource.Type)).toEqual([
      'AWS::IAM::ManagedPolicy',
      'AWS::IAM::Role',
      'AWS::IAM::InstanceProfile',
    ]);
    expect(template.Resources['Role']?.Properties['PermissionsBoundary']).toEqual({ Ref: 'Boundary' });
    expect(template.Resources['Role']?.Properties['Path']).toBe('/fargate-connect/');
  });

  it('Terraform: its own references, and IAM variables escaped from them', () => {
    const code = exportBastion('terraform', documents);
    const { resource } = JSON.parse(code) as {
      resource: Record<string, Record<string, Record<string, string>>>;
    };
    expect(resource['aws_iam_role_policy']?.['fargate_connect_bastion']?.['policy']).toContain(
      '$${aws:userid}',
    );
    expect(resource['aws_iam_instance_profile']?.['fargate_connect_bastion']?.['role']).toBe(
      '${aws_iam_role.fargate_connect_bastion.name}',
    );
  });

  it('is refused while a placeholder is open', () => {
    expect(() => exportBastion('terraform', { ...documents, policy: '{"a":"${cluster}"}' })).toThrow(
      expect.objectContaining({ code: 'placeholder-unfilled' }) as Error,
    );
  });
});
