import { isIpv6 } from '../../core/cidr.ts';
import { failed, usage } from '../../core/errors.ts';
import { describeRule, egressChanges, wantedEgress } from '../network/egress.ts';
import { iamNames } from '../roles/iam-names.ts';
import { type Foreign, type Inventory, standing } from '../bastion/inventory.ts';
import { type Lease, leaseOf } from '../lease/lease.ts';
import { commonName, TAG } from '../bastion/names.ts';
import { hasIpv4 } from '../network/network.ts';
import { type Plan, type PlanStep, type PlanWarning, type ResourceKind, step } from './plan.ts';
import { admissionOf, reachWarnings } from '../network/reach.ts';
import { canonicalJson } from '../policy/policy-documents.ts';
import type { Instance, LaunchTemplate } from '../ports/ec2.ts';
import type { SecurityGroup } from '../ports/network.ts';
import { requireEc2Trust } from '../roles/ec2-trust.ts';
import type { BastionSpec } from './spec.ts';

/** What `up` has to do, decided from what exists and what is wanted. Pure. */

/** A template so young belongs to an `up` that runs right now, perhaps another person's: it is joined, not replaced. */
const YOUNG_MS = 120_000;

export interface UpPlan extends Plan {
  /** When the bastion ends once the plan is carried out: a running one keeps what it was launched with. */
  readonly lease: Lease;
}

/** Throws `name-taken`, `bastion-elsewhere`, `bastion-differs`, `role-untrusted`. `digest` is that of the launch template to be made. */
export function planUp(inventory: Inventory, spec: BastionSpec, digest: string, now: number): UpPlan {
  const alive = standing(inventory.instances);
  const kept = alive[0];
  if (kept !== undefined) refuseDifferent(kept, spec);
  refuseOtherNames(inventory, spec);
  refuseUntrusted(inventory, spec);
  const steps = [
    ...roleSteps(inventory, spec, kept),
    ...clearingSteps(inventory, spec, alive),
    ...groupSteps(inventory, spec, kept),
    ...databaseSteps(inventory, spec),
    ...launchSteps(inventory, spec, kept, digest, now),
  ];
  refuseTaken(steps, inventory, spec);
  return {
    steps,
    warnings: [
      ...(kept === undefined ? [] : keptWarnings(kept, spec)),
      ...reachWarnings(spec, groupFor(inventory, spec)?.id),
    ],
    lease: kept === undefined ? spec : leaseAfter(kept, spec),
  };
}

const FOREIGN_KIND: Partial<Record<ResourceKind, Foreign['kind']>> = {
  boundary: 'policy',
  role: 'role',
  'instance-profile': 'instance profile',
  'security-group': 'security group',
  'launch-template': 'launch template',
};

/** Nothing is created where the last of it would find its name taken. */
function refuseTaken(steps: readonly PlanStep[], inventory: Inventory, spec: BastionSpec): void {
  const created = new Set(
    steps.flatMap((item) => (item.action === 'create' ? FOREIGN_KIND[item.kind] : undefined)),
  );
  const inTheWay = inventory.foreign.filter(
    (item) =>
      item.holdsName &&
      created.has(item.kind) &&
      (item.vpcId === undefined || item.vpcId === spec.network.vpcId),
  );
  if (inTheWay.length === 0) return;
  throw failed('name-taken', `a name that bastion ${spec.name} needs is taken`, {
    hints: [
      ...inTheWay.map((item) => `${item.kind} ${item.id} ${item.why}`),
      'fargate-connect up --name OTHER   # another name, nothing in the way',
    ],
    details: { name: spec.name, taken: inTheWay.map((item) => item.id) },
  });
}

/** Somebody changed whom our role trusts; operators may not change it back. */
function refuseUntrusted({ role }: Inventory, spec: BastionSpec): void {
  if (spec.role.kind === 'given' || role === undefined) return;
  requireEc2Trust(role.name, role.trust, [
    `fargate-connect down --name ${spec.name}   # then up makes it anew`,
    'fargate-connect policy bastion-trust   # or what an administrator must let it trust',
  ]);
}

