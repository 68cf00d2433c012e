import { type AuthorizationCheck, AwsError, type Operations } from '../../contracts.ts';
import { type Fields, list, optionalText, structures, texts } from '../../wire/fields.ts';
import { describeOperation } from './ec2-describe.ts';
import type { Ec2State, Resource } from './ec2-state.ts';
import { parseTags, requestTagContext, resourceTagContext } from '../tags.ts';

/** The operations on tags: CreateTags, DeleteTags, DescribeTags. */
export function tagOperations(state: Ec2State): Operations {
  const targets = (input: Fields): readonly TaggedResource[] =>
    texts(input, 'ResourceId').map((id) => resourceOf(state, id));
  return {
    CreateTags: {
      authorize: (input) => {
        const requested = requestTagContext(parseTags(list(input, 'Tag')));
        return targets(input).map((target) => check(state, 'CreateTags', target, requested));
      },
      run: (input) => {
        const tags = parseTags(list(input, 'Tag'));
        for (const { resource } of targets(input)) {
          for (const [key, value] of tags) resource.tags.set(key, value);
          if (resource.tags.size > 50) throw new AwsError('TagLimitExceeded', 'more than 50 tags');
        }
        return { return: true };
      },
    },
    DeleteTags: {
      authorize: (input) => {
        const keys = structures(input, 'Tag').flatMap((tag) => optionalText(tag, 'Key') ?? []);
        return targets(input).map((target) => check(state, 'DeleteTags', target, { 'aws:TagKeys': keys }));
      },
      run: (input) => {
        for (const { resource } of targets(input)) removeTags(resource, structures(input, 'Tag'));
        return { return: true };
      },
    },
    DescribeTags: describeOperation<TagEntry>({
      action: 'DescribeTags',
      answer: 'tagSet',
      items: () => tagEntries(state),
      filters: {
        key: (entry) => entry.key,
        value: (entry) => entry.value,
        'resource-id': (entry) => entry.id,
        'resource-type': (entry) => entry.type,
      },
      // `tag:KEY` finds the entries of that key with one of the values.
      tags: ({ key, value }) => new Map([[key, value]]),
      shape: ({ key, id, type, value }) => ({ key, resourceId: id, resourceType: type, value }),
    }),
  };
}

interface TaggedResource {
  readonly type: string;
  readonly resource: Resource;
}

interface TagEntry {
  readonly key: string;
  readonly value: string;
  readonly id: string;
  readonly type: string;
}

function collections(state: Ec2State): readonly (readonly [string, ReadonlyMap<string, Resource>])[] {
  return [
    ['vpc', state.vpcs],
    ['subnet', state.subnets],
    ['route-table', state.routeTables],
    ['internet-gateway', state.internetGateways],
    ['natgateway', state.natGateways],
    ['vpc-endpoint', state.endpoints],
    ['security-group', state.groups],
    ['security-group-rule', new Map([...state.groups.values()].flatMap((group) => [...group.rules]))],
    ['launch-template', state.templates],
    ['fleet', state.fleets],
    ['instance', state.instances],
    ['network-interface', state.interfaces],
    ['volume', state.volumes],
    ['spot-instances-request', state.spotRequests],
  ];
}

/** Throws AwsError `InvalidID` for an id of no resource in the sandbox. */
function resourceOf(state: Ec2State, id: string): TaggedResource {
  for (const [type, resources] of collections(state)) {
    const resource = resources.get(id);
    if (resource !== undefined && state.isVisible(resource)) return { type, resource };
  }
  throw new AwsError('InvalidID', `The ID '${id}' is not valid`);
}

const check = (
  state: Ec2State,
  action: string,
  { type, resource }: TaggedResource,
  requested: Record<string, string | string[]>,
): AuthorizationCheck => ({
  action: `ec2:${action}`,
  resource: state.arn(type, resource.id),
  context: { ...requested, ...resourceTagContext(resource.tags, 'ec2'), 'ec2:Region': state.region },
});

/**
 * A tag given without a value is removed whatever its value is; without given tags, all tags are removed except AWS's
 * own.
 */
function removeTags(resource: Resource, wanted: readonly Fields[]): void {
  if (wanted.length === 0) {
    for (const key of resource.tags.keys()) if (!key.startsWith('aws:')) resource.tags.delete(key);
    return;
  }
  for (const tag of wanted) {
    const key = optionalText(tag, 'Key') ?? '';
    const value = optionalText(tag, 'Value');
    if (value === undefined || resource.tags.get(key) === value) resource.tags.delete(key);
  }
}

const tagEntries = (state: Ec2State): readonly TagEntry[] =>
  collections(state).flatMap(([type, resources]) =>
    state
      .visible(resources)
      .flatMap((resource) =>
        [...resource.tags].map(([key, value]) => ({ key, value, id: resource.id, type })),
      ),
  );
