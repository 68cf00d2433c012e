import { quoteWord } from '../../core/shell-words.ts';
import type { ErrorFacts } from '../../core/error-facts.ts';
import type { NoteFacts } from '../../core/facts/note-facts.ts';
import { removals } from './account.ts';
import type { CommandLines } from './command-lines.ts';
import { allFixes, bestFix, fixesIn, fixLines } from './fixes.ts';
import { meant, type Rows } from './rows.ts';

/** Advice about the bastion: its network, its capacity, its lifetime and its end. */

const RUN_AGAIN = 'run the same command again   # it adopts what exists';
const ON_DEMAND = 'the same command with --on-demand';

const removesEverything = (name: string, lines: CommandLines): string =>
  lines.tool('down', { name }, 'removes everything');

const consoleOutput = (instanceId: string, lines: CommandLines): string =>
  lines.aws(
    `ec2 get-console-output --latest --output text --instance-id ${instanceId}`,
    'its whole console output',
  );

function agentNotOnline(facts: ErrorFacts['agent-not-online'], lines: CommandLines): readonly string[] {
  const { bootDone, bootLine, instanceId, name, network } = facts;
  const seen = bootDone
    ? 'the boot script finished, so the instance runs and its agent cannot reach AWS or may not call it'
    : bootLine === undefined
      ? 'the console shows nothing of the boot script yet'
      : `the last line of the boot script is: ${bootLine}`;
  return [
    seen,
    network === undefined
      ? 'check its route to AWS, network ACLs and, with endpoints, their policy'
      : `way out: ${network}; check network ACLs and, with endpoints, their policy`,
    'or AWS refused the agent: does a service control policy or a changed role deny it?',
    consoleOutput(instanceId, lines),
    removesEverything(name, lines),
  ];
}

function bastionDiffers(
  { name, difference }: ErrorFacts['bastion-differs'],
  lines: CommandLines,
): readonly string[] {
  const end = (why: string): string => lines.tool('down', { name }, why);
  switch (difference.kind) {
    case 'iam': {
      const { path, prefix } = difference;
      const iam = { 'iam-path': path, 'iam-prefix': prefix === '' ? undefined : prefix };
      return [lines.tool('up', { name, ...iam }, 'go on with it'), end('or end it first')];
    }
    case 'groups':
      return [
        lines.tool(
          'up',
          { name: 'OTHER', 'client-security-group': difference.wanted.join(',') },
          'a second one',
        ),
        end('or end the first'),
      ];
    case 'cluster': {
      const { wanted } = difference;
      const purpose = wanted === undefined ? ({ 'tunnel-only': true } as const) : { cluster: wanted };
      return [lines.tool('up', { name: 'OTHER', ...purpose }, 'a second one'), end('or end the first')];
    }
    default:
      return difference satisfies never;
  }
}

function bastionUp(
  { name, databases, onlyHttps }: NoteFacts['bastion-up'],
  lines: CommandLines,
): readonly string[] {
  const forward = (port: number, host: string, why: string): string =>
    lines.tool(`forward -L ${port}:${host}:${port} --via bastion`, { name }, why);
  return [
    lines.tool('connect', {}, 'pick a container or a database'),
    lines.tool('shell', { name }, 'a shell on the bastion'),
    ...(onlyHttps ? [lines.tool('up', { name, db: 'ID' }, 'opens the route to a database, then:')] : []),
    ...(databases.length === 0
      ? [forward(5432, 'HOST', 'a local port to HOST')]
      : databases.map(({ id }) =>
          lines.tool(`db ${quoteWord(id)}`, { via: 'bastion', name }, 'its client, or a local port'),
        )),
    lines.tool('down', { name }, 'removes everything'),
  ];
}

/** Matches failures of downloads, which a bastion for tunnels only does not need. */
const DOWNLOAD = /download|S3|dnf/;