/** A second role beside the one that a tag speaks of would be found by nobody. */
function refuseOtherNames({ iam: { path, prefix } }: Inventory, spec: BastionSpec): void {
  if (spec.role.kind === 'given' || (path === spec.iam.path && prefix === spec.iam.prefix)) return;
  const flags = `--iam-path ${path}${prefix === '' ? '' : ` --iam-prefix ${prefix}`}`;
  throw usage('bastion-differs', `bastion ${spec.name} was made with ${flags}`, {
    hints: [
      `fargate-connect up --name ${spec.name} ${flags}   # go on with it`,
      `fargate-connect down --name ${spec.name}   # or end it first`,
    ],
    details: { name: spec.name, path, prefix },
  });
}

function refuseDifferent(instance: Instance, spec: BastionSpec): void {
  if (instance.vpcId !== spec.network.vpcId) {
    throw usage(
      'bastion-elsewhere',
      `bastion ${spec.name} runs in ${instance.vpcId}, not in ${spec.network.vpcId}`,
      {
        hints: [
          `fargate-connect up --name OTHER --vpc ${spec.network.vpcId}   # a second one`,
          `fargate-connect down --name ${spec.name}   # or end the first`,
        ],
        details: { name: spec.name, vpc: instance.vpcId, wanted: spec.network.vpcId },
      },
    );
  }
  const lacking = spec.clientGroups.map((group) => group.id).filter((id) => !instance.groupIds.includes(id));
  if (lacking.length > 0) {
    throw usage('bastion-differs', `bastion ${spec.name} was made without ${lacking.join(', ')}`, {
      hints: [
        `fargate-connect up --name OTHER --client-security-group ${lacking.join(',')}   # a second one`,
        `fargate-connect down --name ${spec.name}   # or end the first`,
      ],
      details: { name: spec.name, groups: instance.groupIds, wanted: lacking },
    });
  }
  const cluster = instance.tags[TAG.cluster];
  if (cluster === spec.cluster) return;
  const purpose = (of: string | undefined): string => (of === undefined ? 'tunnels only' : `cluster ${of}`);
  const wanted = spec.cluster === undefined ? '--tunnel-only' : `--cluster ${spec.cluster}`;
  throw usage(
    'bastion-differs',
    `bastion ${spec.name} was made for ${purpose(cluster)}, not for ${purpose(spec.cluster)}`,
    {
      hints: [
        `fargate-connect up --name OTHER ${wanted}   # a second one`,
        `fargate-connect down --name ${spec.name}   # or end the first`,
      ],
      details: { name: spec.name, cluster, wanted: spec.cluster },
    },
  );
}

/** Never sooner than it says now: somebody else may count on it. */
function leaseAfter(kept: Instance, spec: BastionSpec): Lease {
  const { expiresAt, idleMinutes } = leaseOf(kept);
  return { expiresAt: spec.extends ? Math.max(spec.expiresAt, expiresAt ?? 0) : expiresAt, idleMinutes };
}

/** What was asked for and is settled for as long as the instance lives. */
function keptWarnings(kept: Instance, spec: BastionSpec): readonly PlanWarning[] {
  const { asked } = spec;
  const { expiresAt, idleMinutes: idle } = leaseOf(kept);
  const reaches = spec.databases.length + spec.egressPorts.length;
  const stays: readonly (readonly [boolean, string])[] = [
    [spec.market === 'on-demand' && kept.market === 'spot', 'it runs as spot, whatever --on-demand says'],
    [asked.types && !spec.types.includes(kept.type), `it is a ${kept.type}, whatever --type says`],
    [
      asked.subnets && !spec.network.subnets.some((subnet) => subnet.id === kept.subnetId),
      `it lives in ${kept.subnetId}, whatever --subnet says`,
    ],
    [
      isIpv6(kept.privateIp ?? '') && hasIpv4(spec.network) && reaches > 0,
      `it has IPv6 alone in ${kept.subnetId}, and does not reach what has none`,
    ],
    [
      spec.extends && expiresAt !== undefined && expiresAt > spec.expiresAt,
      `it ends at ${kept.tags[TAG.expiresAt] ?? ''}, later than --ttl says`,
    ],
    [
      asked.idle && idle !== undefined && idle !== spec.idleMinutes,
      `it ends ${idle === 0 ? 'never' : `after ${idle ?? ''} minutes`} without a session, whatever --idle says`,
    ],
  ];
  return stays
    .filter(([differs]) => differs)
    .map(([, what]) => ({
      code: 'bastion-kept',
      message: `bastion ${spec.name} is kept: ${what}; fargate-connect down --name ${spec.name} ends it first`,
    }));
}

