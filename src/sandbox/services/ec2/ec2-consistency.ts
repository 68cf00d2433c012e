import { AwsError } from '../../contracts.ts';

/** By the parameter that names the resource, most specific first. */
const NOT_FOUND: readonly (readonly [parameter: string, code: string])[] = [
  ['SecurityGroupRuleId', 'InvalidSecurityGroupRuleId.NotFound'],
  ['GroupId', 'InvalidGroup.NotFound'],
  ['LaunchTemplateConfigs', 'InvalidLaunchTemplateName.NotFoundException'],
  ['LaunchTemplateId', 'InvalidLaunchTemplateId.NotFound'],
  ['LaunchTemplateName', 'InvalidLaunchTemplateName.NotFoundException'],
  ['InstanceId', 'InvalidInstanceID.NotFound'],
  ['FleetId', 'InvalidFleetId.NotFound'],
  ['ResourceId', 'InvalidID'],
];

/** What EC2 answers for a resource that has not arrived everywhere; undefined if the input names none. */
export function ec2NotFoundYet(input: Readonly<Record<string, unknown>>): AwsError | undefined {
  const code = NOT_FOUND.find(([parameter]) => input[parameter] !== undefined)?.[1];
  return code === undefined ? undefined : new AwsError(code, 'The resource does not exist (yet)', 400);
}
