import { hex, sha256, utf8 } from '../../core/bytes.ts';
import { commonName, TAG } from '../bastion/names.ts';
import { hasIpv4 } from '../network/network.ts';
import type { BastionSpec } from '../plan/spec.ts';
import type { LaunchTemplateSpec, Market } from '../ports/ec2.ts';

/** The launch template that every launch of a bastion uses. */

/** Short hash of the part of a launch template that is known before anything is created. */
function templateDigest(spec: BastionSpec): string {
  const content = {
    region: spec.region,
    cluster: spec.cluster,
    publicIp: spec.network.publicIp,
    images: spec.images,
    clientGroups: groupIdsOf(spec),
    market: spec.market,
    burstable: isBurstable(spec),
    userData: spec.userData,
    volumeKey: spec.volumeKey,
    role: spec.role.kind,
    version: spec.tags[TAG.version],
    tags: spec.givenTags,
  };
  return hex(sha256(utf8(JSON.stringify(content)))).slice(0, 16);
}

const groupIdsOf = (spec: BastionSpec): readonly string[] => spec.clientGroups.map((group) => group.id);

/** All instance types share one launch template, so all of them must be burstable. */
const isBurstable = ({ types }: BastionSpec): boolean => types.every((type) => /^t\d/.test(type));

/**
 * The input of CreateLaunchTemplate without its client token, the market, and the ids of resources that are created
 * before it.
 */
export interface LaunchTemplateContent extends Omit<
  LaunchTemplateSpec,
  'clientToken' | 'instanceProfileArn' | 'securityGroupIds' | 'market'
> {
  /** Security groups besides the bastion's own. */
  readonly clientGroupIds: readonly string[];
}

export function launchTemplateContent(spec: BastionSpec): LaunchTemplateContent {
  const image = spec.images[0];
  return {
    name: commonName(spec.name),
    clientGroupIds: groupIdsOf(spec),
    publicIp: hasIpv4(spec.network) ? spec.network.publicIp : undefined,
    ipv6: spec.network.stack !== 'ipv4',
    userData: spec.userData,
    rootDevice: image?.rootDevice ?? '/dev/xvda',
    volumeGiB: Math.max(...spec.images.map((candidate) => candidate.volumeGiB)),
    volumeKey: spec.volumeKey,
    burstable: isBurstable(spec),
    tags: { ...spec.tags, [TAG.digest]: templateDigest(spec) },
    instanceTags: spec.tags,
  };
}

/** Resources that were created before the template and that it names. */
export interface TemplateParts {
  readonly profileArn: string;
  readonly groupId: string;
}

/** The complete input of CreateLaunchTemplate except its client token. */
export function launchTemplateSpec(
  { clientGroupIds, ...content }: LaunchTemplateContent,
  { profileArn, groupId }: TemplateParts,
  market: Market,
): Omit<LaunchTemplateSpec, 'clientToken'> {
  return {
    ...content,
    instanceProfileArn: profileArn,
    securityGroupIds: [groupId, ...clientGroupIds],
    market,
    tags: { ...content.tags, [TAG.group]: groupId },
  };
}