function roleSteps(inventory: Inventory, spec: BastionSpec, kept: Instance | undefined): PlanStep[] {
  const names = iamNames(spec.name, spec.region, spec.iam);
  const wanted = spec.role;
  if (wanted.kind === 'given')
    return [step('keep', 'instance-profile', wanted.profileName, 'made by an administrator (--role)')];
  if (kept?.tags[TAG.role] === 'given')
    return [step('keep', 'instance-profile', `that of ${kept.id}`, 'made by an administrator (--role)')];
  const { role, profile, boundary } = inventory;
  const steps: PlanStep[] = [];
  switch (wanted.boundary.kind) {
    case 'own':
      steps.push(
        boundary === undefined
          ? step('create', 'boundary', names.boundary, 'limits what the role could ever do')
          : step('keep', 'boundary', names.boundary, 'exists', { id: boundary.arn }),
      );
      break;
    case 'existing':
      steps.push(step('keep', 'boundary', wanted.boundary.arn, wanted.boundary.why));
      break;
    case 'none':
      break;
    default:
      wanted.boundary satisfies never;
  }
  steps.push(
    role === undefined
      ? step(
          'create',
          'role',
          names.role,
          wanted.boundary.kind === 'none' ? 'without a permissions boundary, as asked' : 'for EC2 only',
        )
      : step('keep', 'role', names.role, 'exists', { id: role.arn }),
  );
  const scope =
    spec.cluster === undefined ? 'agent channels only' : `agent channels, exec in cluster ${spec.cluster}`;
  const same = role?.policy !== undefined && canonicalJson(role.policy) === canonicalJson(wanted.policy);
  steps.push(
    role?.policy === undefined
      ? step('create', 'role-policy', names.role, scope)
      : same
        ? step('keep', 'role-policy', names.role, 'says what it should')
        : step('update', 'role-policy', names.role, `differs; will be: ${scope}`),
    profile === undefined
      ? step('create', 'instance-profile', names.profile, 'carries the role')
      : step('keep', 'instance-profile', names.profile, 'exists', { id: profile.arn }),
    profile?.roleNames.includes(names.role) === true
      ? step('keep', 'profile-role', names.profile, 'holds the role')
      : step('create', 'profile-role', names.profile, 'puts the role into the profile'),
  );
  return steps;
}

/** What is in the way of a clean launch: stopped instances, a second one, groups of another VPC. */
function clearingSteps(inventory: Inventory, spec: BastionSpec, alive: readonly Instance[]): PlanStep[] {
  const steps: PlanStep[] = [];
  for (const instance of inventory.instances) {
    if (instance.state === 'stopping' || instance.state === 'stopped')
      steps.push(
        step('delete', 'instance', instance.id, `is ${instance.state}, cannot be used again`, {
          id: instance.id,
        }),
      );
  }
  for (const instance of alive.slice(1))
    steps.push(step('delete', 'instance', instance.id, 'a second one of the same name', { id: instance.id }));
  if (alive.length > 0) return steps;
  for (const group of inventory.groups) {
    if (group.vpcId === spec.network.vpcId) continue;
    for (const rule of inventory.databaseRules) {
      if (rule.sourceGroupId !== group.id) continue;
      steps.push(
        step('delete', 'database-rule', rule.id, `admits the group of another VPC`, {
          id: rule.id,
          parent: rule.groupId,
        }),
      );
    }
    steps.push(step('delete', 'security-group', group.name, `belongs to ${group.vpcId}`, { id: group.id }));
  }
  return steps;
}

/** The group of the spec's VPC. */
const groupFor = (inventory: Inventory, spec: BastionSpec): SecurityGroup | undefined =>
  inventory.groups.find((group) => group.vpcId === spec.network.vpcId);

