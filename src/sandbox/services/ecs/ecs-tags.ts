import { nameOfArn, resourceSegments } from '../../../core/arn.ts';
import { AwsError, type Operations } from '../../contracts.ts';
import type { SeedTag } from '../../seed-shapes.ts';
import { requiredText, textList } from '../members.ts';
import { type EcsLookup, invalid, requestTags, tagContext } from './ecs-lookup.ts';
import type { Fields } from './ecs-model.ts';

/** A resource with tags, as the tag operations use it. */
interface Tagged {
  tags?: readonly SeedTag[];
}

export function tagOperations(lookup: EcsLookup): Operations {
  const { state } = lookup;
  const arnOf = (input: Fields): string => requiredText(input, 'resourceArn', 'InvalidParameterException');
  const find = (arn: string): Tagged | undefined => {
    const [type, first = '', second] = resourceSegments(arn);
    switch (type) {
      case 'cluster':
        return state.cluster(first);
      case 'service':
        return second === undefined ? undefined : state.service(first, second);
      case 'task':
        return second === undefined ? undefined : state.task(first, second);
      case 'task-definition':
        return state.definition(nameOfArn(arn));
      case undefined:
      default:
        throw invalid(`The resource ARN ${arn} is not supported here.`);
    }
  };
  const found = (input: Fields): Tagged => {
    const resource = find(arnOf(input));
    if (resource === undefined)
      throw new AwsError(
        'InvalidParameterException',
        'The specified resource is inactive or does not exist.',
      );
    return resource;
  };
  const check = (
    action: string,
    input: Fields,
    context: Readonly<Record<string, string | string[]>> = {},
  ) => [
    {
      action: `ecs:${action}`,
      resource: arnOf(input),
      context: { ...context, ...tagContext(find(arnOf(input))?.tags ?? []) },
    },
  ];
  return {
    TagResource: {
      authorize: (input) => check('TagResource', input, requestTags(input).context),
      run(input) {
        const resource = found(input);
        const { tags } = requestTags(input);
        const names = new Set(tags.map(({ key }) => key));
        resource.tags = [...(resource.tags ?? []).filter(({ key }) => !names.has(key)), ...tags];
        return {};
      },
    },
    UntagResource: {
      authorize: (input) => check('UntagResource', input, { 'aws:TagKeys': [...textList(input, 'tagKeys')] }),
      run(input) {
        const resource = found(input);
        const names = textList(input, 'tagKeys');
        resource.tags = (resource.tags ?? []).filter(({ key }) => !names.includes(key));
        return {};
      },
    },
    ListTagsForResource: {
      authorize: (input) => check('ListTagsForResource', input),
      run: (input) => ({ tags: (found(input).tags ?? []).map(({ key, value }) => ({ key, value })) }),
    },
  };
}