function noWayOut(facts: ErrorFacts['no-way-out'], lines: CommandLines): readonly string[] {
  const { asked = [], subnets, tunnelsPossible, vpc } = facts;
  // A subnet that was named is in one VPC only.
  const place = asked.length > 0 ? { subnet: asked.join(',') } : { vpc };
  return [
    ...subnets.map(({ id, zone, reason }) => `${id} (${zone}): ${reason}`),
    ...allFixes(facts, lines),
    ...(tunnelsPossible
      ? [
          lines.tool(
            'up',
            { 'tunnel-only': true, ...place },
            'or this: it needs fewer endpoints, which this network has',
          ),
        ]
      : []),
    'or name other subnets: --vpc, --subnet',
    'or, if a subnet reaches AWS by a route that is not visible here: --subnet ID --way-out private',
  ];
}

function noBastion(facts: ErrorFacts['no-bastion'], lines: CommandLines): readonly string[] {
  const { name, starting } = facts;
  const list = lines.tool('status', { name: starting === true ? name : undefined });
  if (starting === true) return [list];
  if (name === undefined) return [lines.tool('up'), list];
  return [...meant(facts), list, lines.tool('up', { name })];
}

/** EC2's reasons are from its guide "Instance terminates immediately" and the API reference of StateReason. */
function instanceEnded({ reason }: ErrorFacts['instance-ended'], lines: CommandLines): readonly string[] {
  switch (reason) {
    case 'Client.InternalError':
      return [
        "mostly the key of encrypted volumes: is the account's default key for EBS its own?",
        lines.aws('ec2 get-ebs-default-kms-key-id', 'which key that is'),
        'a key of its own must allow the person who launches: policy operator-volume-key --kms-key ARN prints the grants',
        lines.aws(
          `kms create-grant --key-id KEY-ARN --grantee-principal arn:aws:iam::ACCOUNT:role/aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot --operations Decrypt Encrypt GenerateDataKey GenerateDataKeyWithoutPlaintext CreateGrant DescribeKey ReEncryptFrom ReEncryptTo`,
          'for spot, once',
        ),
        'or the same command with another --kms-key   # docs/policies.md, "A key of your own"',
      ];
    case 'Client.VolumeLimitExceeded':
      return ["the account's quota for EBS storage is used up: raise it in Service Quotas"];
    case 'Client.InvalidSnapshot.NotFound':
      return [
        'the snapshot of the image cannot be read: is the image shared with this account, with its snapshot and key?',
      ];
    case 'Client.UserInitiatedShutdown':
    case 'Client.InstanceInitiatedShutdown':
    case 'Client.InstanceTerminated':
      return ['another person, or the instance itself, ended it', RUN_AGAIN];
    case 'Server.InsufficientInstanceCapacity':
      return [
        'the same command with --type t4g.medium,t3.small   # other pools',
        `${ON_DEMAND}   # costs more`,
      ];
    case 'Server.InternalError':
      return ['an error of EC2: run the same command again'];
    case undefined:
    default:
      return ['run the same command again', `${ON_DEMAND}   # EC2 does not interrupt it`];
  }
}

const START_ANEW = 'begins again';

