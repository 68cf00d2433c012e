import { type AuthorizationCheck, AwsError } from '../../contracts.ts';
import { type Fields, list, requiredText, structures } from '../../wire/fields.ts';
import type { Ec2State } from './ec2-state.ts';
import { parseTags, requestTagContext, type Tags } from '../tags.ts';

/** TagSpecifications of EC2's creating calls, and the ec2:CreateTags check that they require. */

export type TagsByType = ReadonlyMap<string, Tags>;

/** Throws AwsError for a resource type that the call does not create. */
export function tagSpecifications(
  input: Fields,
  allowed: readonly string[],
  parameter = 'TagSpecification',
): TagsByType {
  const found = new Map<string, Tags>();
  for (const specification of structures(input, parameter)) {
    const type = requiredText(specification, 'ResourceType');
    if (!allowed.includes(type)) {
      throw new AwsError(
        'InvalidParameterValue',
        `'${type}' is not a valid taggable resource type for this operation.`,
      );
    }
    if (found.has(type)) {
      throw new AwsError('InvalidParameterValue', `Duplicate tag specification for ${type}`);
    }
    found.set(type, parseTags(list(specification, 'Tag')));
  }
  return found;
}

export const tagsFor = (tags: TagsByType, type: string): Tags => tags.get(type) ?? new Map<string, string>();

/** No check if the call sets no tags on that type. */
export function createTagsCheck(
  state: Ec2State,
  type: string,
  tags: Tags,
  createAction: string,
): readonly AuthorizationCheck[] {
  if (tags.size === 0) return [];
  return [
    {
      action: 'ec2:CreateTags',
      resource: state.arn(type, '*'),
      context: { ...requestTagContext(tags), 'ec2:CreateAction': createAction, 'ec2:Region': state.region },
    },
  ];
}
