import { AwsError, type Operations } from '../../contracts.ts';
import { count, type Fields, flag, optionalText, requiredText, structure, texts } from '../../wire/fields.ts';
import { onInstance, runInstancesChecks } from './ec2-authorization.ts';
import { isBeforeNitro } from './ec2-catalog.ts';
import { anyResource, describeOperation, type FilterTable, selectPage, tagSet } from './ec2-describe.ts';
import type { FleetDeps } from './ec2-fleets.ts';
import { isRefusal, launch } from './ec2-launcher.ts';
import { type LaunchPlan, planLaunch } from './ec2-launch-plan.ts';
import { checkVersion, LAUNCH_TAG_TYPES, templateOf } from './ec2-launch-templates.ts';
import { addressMembers, groupSet } from './ec2-network.ts';
import { tagSpecifications } from './ec2-request-tags.ts';
import { instanceDnsName } from '../../world/vpc-network.ts';
import {
  type Ec2State,
  type Instance,
  INSTANCE_STATES,
  type InstanceState,
  type Volume,
} from './ec2-state.ts';

/** Instances and what belongs to them: volumes, spot requests, console output. */
export function instanceOperations(deps: FleetDeps): Operations {
  const { state, lifecycle } = deps;
  const instances = (input: Fields): readonly Instance[] =>
    texts(input, 'InstanceId').map((id) => state.instance(id));
  const oneInstance = (input: Fields): Instance => state.instance(requiredText(input, 'InstanceId'));
  return {
    DescribeInstances: {
      authorize: () => anyResource('DescribeInstances'),
      run: (input) => {
        const { items, next } = selectPage<Instance>(
          {
            action: 'DescribeInstances',
            items: () => state.visible(state.instances),
            tags: (instance) => instance.tags,
            ids: {
              parameter: 'InstanceId',
              of: (instance) => instance.id,
              notFound: 'InvalidInstanceID.NotFound',
            },
            filters: INSTANCE_FILTERS,
          },
          input,
        );
        return { reservationSet: items.map((item) => reservation(state, item)), nextToken: next };
      },
    },
    DescribeVolumes: describeOperation<Volume>({
      action: 'DescribeVolumes',
      answer: 'volumeSet',
      items: () => state.visible(state.volumes),
      tags: (volume) => volume.tags,
      ids: { parameter: 'VolumeId', of: (volume) => volume.id, notFound: 'InvalidVolume.NotFound' },
      filters: {
        'volume-id': (volume) => volume.id,
        'attachment.instance-id': (volume) => volume.instanceId,
        'availability-zone': (volume) => volume.zone,
        encrypted: (volume) => volume.encrypted,
        status: (volume) => (volume.instanceId === undefined ? 'available' : 'in-use'),
        'volume-type': (volume) => volume.type,
      },
      shape: volumeMembers,
    }),
    RunInstances: {
      authorize: (input) => {
        const plan = runPlan(state, input);
        const tags = tagSpecifications(input, LAUNCH_TAG_TYPES);
        return [...runInstancesChecks(state, [plan], tags, 'RunInstances'), ...deps.passRoleChecks([plan])];
      },
      run: (input, call) =>
        deps.idempotency.once(call.action, input, () => {
          const plan = runPlan(state, input);
          const clientToken = optionalText(input, 'ClientToken');
          const wanted = count(input, 'MinCount') ?? 1;
          const started: Instance[] = [];
          while (started.length < wanted) {
            const result = launch(deps, plan, { fleetId: undefined, clientToken, principal: call.principal });
            if (isRefusal(result)) {
              for (const instance of started) lifecycle.terminate(instance, 'user');
              throw new AwsError(result.code, result.message, 400);
            }
            started.push(result);
          }
          return {
            reservationId: started[0]?.reservationId,
            ownerId: state.accountId,
            groupSet: [],
            instancesSet: started.map((instance) => instanceMembers(state, instance)),
          };
        }),
    },
    TerminateInstances: {
      authorize: (input) =>
        instances(input).map((instance) => onInstance(state, 'TerminateInstances', instance)),
      run: (input) => {
        const changed = instances(input).map((instance) => {
          const previousState = stateMembers(instance.state);
          lifecycle.terminate(instance, 'user');
          return { instanceId: instance.id, currentState: stateMembers(instance.state), previousState };
        });
        return { instancesSet: changed };
      },
    },
    GetConsoleOutput: {
      authorize: (input) => [onInstance(state, 'GetConsoleOutput', oneInstance(input))],
      run: (input) => {
        const { id, instanceType } = oneInstance(input);
        if (flag(input, 'Latest') === true && isBeforeNitro(instanceType)) {
          throw new AwsError(
            'UnsupportedOperation',
            'This instance type does not support retrieving the latest console logs.',
          );
        }
        return {
          instanceId: id,
          timestamp: new Date(state.now),
          output: Buffer.from(lifecycle.consoleOutput(id)).toString('base64'),
        };
      },
    },
    DescribeInstanceAttribute: {
      authorize: (input) => [onInstance(state, 'DescribeInstanceAttribute', oneInstance(input))],
      run: (input) => {
        const instance = oneInstance(input);
        const attribute = requiredText(input, 'Attribute');
        return { instanceId: instance.id, ...attributeMembers(state, instance, attribute) };
      },
    },
  };
}

