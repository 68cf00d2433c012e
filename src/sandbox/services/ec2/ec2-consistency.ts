import { AwsError } from '../../contracts.ts';

/** Error codes by the parameter that names the resource, most specific first. */
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

/** EC2's answer for a resource that is not visible everywhere yet; undefined if the input names no resource. */
export function ec2NotFoundYet(input: Readonly<Record<string, unknown>>): AwsError | undefined {
  const code = NOT_FOUND.find(([parameter]) => input[parameter] !== undefined)?.[1];
  return code === undefined ? undefined : new AwsError(code, 'The resource does not exist (yet)', 400);
}
