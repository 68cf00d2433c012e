import { hex, sha256, utf8 } from '../../core/bytes.ts';
import { type ApplyDeps, createOrAdopt, visible } from '../plan/creation.ts';
import { commonName, TAG } from '../bastion/names.ts';
import { hasIpv4 } from '../network/network.ts';
import type { LaunchTemplateSpec, Market } from '../ports/ec2.ts';
import type { BastionSpec } from '../plan/spec.ts';

/** The template that every launch of a bastion goes through. */

/** What a launch template is made of, as far as it is known before anything was created. */
export function templateDigest(spec: BastionSpec): string {
  const content = {
    region: spec.region,
    cluster: spec.cluster,
    publicIp: spec.network.publicIp,
    images: spec.images,
    clientGroups: groupIdsOf(spec),
    market: spec.market,
    burstable: isBurstable(spec),
    userData: spec.userData,
    role: spec.role.kind,
    version: spec.tags[TAG.version],
  };
  return hex(sha256(utf8(JSON.stringify(content)))).slice(0, 16);
}

const groupIdsOf = (spec: BastionSpec): readonly string[] => spec.clientGroups.map((group) => group.id);

/** One template serves all pools. */
const isBurstable = ({ types }: BastionSpec): boolean => types.every((type) => /^t\d/.test(type));

/** What was made before it and what it therefore names. */
export interface TemplateParts {
  readonly profileArn: string;
  readonly groupId: string;
}

/** All of it but the token that makes the call repeatable. */
export function launchTemplateSpec(
  spec: BastionSpec,
  { profileArn, groupId }: TemplateParts,
  market: Market,
): Omit<LaunchTemplateSpec, 'clientToken'> {
  const image = spec.images[0];
  return {
    name: commonName(spec.name),
    instanceProfileArn: profileArn,
    securityGroupIds: [groupId, ...groupIdsOf(spec)],
    publicIp: hasIpv4(spec.network) ? spec.network.publicIp : undefined,
    ipv6: spec.network.stack !== 'ipv4',
    userData: spec.userData,
    rootDevice: image?.rootDevice ?? '/dev/xvda',
    volumeGiB: Math.max(...spec.images.map((candidate) => candidate.volumeGiB)),
    burstable: isBurstable(spec),
    market,
    tags: { ...spec.tags, [TAG.digest]: templateDigest(spec), [TAG.group]: groupId },
    instanceTags: spec.tags,
  };
}

/** Resolves with its id. */
export function createTemplate(
  spec: BastionSpec,
  parts: TemplateParts,
  market: Market,
  deps: ApplyDeps,
): Promise<string> {
  const wanted = launchTemplateSpec(spec, parts, market);
  const request = { ...wanted, clientToken: deps.uuid() };
  return createOrAdopt(
    `launch template ${request.name}`,
    spec.name,
    () => visible(deps, () => deps.ec2.createLaunchTemplate(request)),
    async () => (await deps.ec2.launchTemplates({ names: [request.name] }))[0],
  );
}