/** The launch plan of a request: its own members override those of the template. */
function runPlan(state: Ec2State, input: Fields): LaunchPlan {
  const specification = structure(input, 'LaunchTemplate');
  const template = specification === undefined ? undefined : templateOf(state, specification);
  if (template !== undefined) checkVersion(template, optionalText(specification ?? {}, 'Version'));
  const { LaunchTemplate: _template, TagSpecification: _tags, ...own } = input;
  const options = structure(own, 'InstanceMarketOptions') ?? {};
  const market = optionalText(options, 'MarketType') === 'spot' ? 'spot' : 'on-demand';
  const maxPrice = optionalText(structure(options, 'SpotOptions') ?? {}, 'MaxPrice');
  return planLaunch(state, {
    data: { ...template?.data, ...own },
    template,
    market,
    maxPrice: maxPrice === undefined ? undefined : Number(maxPrice),
    tags: tagSpecifications(input, LAUNCH_TAG_TYPES),
  });
}

const INSTANCE_FILTERS: FilterTable<Instance> = {
  'instance-id': (instance) => instance.id,
  'instance-state-name': (instance) => instance.state,
  'instance-state-code': (instance) => String(INSTANCE_STATES[instance.state]),
  'instance-type': (instance) => instance.instanceType,
  'instance-lifecycle': (instance) => (instance.spotRequestId === undefined ? undefined : 'spot'),
  'image-id': (instance) => instance.imageId,
  'vpc-id': (instance) => instance.vpcId,
  'subnet-id': (instance) => instance.subnetId,
  'availability-zone': (instance) => instance.zone,
  'private-ip-address': (instance) => instance.privateIp,
  'ipv6-address': (instance) => instance.ipv6Address,
  'ip-address': (instance) => instance.publicIp,
  'instance.group-id': (instance) => instance.groupIds,
  'network-interface.group-id': (instance) => instance.groupIds,
  'network-interface.subnet-id': (instance) => instance.subnetId,
  'iam-instance-profile.arn': (instance) => instance.profile?.arn,
  'client-token': (instance) => instance.clientToken,
  'reservation-id': (instance) => instance.reservationId,
  'spot-instance-request-id': (instance) => instance.spotRequestId,
  architecture: (instance) => instance.architecture,
  'root-device-type': () => 'ebs',
};

const stateMembers = (name: InstanceState): Fields => ({ code: INSTANCE_STATES[name], name });

const reservation = (state: Ec2State, instance: Instance): Fields => ({
  reservationId: instance.reservationId,
  ownerId: state.accountId,
  groupSet: [],
  instancesSet: [instanceMembers(state, instance)],
});

