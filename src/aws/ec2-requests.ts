import type * as sdk from '@aws-sdk/client-ec2';

import { base64, utf8 } from '../core/bytes.ts';
import type { FleetSpec, LaunchTemplateSpec } from '../provision/ports/ec2.ts';
import { tagSpecification } from './ec2-shapes.ts';

/** What EC2 is asked to create for a bastion: sent by `up`, and exported by `policy --format`. */

export function launchTemplateRequest(spec: LaunchTemplateSpec): sdk.CreateLaunchTemplateCommandInput {
  const atLaunch: sdk.LaunchTemplateTagSpecificationRequest[] = [
    tagSpecification('network-interface', spec.instanceTags),
    ...(spec.market === 'spot' ? [tagSpecification('spot-instances-request', spec.instanceTags)] : []),
  ];
  return {
    LaunchTemplateName: spec.name,
    ClientToken: spec.clientToken,
    TagSpecifications: [tagSpecification('launch-template', spec.tags)],
    LaunchTemplateData: {
      IamInstanceProfile: { Arn: spec.instanceProfileArn },
      BlockDeviceMappings: [
        {
          DeviceName: spec.rootDevice,
          Ebs: {
            VolumeType: 'gp3',
            VolumeSize: spec.volumeGiB,
            Encrypted: true,
            ...(spec.volumeKey === undefined ? {} : { KmsKeyId: spec.volumeKey }),
            DeleteOnTermination: true,
          },
        },
      ],
      NetworkInterfaces: [
        {
          DeviceIndex: 0,
          ...(spec.publicIp === undefined ? {} : { AssociatePublicIpAddress: spec.publicIp }),
          ...(spec.ipv6 ? { Ipv6AddressCount: 1 } : {}),
          Groups: [...spec.securityGroupIds],
          DeleteOnTermination: true,
        },
      ],
      MetadataOptions: {
        HttpEndpoint: 'enabled',
        HttpTokens: 'required',
        HttpPutResponseHopLimit: 1,
        ...(spec.ipv6 ? { HttpProtocolIpv6: 'enabled' as const } : {}),
        // The lease timer reads the expiry tag from the metadata, so extending a lease needs no access to the instance.
        InstanceMetadataTags: 'enabled',
      },
      ...(spec.burstable ? { CreditSpecification: { CpuCredits: 'standard' } } : {}),
      InstanceInitiatedShutdownBehavior: 'terminate',
      Monitoring: { Enabled: false },
      UserData: base64(utf8(spec.userData)),
      TagSpecifications: atLaunch,
    },
  };
}

export function fleetRequest(spec: FleetSpec): sdk.CreateFleetCommandInput {
  return {
    Type: 'instant',
    ClientToken: spec.clientToken,
    LaunchTemplateConfigs: [
      {
        LaunchTemplateSpecification: { LaunchTemplateId: spec.launchTemplateId, Version: '$Default' },
        Overrides: spec.overrides.map((override) => ({
          InstanceType: override.instanceType as sdk._InstanceType,
          SubnetId: override.subnetId,
          ImageId: override.imageId,
          ...(spec.market === 'on-demand' ? { Priority: override.priority } : {}),
        })),
      },
    ],
    TargetCapacitySpecification: { TotalTargetCapacity: 1, DefaultTargetCapacityType: spec.market },
    ...(spec.market === 'spot'
      ? { SpotOptions: { AllocationStrategy: 'price-capacity-optimized' as const } }
      : { OnDemandOptions: { AllocationStrategy: 'prioritized' as const } }),
    TagSpecifications: [
      tagSpecification('fleet', spec.tags),
      tagSpecification('instance', spec.tags),
      tagSpecification('volume', spec.tags),
    ],
  };
}