function groupSteps(inventory: Inventory, spec: BastionSpec, kept: Instance | undefined): PlanStep[] {
  const common = commonName(spec.name);
  const group = groupFor(inventory, spec);
  const wanted = wantedEgress(spec);
  const text = wanted.map(describeRule).join(', ');
  if (group === undefined) {
    return [
      step('create', 'security-group', common, `in ${spec.network.vpcId}, nothing comes in`),
      step('create', 'egress', common, `only ${text}`),
    ];
  }
  const changes = egressChanges(group, wanted, kept === undefined);
  const warning =
    group.ingress.length > 0 ? `; has ${group.ingress.length} ingress rules that are not ours` : '';
  return [
    step('keep', 'security-group', common, `exists${warning}`, { id: group.id }),
    changes.add.length + changes.revoke.length === 0
      ? step('keep', 'egress', common, `only ${group.egress.map(describeRule).join(', ')}`, { id: group.id })
      : step(
          'update',
          'egress',
          common,
          [
            ...changes.add.map((rule) => `open ${describeRule(rule)}`),
            ...changes.revoke.map((rule) => `close ${describeRule(rule)}`),
          ].join(', '),
          { id: group.id },
        ),
  ];
}

function databaseSteps(inventory: Inventory, spec: BastionSpec): PlanStep[] {
  const group = groupFor(inventory, spec);
  return spec.databases.flatMap((database) => {
    const name = `tcp/${database.port} in ${database.groupId}`;
    const rule = inventory.databaseRules.find(
      (candidate) =>
        candidate.groupId === database.groupId &&
        candidate.fromPort === database.port &&
        candidate.toPort === database.port &&
        group !== undefined &&
        candidate.sourceGroupId === group.id,
    );
    const parent = database.id;
    if (rule !== undefined)
      return [
        step('keep', 'database-rule', name, `admits the bastion to ${parent}`, { id: rule.id, parent }),
      ];
    if (database.admit) {
      const reason = `admits the bastion to ${parent}, as asked (--allow-db)`;
      return [step('create', 'database-rule', name, reason, { parent })];
    }
    const admission = admissionOf(database, spec, group?.id);
    return admission.kind === 'closed'
      ? []
      : [step('keep', 'database-rule', name, `${parent} admits ${admission.by}`, { parent })];
  });
}

function launchSteps(
  inventory: Inventory,
  spec: BastionSpec,
  kept: Instance | undefined,
  digest: string,
  now: number,
): PlanStep[] {
  const common = commonName(spec.name);
  const template = inventory.templates[0];
  if (kept !== undefined) {
    const until = kept.tags[TAG.expiresAt] ?? 'its end';
    const { expiresAt } = leaseAfter(kept, spec);
    return [
      ...(template === undefined
        ? []
        : [step('keep', 'launch-template', common, 'in use', { id: template.id })]),
      step('keep', 'instance', kept.id, `${kept.type}, ${kept.state}`, { id: kept.id }),
      expiresAt === undefined || expiresAt === leaseOf(kept).expiresAt
        ? step('keep', 'lease', kept.id, `until ${until}`, { id: kept.id })
        : step('update', 'lease', kept.id, `from ${until} to ${new Date(expiresAt).toISOString()}`, {
            id: kept.id,
          }),
    ];
  }
  const pools = `${spec.types.join(', ')} in ${spec.network.subnets.map((subnet) => subnet.id).join(', ')}`;
  const address = spec.network.publicIp ? ', with a public address' : '';
  return [
    templateStep(template, common, spec, groupFor(inventory, spec)?.id, digest, now),
    step('create', 'instance', common, `${spec.market}, one of ${pools}${address}`),
  ];
}

function templateStep(
  template: LaunchTemplate | undefined,
  name: string,
  spec: BastionSpec,
  groupId: string | undefined,
  digest: string,
  now: number,
): PlanStep {
  if (template === undefined)
    return step(
      'create',
      'launch-template',
      name,
      'IMDSv2 only, encrypted root, no key pair, ends on shutdown',
    );
  const named = template.tags[TAG.group];
  if (named !== undefined && named !== groupId)
    return step('replace', 'launch-template', name, `names ${named}, which is gone`, {
      id: template.id,
      parent: named,
    });
  if (template.tags[TAG.digest] === digest)
    return step('keep', 'launch-template', name, 'is what it should be', { id: template.id });
  if (now - template.createdAt < YOUNG_MS && template.tags[TAG.cluster] === spec.cluster)
    return step('keep', 'launch-template', name, 'made moments ago by another up: joined', {
      id: template.id,
    });
  return step('replace', 'launch-template', name, 'is of an earlier run', { id: template.id });
}
