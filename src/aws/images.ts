import { DescribeImagesCommand, EC2Client, paginateDescribeSpotPriceHistory } from '@aws-sdk/client-ec2';
import type { _InstanceType } from '@aws-sdk/client-ec2';
import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import type { ClientConfig } from './client-config.ts';
import { limitConcurrency } from './throttling.ts';

import { failed } from '../core/errors.ts';
import type { Image, ImagesPort, SpotPrice } from '../provision/ports/images.ts';
import { awsErrorName, mapped } from './errors.ts';
import { imageParameter } from './image-parameter.ts';
import { withProfileEndpoints } from './profile-endpoints.ts';

/** Images and prices of the instances that are launched. */
export function createImagesPort(config: ClientConfig): ImagesPort {
  const ec2 = limitConcurrency(withProfileEndpoints(new EC2Client(config), config));
  const ssm = limitConcurrency(withProfileEndpoints(new SSMClient(config), config));

  async function describe(id: string): Promise<Image | undefined> {
    const described = await mapped('ec2:DescribeImages', () =>
      ec2.send(new DescribeImagesCommand({ ImageIds: [id] })),
    ).catch((error: unknown) => {
      if (awsErrorName(error)?.startsWith('InvalidAMIID.') === true) return undefined;
      throw error;
    });
    const image = described?.Images?.[0];
    if (image === undefined) return undefined;
    const rootDevice = image.RootDeviceName ?? '/dev/xvda';
    const root = (image.BlockDeviceMappings ?? []).find((mapping) => mapping.DeviceName === rootDevice);
    const architecture = image.Architecture === 'arm64' ? 'arm64' : 'x86_64';
    return { id, architecture, rootDevice, volumeGiB: root?.Ebs?.VolumeSize ?? 8 };
  }

  async function parameter(Name: string): Promise<string | undefined> {
    const answer = await mapped('ssm:GetParameter', () => ssm.send(new GetParameterCommand({ Name }))).catch(
      (error: unknown) => {
        if (awsErrorName(error) === 'ParameterNotFound') return undefined;
        throw error;
      },
    );
    return answer?.Parameter?.Value;
  }

  return {
    async latest(architecture) {
      const Name = imageParameter(architecture);
      const id = (await parameter(Name)) ?? '';
      const image = await describe(id);
      if (image !== undefined) return image;
      throw failed('image-missing', `image ${id} of parameter ${Name} does not exist in this region`, {
        details: { parameter: Name, image: id },
      });
    },
    byId: describe,
    async byParameter(name) {
      const id = await parameter(name);
      return id === undefined ? undefined : describe(id);
    },
    async spotPrices(types, since) {
      if (types.length === 0) return [];
      return mapped('ec2:DescribeSpotPriceHistory', async () => {
        const prices: SpotPrice[] = [];
        const pages = paginateDescribeSpotPriceHistory(
          { client: ec2 },
          {
            InstanceTypes: types.map((type) => type as _InstanceType),
            ProductDescriptions: ['Linux/UNIX'],
            StartTime: new Date(since),
          },
        );
        for await (const page of pages) {
          for (const entry of page.SpotPriceHistory ?? []) {
            prices.push({
              instanceType: entry.InstanceType ?? '',
              zone: entry.AvailabilityZone ?? '',
              dollarsPerHour: Number(entry.SpotPrice ?? 'NaN'),
              at: entry.Timestamp?.getTime() ?? 0,
            });
          }
        }
        return prices;
      });
    },
  };
}