export const BASTION_ADVICE = {
  'agent-lost': ({ instanceId, name }, lines) => [
    'it may be out of memory, or its route to AWS was changed',
    consoleOutput(instanceId, lines),
    removesEverything(name, lines),
  ],
  'agent-not-online': agentNotOnline,
  'already-exists': () => [RUN_AGAIN],
  'bastion-ambiguous': ({ candidates }) => candidates.map((name) => `--name ${name}`),
  'bastion-differs': bastionDiffers,
  'bastion-elsewhere': ({ name, wanted }, lines) => [
    lines.tool('up', { name: 'OTHER', vpc: wanted }, 'a second one'),
    lines.tool('down', { name }, 'or end the first'),
  ],
  'bastion-kept': ({ name }, lines) =>
    name === undefined ? [] : [lines.tool('down', { name }, 'ends it; then up makes another')],
  // There is no advice for `forward`, which launches a replacement itself.
  'bastion-interrupted': ({ name, region, replacement }, lines) =>
    name === undefined || replacement !== undefined || lines.context.command === 'forward'
      ? []
      : [lines.tool('up', { name, region }, 'in two minutes, for another one')],
  'bastion-up': bastionUp,
  'bastion-name': ({ longest }) => [
    `use 1 to ${longest} lower-case letters, digits and dashes, e.g. --name orders`,
  ],
  'boot-failed': ({ instanceId, name, reason }, lines) => [
    consoleOutput(instanceId, lines),
    removesEverything(name, lines),
    ...(DOWNLOAD.test(reason) ? [lines.tool('up', { name, 'tunnel-only': true }, 'downloads nothing')] : []),
  ],
  'client-group-closed': ({ group }) =>
    group === undefined ? [] : ['name the database that the group leads to, too: --db ID'],
  'client-group-elsewhere': bestFix,
  'other-bastion': ({ instanceId, role, spotRequest }, lines) =>
    instanceId === undefined
      ? []
      : [
          ...(role === undefined
            ? []
            : [lines.tool(`policy diff role/${role} bastion`, {}, 'what it may do, and this one may not')]),
          ...(spotRequest === undefined
            ? []
            : [
                lines.aws(
                  `ec2 cancel-spot-instance-requests --spot-instance-request-ids ${spotRequest}`,
                  'first: otherwise EC2 launches another one',
                ),
              ]),
          lines.aws(
            `ec2 terminate-instances --instance-ids ${instanceId}`,
            'ends it, when nobody needs it any more',
          ),
        ],
  'database-closed': (facts, lines) =>
    facts.database === undefined
      ? []
      : [
          // `--allow-db` makes the change of the first fix.
          `the same command with --allow-db ${facts.database}   # adds a rule; down deletes it`,
          ...fixesIn(facts)
            .slice(1)
            .flatMap((fix) => fixLines(fix, lines))
            .map((line) => `or ${line}`),
        ],
  'database-elsewhere': ({ database, vpc }, lines) => [lines.tool('up', { vpc: vpc ?? 'VPC', db: database })],
  'database-ipv4-only': ({ database, kind, otherSubnet }, lines) => [
    ...(otherSubnet === undefined ? [] : [lines.tool('up', { subnet: otherSubnet, db: database })]),
    lines.aws(
      `rds modify-db-${kind} --db-${kind}-identifier ${database} --network-type DUAL --apply-immediately`,
      'where its subnets have IPv6',
    ),
  ],
  duration: ({ flag, between }) => {
    if (between === undefined) return [`e.g. ${flag} 30m, ${flag} 8h, ${flag} 1h30m`];
    const [shortest, longest] = between;
    return flag === '--idle'
      ? [`between ${shortest} and ${longest}, or 0 for never; --ttl ends the bastion in any case`]
      : [`between ${shortest} and ${longest}`];
  },
  'for-operators': (_, lines) => [lines.tool('policy operator', {}, 'grants it')],
  'iam-path': () => ['it begins and ends with a slash, e.g. --iam-path /team/bastions/'],
  'iam-prefix': ({ role }) =>
    role === undefined
      ? ['up to 24 letters, digits and +=.@_-, e.g. --iam-prefix team-']
      : ['a shorter --name', 'or a shorter --iam-prefix'],
  'image-architecture': ({ architectures }) => [
    `one image for each architecture, and types that have one: the images are ${architectures.join(', ')}`,
    'e.g. --image ami-0123456789abcdef0 --type t4g.micro   # arm64',
  ],
  'image-not-found': ({ image }, lines) => [
    lines.aws(
      image.startsWith('ami-')
        ? `ec2 describe-images --image-ids ${image}`
        : `ssm get-parameter --name ${image} --query Parameter.Value`,
      'what it is in this region',
    ),
  ],
  'instance-ended': instanceEnded,
  'instance-not-running': ({ name }, lines) => [
    lines.tool('status', { name }),
    removesEverything(name, lines),
  ],
  'instance-type': ({ examples }) => [`leave out --type, or use e.g. --type ${examples.join(',')}`],
  'lease-ending': ({ name }, lines) => [
    lines.tool('up', { name, ttl: '2h' }, 'extends it; sessions stay open'),
  ],
  'lease-over': ({ name }, lines) => [lines.tool('up', { name })],
  leftovers: ({ names, remaining }, lines) => [
    ...removals(remaining, lines),
    ...names.map((name) => lines.tool('down', { name }, 'tries again')),
  ],
  'leftovers-found': ({ name, region }, lines) => [lines.tool('down', { name, region }, 'deletes them')],
  'name-taken': ({ taken }, lines) => [
    ...taken.map(({ kind, id, why }) => `${kind} ${id} ${why}`),
    lines.tool('up', { name: 'OTHER' }, 'another name, which is free'),
  ],
  'no-bastion': noBastion,
  'no-bastions': (_, lines) => [lines.tool('up', {}, 'makes one')],
  'no-capacity': ({ market }) => [
    ...(market === 'spot' ? [`${ON_DEMAND}   # costs more, is nearly always there`] : []),
    'the same command with --type t4g.medium,t3.small   # other pools',
  ],
  'no-way-out': noWayOut,
  'not-settled': () => [RUN_AGAIN],
  'not-terminated': (_, lines) => [lines.tool('down', {}, 'again')],
  'others-run': ({ names }, lines) => [
    ...names.map((name) => lines.tool('down', { name })),
    // The name that was typed is of no bastion, and excludes --all.
    lines.tool('down', { all: true, name: 'default' }, 'or all of them'),
  ],
  'removed-during-up': ({ name }, lines) => [
    lines.tool('status', { name }, 'what is left; another person ran down at the same time'),
    lines.tool('up', { name }, START_ANEW),
  ],
  'quota-exceeded': ({ market, quota }) => [
    `raise "${quota}" (in vCPUs) in Service Quotas`,
    ...(market === 'spot' ? [`${ON_DEMAND}   # has a quota of its own`] : []),
  ],
  'replacement-impossible': ({ name }, lines) => [lines.tool('up', { name }, START_ANEW)],
  'role-not-found': (_, lines) => [
    lines.tool('policy bastion', {}, 'an administrator makes role and profile of the same name'),
    'or leave out --role: up makes its own',
  ],
  'security-group-not-found': ({ vpc }, lines) => [
    lines.aws(`ec2 describe-security-groups --filters Name=vpc-id,Values=${vpc}`, 'those of the VPC'),
  ],
  'sessions-active': ({ name, sessions }, lines) => [
    ...sessions.map(({ id, owner }) => `session ${id} of ${owner}`),
    lines.tool('down', { name, force: true }, 'cuts them off'),
  ],
  'spot-role-missing': (_, lines) => [
    lines.aws('iam create-service-linked-role --aws-service-name spot.amazonaws.com', 'once per account'),
    ON_DEMAND,
  ],
  'subnet-not-found': ({ candidates }) =>
    (candidates ?? []).map(({ id, zone }) => `--subnet ${id}   # ${zone}`),
  'teardown-unfinished': ({ name, all }, lines) => [lines.tool('down', all ? { all } : { name }, 'goes on')],
  unfinished: ({ name }, lines) => [
    lines.tool('down', { name }, 'removes what exists by now'),
    lines.context.command === 'up'
      ? lines.again('goes on with it')
      : lines.tool('up', { name }, 'goes on with it'),
  ],
  'vpc-not-found': ({ vpc }, lines) =>
    vpc === undefined
      ? ['another region? --region']
      : [lines.aws('ec2 describe-vpcs --query Vpcs[].VpcId', 'those of the region')],
} as const satisfies Rows;