function instanceMembers(state: Ec2State, instance: Instance): Fields {
  const gone = instance.state === 'terminated';
  const attached = <T>(value: T): T | undefined => (gone ? undefined : value);
  return {
    instanceId: instance.id,
    imageId: instance.imageId,
    instanceState: stateMembers(instance.state),
    privateDnsName: gone ? '' : instanceDnsName(instance, state.region),
    dnsName: '',
    reason: instance.transitionReason,
    keyName: instance.keyName,
    amiLaunchIndex: 0,
    productCodes: [],
    instanceType: instance.instanceType,
    launchTime: new Date(instance.createdAt),
    placement: { availabilityZone: instance.zone, groupName: '', tenancy: 'default' },
    monitoring: { state: 'disabled' },
    subnetId: attached(instance.subnetId),
    vpcId: attached(instance.vpcId),
    privateIpAddress: attached(instance.privateIp),
    ipv6Address: attached(instance.ipv6Address),
    ipAddress: attached(instance.publicIp),
    stateReason: instance.stateReason,
    architecture: instance.architecture,
    rootDeviceType: 'ebs',
    rootDeviceName: '/dev/xvda',
    blockDeviceMapping: gone
      ? []
      : [
          {
            deviceName: '/dev/xvda',
            ebs: {
              attachTime: new Date(instance.createdAt),
              deleteOnTermination: state.volumes.get(instance.volumeId)?.deleteOnTermination,
              status: 'attached',
              volumeId: instance.volumeId,
            },
          },
        ],
    virtualizationType: 'hvm',
    clientToken: instance.clientToken ?? '',
    ebsOptimized: false,
    enaSupport: true,
    hypervisor: 'xen',
    iamInstanceProfile:
      instance.profile === undefined ? undefined : { arn: instance.profile.arn, id: instance.profile.id },
    instanceLifecycle: instance.spotRequestId === undefined ? undefined : 'spot',
    spotInstanceRequestId: instance.spotRequestId,
    networkInterfaceSet: gone ? [] : [interfaceOf(state, instance)],
    groupSet: gone ? [] : groupSet(state, instance.groupIds),
    sourceDestCheck: true,
    tagSet: tagSet(instance.tags),
    cpuOptions: { coreCount: 1, threadsPerCore: 2 },
    metadataOptions: {
      state: instance.state === 'pending' ? 'pending' : 'applied',
      httpTokens: instance.metadata.httpTokens,
      httpPutResponseHopLimit: instance.metadata.hopLimit,
      httpEndpoint: instance.metadata.httpEndpoint,
      httpProtocolIpv6: instance.metadata.httpProtocolIpv6,
      instanceMetadataTags: instance.metadata.instanceTags,
    },
  };
}

function interfaceOf(state: Ec2State, instance: Instance): Fields {
  const association =
    instance.publicIp === undefined ? undefined : { publicIp: instance.publicIp, ipOwnerId: 'amazon' };
  return {
    association,
    attachment: {
      attachTime: new Date(instance.createdAt),
      attachmentId: instance.interfaceId.replace('eni', 'eni-attach'),
      deleteOnTermination: true,
      deviceIndex: 0,
      status: 'attached',
    },
    description: '',
    groupSet: groupSet(state, instance.groupIds),
    networkInterfaceId: instance.interfaceId,
    ownerId: state.accountId,
    ...addressMembers(instance, association),
    sourceDestCheck: true,
    status: 'in-use',
    subnetId: instance.subnetId,
    vpcId: instance.vpcId,
    interfaceType: 'interface',
  };
}

function volumeMembers(volume: Volume): Fields {
  const attachment = {
    volumeId: volume.id,
    instanceId: volume.instanceId,
    device: volume.device,
    status: 'attached',
    attachTime: new Date(volume.createdAt),
    deleteOnTermination: volume.deleteOnTermination,
  };
  return {
    volumeId: volume.id,
    size: volume.sizeGiB,
    snapshotId: volume.snapshotId,
    availabilityZone: volume.zone,
    status: volume.instanceId === undefined ? 'available' : 'in-use',
    createTime: new Date(volume.createdAt),
    attachmentSet: volume.instanceId === undefined ? [] : [attachment],
    encrypted: volume.encrypted,
    kmsKeyId: volume.kmsKeyId,
    tagSet: tagSet(volume.tags),
    volumeType: volume.type,
    multiAttachEnabled: false,
  };
}

function attributeMembers(state: Ec2State, instance: Instance, attribute: string): Fields {
  switch (attribute) {
    case 'userData':
      return { userData: { value: instance.userData } };
    case 'instanceType':
      return { instanceType: { value: instance.instanceType } };
    case 'instanceInitiatedShutdownBehavior':
      return { instanceInitiatedShutdownBehavior: { value: instance.shutdownBehavior } };
    case 'disableApiTermination':
    case 'disableApiStop':
    case 'ebsOptimized':
      return { [attribute]: { value: false } };
    case 'enaSupport':
      return { enaSupport: { value: true } };
    case 'enclaveOptions':
      return { enclaveOptions: { enabled: false } };
    case 'kernel':
    case 'ramdisk':
      return { [attribute]: {} };
    case 'sriovNetSupport':
      return { sriovNetSupport: { value: 'simple' } };
    case 'productCodes':
      return { productCodes: [] };
    case 'blockDeviceMapping':
      return {
        blockDeviceMapping: [
          {
            deviceName: '/dev/xvda',
            ebs: { volumeId: instance.volumeId, status: 'attached', deleteOnTermination: true },
          },
        ],
      };
    case 'rootDeviceName':
      return { rootDeviceName: { value: '/dev/xvda' } };
    case 'groupSet':
      return { groupSet: groupSet(state, instance.groupIds) };
    case 'sourceDestCheck':
      return { sourceDestCheck: { value: true } };
    default:
      throw new AwsError('InvalidParameterValue', `Value (${attribute}) for parameter attribute is invalid.`);
  }
}
