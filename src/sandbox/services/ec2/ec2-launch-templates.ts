import { type AuthorizationCheck, AwsError, type Operations } from '../../contracts.ts';
import { type Fields, isFields, optionalText, requiredText, structure, texts } from '../../wire/fields.ts';
import { XmlList } from '../../wire/xml.ts';
import { anyResource, describeOperation, tagSet } from './ec2-describe.ts';
import { createTagsCheck, tagsFor, tagSpecifications } from './ec2-request-tags.ts';
import type { Ec2State, LaunchTemplate } from './ec2-state.ts';
import { checkUserData } from './ec2-user-data.ts';
import type { Idempotency } from '../idempotency.ts';
import { requestTagContext, resourceTagContext } from '../tags.ts';

/** Resource types that a template may tag at launch. */
export const LAUNCH_TAG_TYPES = ['instance', 'volume', 'network-interface', 'spot-instances-request'];

const NAME = /^[a-zA-Z0-9().\-/_]{3,128}$/;

/** Launch templates; each has exactly one version. */
export function launchTemplateOperations(state: Ec2State, idempotency: Idempotency): Operations {
  return {
    CreateLaunchTemplate: {
      authorize: (input) => {
        const tags = tagsFor(tagSpecifications(input, ['launch-template']), 'launch-template');
        return [
          {
            action: 'ec2:CreateLaunchTemplate',
            resource: state.arn('launch-template', '*'),
            context: { ...requestTagContext(tags), 'ec2:Region': state.region },
          },
          ...createTagsCheck(state, 'launch-template', tags, 'CreateLaunchTemplate'),
        ];
      },
      run: (input, call) =>
        idempotency.once(call.action, input, () => createTemplate(state, input, call.principal.arn)),
    },
    DescribeLaunchTemplates: describeOperation<LaunchTemplate>({
      action: 'DescribeLaunchTemplates',
      answer: 'launchTemplates',
      items: (input) => byName(state, input),
      tags: (template) => template.tags,
      ids: {
        parameter: 'LaunchTemplateId',
        of: (template) => template.id,
        notFound: 'InvalidLaunchTemplateId.NotFound',
      },
      minPage: 1,
      filters: {
        'launch-template-name': (template) => template.name,
        'launch-template-id': (template) => template.id,
        'create-time': (template) => new Date(template.createdAt).toISOString(),
      },
      shape: (template) => templateMembers(template),
    }),
    DescribeLaunchTemplateVersions: {
      authorize: () => anyResource('DescribeLaunchTemplateVersions'),
      run: (input) => ({ launchTemplateVersionSet: [versionMembers(templateOf(state, input))] }),
    },
    DeleteLaunchTemplate: {
      authorize: (input) => [onTemplate(state, 'DeleteLaunchTemplate', templateOf(state, input))],
      run: (input) => {
        const template = templateOf(state, input);
        state.templates.delete(template.id);
        return { launchTemplate: templateMembers(template) };
      },
    },
  };
}

export const onTemplate = (
  state: Ec2State,
  action: string,
  template: LaunchTemplate,
): AuthorizationCheck => ({
  action: `ec2:${action}`,
  resource: state.arn('launch-template', template.id),
  context: { ...resourceTagContext(template.tags, 'ec2'), 'ec2:Region': state.region },
});

/** The template for `LaunchTemplateId` or `LaunchTemplateName`. Throws AwsError for none, both, or an unknown one. */
export function templateOf(state: Ec2State, input: Fields): LaunchTemplate {
  const id = optionalText(input, 'LaunchTemplateId');
  const name = optionalText(input, 'LaunchTemplateName');
  if (id !== undefined && name !== undefined) {
    throw new AwsError(
      'InvalidParameterCombination',
      'The parameters launchTemplateId and launchTemplateName cannot be used together.',
    );
  }
  if (id !== undefined) {
    return state.find(state.templates, id, 'InvalidLaunchTemplateId.NotFound', 'launch template');
  }
  const wanted = requiredText(input, 'LaunchTemplateName');
  const template = state.visible(state.templates).find((candidate) => candidate.name === wanted);
  if (template === undefined) {
    throw new AwsError(
      'InvalidLaunchTemplateName.NotFoundException',
      `At least one of the launch templates specified in the request does not exist: ${wanted}`,
    );
  }
  return template;
}

/** Only version 1 exists. Throws AwsError `InvalidLaunchTemplateId.VersionNotFound`. */
export function checkVersion(template: LaunchTemplate, version: string | undefined): void {
  if (version !== undefined && !['1', '$Latest', '$Default'].includes(version)) {
    throw new AwsError(
      'InvalidLaunchTemplateId.VersionNotFound',
      `Could not find launch template version ${version} of ${template.id}`,
    );
  }
}

function byName(state: Ec2State, input: Fields): readonly LaunchTemplate[] {
  const names = texts(input, 'LaunchTemplateName');
  const all = state.visible(state.templates);
  for (const name of names) {
    if (!all.some((template) => template.name === name)) {
      throw new AwsError(
        'InvalidLaunchTemplateName.NotFoundException',
        `At least one of the launch templates specified in the request does not exist: ${name}`,
      );
    }
  }
  return names.length === 0 ? all : all.filter((template) => names.includes(template.name));
}

function createTemplate(state: Ec2State, input: Fields, createdBy: string): Fields {
  const name = requiredText(input, 'LaunchTemplateName');
  if (!NAME.test(name)) {
    throw new AwsError(
      'InvalidLaunchTemplateName.MalformedException',
      `The launch template name ${name} is malformed`,
    );
  }
  if ([...state.templates.values()].some((template) => template.name === name)) {
    throw new AwsError(
      'InvalidLaunchTemplateName.AlreadyExistsException',
      `Launch template name already in use: ${name}`,
    );
  }
  const data = structure(input, 'LaunchTemplateData');
  if (data === undefined) {
    throw new AwsError('MissingParameter', 'The request must contain the parameter LaunchTemplateData');
  }
  checkUserData(optionalText(data, 'UserData'));
  tagSpecifications(data, LAUNCH_TAG_TYPES);
  const template: LaunchTemplate = {
    id: state.ids.ec2('lt'),
    tags: tagsFor(tagSpecifications(input, ['launch-template']), 'launch-template'),
    createdAt: state.now,
    name,
    createdBy,
    description: optionalText(input, 'VersionDescription'),
    data,
  };
  state.templates.set(template.id, template);
  return { launchTemplate: templateMembers(template) };
}

function templateMembers(template: LaunchTemplate): Fields {
  return {
    launchTemplateId: template.id,
    launchTemplateName: template.name,
    createTime: new Date(template.createdAt),
    createdBy: template.createdBy,
    defaultVersionNumber: 1,
    latestVersionNumber: 1,
    tagSet: tagSet(template.tags),
  };
}

function versionMembers(template: LaunchTemplate): Fields {
  return {
    launchTemplateId: template.id,
    launchTemplateName: template.name,
    versionNumber: 1,
    versionDescription: template.description,
    createTime: new Date(template.createdAt),
    createdBy: template.createdBy,
    defaultVersion: true,
    launchTemplateData: dataMembers(template.data),
  };
}

/** Lists whose name in the answer is not the name in the request followed by `Set`. */
const ANSWER_LISTS: Readonly<Record<string, string>> = {
  SecurityGroupId: 'securityGroupIdSet',
  SecurityGroup: 'securityGroupSet',
  TagSpecification: 'tagSpecificationSet',
  Tag: 'tagSet',
  BlockDeviceMapping: 'blockDeviceMappingSet',
  NetworkInterface: 'networkInterfaceSet',
};

/** LaunchTemplateData of an answer: the request's members in lower camel case, lists named as sets. */
function dataMembers(data: Fields, inInterface = false): Fields {
  return Object.fromEntries(
    Object.entries(data).map(([name, value]) => {
      if (inInterface && name === 'SecurityGroupId') {
        return ['groupSet', new XmlList('groupId', texts(data, name))];
      }
      if (Array.isArray(value)) {
        const items = (value as readonly unknown[]).map((item) =>
          isFields(item) ? dataMembers(item, name === 'NetworkInterface') : item,
        );
        return [ANSWER_LISTS[name] ?? `${lowerFirst(name)}Set`, items];
      }
      return [lowerFirst(name), isFields(value) ? dataMembers(value) : value];
    }),
  );
}

const lowerFirst = (name: string): string => name.charAt(0).toLowerCase() + name.slice(1);
