import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Change } from '../../../src/diagnose/change.ts';
import type { Finding } from '../../../src/diagnose/finding.ts';
import { safeChangesOf } from '../../../src/diagnose/safe-changes.ts';
import { type Sandbox, startSandbox } from '../../../src/sandbox/sandbox.ts';
import { EXEC_KEY_ID } from '../../../src/sandbox/world/seed-roles.ts';
import { defaultSeed } from '../../../src/sandbox/world/seed.ts';
import type { WorldFile, WorldNetwork, WorldService } from '../../../src/sandbox/world/world-schema.ts';
import { seedOfWorld } from '../../../src/sandbox/world/world-seed.ts';
import { applyChanges } from '../../support/apply-changes.ts';
import { cli } from '../../support/cli-in-process.ts';
import { eventually } from '../../support/eventually.ts';
import { reportSkip } from '../../support/on-path.ts';

/**
 * `doctor SERVICE` for each cause that stops ECS Exec: a world that shows the cause, a sibling world in which the same
 * facts are harmless, and the fix that is printed, applied in the first world.
 */

const CHANNELS = ['CreateControlChannel', 'CreateDataChannel', 'OpenControlChannel', 'OpenDataChannel'].map(
  (name) => `ssmmessages:${name}`,
);
const KEY = `arn:aws:kms:eu-west-1:111122223333:key/${EXEC_KEY_ID}`;

const network = (
  more: Partial<WorldNetwork> = {},
  subnet: Partial<WorldNetwork['subnets'][number]> = {},
) => ({
  name: 'shop',
  cidr: '10.50.0.0/16',
  subnets: [{ name: 'private-a', cidr: '10.50.1.0/24', ...subnet }],
  ...more,
});
const world = (service: Partial<WorldService> = {}, more: Partial<WorldFile> = {}): WorldFile => ({
  base: 'empty',
  networks: [network()],
  clusters: [{ name: 'shop' }],
  services: [
    {
      name: 'orders-api',
      cluster: 'shop',
      network: 'shop',
      containers: [{ name: 'app', ports: [8080] }],
      ...service,
    },
  ],
  ...more,
});
const inNetwork = (
  more: Partial<WorldNetwork>,
  subnet: Partial<WorldNetwork['subnets'][number]> = {},
  service: Partial<WorldService> = {},
) => world(service, { networks: [network(more, subnet)] });
const role = (more: object, service: Partial<WorldService> = {}): WorldFile =>
  world({ taskRole: 'orders-task', ...service }, { roles: [{ name: 'orders-task', ...more }] });

interface Case {
  readonly id: string;
  readonly says: RegExp;
  readonly world: WorldFile;
  /** Harmless: no finding at all. */
  readonly sibling: WorldFile;
  /**
   * `applied`: the printed changes are made, and `doctor` finds nothing afterwards. Otherwise why they are not: who
   * makes the change, or that no change removes the cause.
   */
  readonly fix: 'applied' | 'outside the account' | 'not in the sandbox' | 'none';
}

const ALL_OUT = [{ number: 100, direction: 'out', action: 'allow' }] as const;

const CASES: readonly Case[] = [
  {
    id: 'exec-not-enabled',
    says: /exec is off in service orders-api/,
    world: world({ exec: false }),
    sibling: world({ exec: true }),
    fix: 'applied',
  },
  {
    id: 'exec-not-enabled',
    says: /was started before exec was switched on/,
    world: world({ tasks: [{ exec: false }] }),
    sibling: world({ exec: false, tasks: [{ exec: true }] }),
    fix: 'applied',
  },
  {
    id: 'no-running-task',
    says: /no running task \(desired count 1\): Essential container in task exited: app exit 137 \(out of memory\)/,
    world: world({
      desired: 1,
      tasks: [
        { state: 'STOPPED', exitCode: 137, reason: 'OutOfMemoryError: Container killed due to memory usage' },
      ],
    }),
    sibling: world({ tasks: [{}, { state: 'STOPPED', exitCode: 137, reason: 'OutOfMemoryError: killed' }] }),
    fix: 'none',
  },
  {
    id: 'no-running-task',
    says: /desired count 0/,
    world: world({ desired: 0, tasks: [] }),
    sibling: world({ desired: 1 }),
    fix: 'applied',
  },
  {
    id: 'exec-agent-not-running',
    says: /the exec agent of container app is STOPPED .*agent exited/,
    world: world({ tasks: [{ agent: 'STOPPED', agentReason: 'agent exited' }] }),
    sibling: world({ tasks: [{ agent: 'RUNNING' }] }),
    fix: 'applied',
  },
  {
    id: 'platform-too-old',
    says: /platform version 1\.3\.0, and ECS Exec needs 1\.4\.0/,
    world: world({ tasks: [{ members: { platformVersion: '1.3.0' } }] }),
    sibling: world({
      tasks: [{ members: { platformVersion: '1.0.0', platformFamily: 'Windows_Server_2022_Core' } }],
    }),
    fix: 'applied',
  },
  {
    id: 'container-agent-not-read',
    says: /launch type EC2/,
    world: world({ tasks: [{ members: { launchType: 'EC2' } }] }),
    sibling: world({ tasks: [{ members: { launchType: 'FARGATE' } }] }),
    fix: 'none',
  },
  {
    id: 'task-role-missing',
    says: /has no task role/,
    world: world({ taskRole: false }),
    sibling: world({
      taskRole: false,
      tasks: [{ members: { overrides: { taskRoleArn: 'arn:aws:iam::111122223333:role/demo-exec-task' } } }],
    }),
    fix: 'applied',
  },
  {
    id: 'task-role-gone',
    says: /role orders-task, which does not exist/,
    world: world({ taskRole: 'orders-task' }),
    sibling: role({ allow: CHANNELS }),
    fix: 'applied',
  },
  {
    id: 'task-role-untrusted',
    says: /does not let ecs-tasks\.amazonaws\.com/,
    world: role({ trust: 'ec2.amazonaws.com', allow: CHANNELS }),
    sibling: role({ trust: 'ecs-tasks.amazonaws.com', allow: CHANNELS }),
    fix: 'applied',
  },
  {
    id: 'action-not-granted',
    says: /role\/orders-task lacks ssmmessages:OpenDataChannel/,
    world: role({ allow: CHANNELS.slice(0, 3) }),
    sibling: role({ allow: ['ssmmessages:*'] }),
    fix: 'applied',
  },
  {
    id: 'action-not-granted',
    says: /lacks ssmmessages:CreateControlChannel/,
    world: role({ allow: CHANNELS, condition: { StringEquals: { 'aws:RequestedRegion': 'us-east-1' } } }),
    sibling: role({ allow: CHANNELS, condition: { StringEquals: { 'aws:RequestedRegion': 'eu-west-1' } } }),
    fix: 'applied',
  },
  {
    id: 'action-undecided',
    says: /may lack ssmmessages:CreateControlChannel.* under conditions/,
    world: role({ allow: CHANNELS, condition: { StringEquals: { 'aws:SourceVpc': 'vpc-1' } } }),
    sibling: role({ allow: CHANNELS, condition: { Bool: { 'aws:SecureTransport': 'true' } } }),
    fix: 'applied',
  },
  {
    id: 'action-outside-boundary',
    says: /has a permissions boundary without ssmmessages:CreateControlChannel/,
    world: role({ allow: CHANNELS, boundary: ['s3:*'] }),
    sibling: role({ allow: CHANNELS, boundary: ['s3:*', 'ssmmessages:*'] }),
    fix: 'outside the account',
  },
  {
    id: 'action-forbidden-by-organization',
    says: /is forbidden ssmmessages:OpenDataChannel by a service control policy/,
    world: { ...role({ allow: CHANNELS }), forbiddenActions: ['ssmmessages:OpenDataChannel'] },
    sibling: { ...role({ allow: CHANNELS }), forbiddenActions: ['ssmmessages:*Session'] },
    fix: 'outside the account',
  },
  {
    id: 'action-explicitly-denied',
    says: /is explicitly denied ssmmessages:OpenDataChannel/,
    world: role({ allow: CHANNELS, deny: ['ssmmessages:OpenDataChannel'] }),
    sibling: role({ allow: CHANNELS, deny: ['ssm:*'] }),
    fix: 'outside the account',
  },
  {
    id: 'exec-granted-to-execution-role',
    says: /are allowed to the execution role orders-execution, and the exec agent uses the task role orders-task/,
    world: world(
      { taskRole: 'orders-task', executionRole: 'orders-execution' },
      { roles: [{ name: 'orders-task' }, { name: 'orders-execution', allow: CHANNELS }] },
    ),
    sibling: world(
      { taskRole: 'orders-task', executionRole: 'orders-execution' },
      {
        roles: [
          { name: 'orders-task', allow: CHANNELS },
          { name: 'orders-execution', allow: CHANNELS },
        ],
      },
    ),
    fix: 'applied',
  },
  {
    id: 'task-role-is-execution-role',
    says: /as task role and as execution role/,
    world: role({ allow: CHANNELS }, { executionRole: 'orders-task' }),
    sibling: role({ allow: CHANNELS }),
    fix: 'applied',
  },
  {
    id: 'readonly-root-filesystem',
    says: /read-only root file system/,
    world: world({ containers: [{ name: 'app', readonlyRoot: true }] }),
    sibling: world({
      containers: [
        {
          name: 'app',
          readonlyRoot: true,
          members: {
            mountPoints: ['/managed-agents', '/var/lib/amazon/ssm', '/var/log/amazon/ssm'].map(
              (containerPath) => ({ sourceVolume: 'ssm', containerPath }),
            ),
          },
        },
      ],
    }),
    fix: 'applied',
  },
  {
    id: 'shared-pid-namespace',
    says: /has pidMode task: only one of its containers \(app, worker\)/,
    world: world({ containers: [{ name: 'app' }, { name: 'worker' }], definition: { pidMode: 'task' } }),
    sibling: world({ definition: { pidMode: 'task' } }),
    fix: 'applied',
  },
  {
    id: 'init-process-off',
    says: /without initProcessEnabled/,
    world: world({ containers: [{ name: 'app', initProcess: false }] }),
    sibling: world({ containers: [{ name: 'app', initProcess: false }], definition: { pidMode: 'task' } }),
    fix: 'applied',
  },
  {
    id: 'aws-keys-in-container',
    says: /sets AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY/,
    world: world({
      containers: [
        { name: 'app', environment: { AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE', AWS_SECRET_ACCESS_KEY: 'x' } },
      ],
    }),
    sibling: world({
      containers: [{ name: 'app', environment: { AWS_REGION: 'eu-west-1', MY_AWS_ACCESS_KEY_ID: 'x' } }],
    }),
    fix: 'applied',
  },
  {
    id: 'aws-keys-in-container',
    says: /sets AWS_ACCESS_KEY_ID, which/,
    world: world({ containers: [{ name: 'app', secrets: { AWS_ACCESS_KEY_ID: 'app-key' } }] }),
    sibling: world({ containers: [{ name: 'app', secrets: { DB_PASSWORD: 'db-password' } }] }),
    fix: 'applied',
  },
  {
    id: 'proxy-without-exceptions',
    says: /sets HTTPS_PROXY without NO_PROXY/,
    world: world({ containers: [{ name: 'app', environment: { HTTPS_PROXY: 'http://proxy:3128' } }] }),
    sibling: world({
      containers: [
        { name: 'app', environment: { HTTPS_PROXY: 'http://proxy:3128', NO_PROXY: '169.254.170.2' } },
      ],
    }),
    fix: 'applied',
  },
  {
    id: 'action-not-granted',
    says: /lacks kms:Decrypt/,
    world: { ...role({ allow: CHANNELS }), clusters: [{ name: 'shop', exec: { kmsKey: KEY } }] },
    sibling: {
      ...role({ allow: [...CHANNELS, 'kms:Decrypt'] }),
      clusters: [{ name: 'shop', exec: { kmsKey: KEY } }],
    },
    fix: 'applied',
  },
  {
    id: 'action-not-granted',
    says: /lacks logs:DescribeLogGroups, logs:CreateLogStream, logs:PutLogEvents/,
    world: {
      ...role({ allow: CHANNELS }),
      logGroups: [{ name: '/exec' }],
      clusters: [{ name: 'shop', exec: { logGroup: '/exec' } }],
    },
    sibling: {
      ...role({ allow: [...CHANNELS, 'logs:*'] }),
      logGroups: [{ name: '/exec' }],
      clusters: [{ name: 'shop', exec: { logGroup: '/exec' } }],
    },
    fix: 'applied',
  },
  {
    id: 'action-not-granted',
    says: /lacks s3:GetEncryptionConfiguration, s3:PutObject/,
    world: { ...role({ allow: CHANNELS }), clusters: [{ name: 'shop', exec: { bucket: 'exec-logs' } }] },
    sibling: {
      ...role({ allow: [...CHANNELS, 's3:*'] }),
      clusters: [{ name: 'shop', exec: { bucket: 'exec-logs' } }],
    },
    fix: 'applied',
  },
  {
    id: 'exec-log-group-missing',
    says: /logs exec sessions to \/exec, which does not exist/,
    world: {
      ...role({ allow: [...CHANNELS, 'logs:*'] }),
      clusters: [{ name: 'shop', exec: { logGroup: '/exec' } }],
    },
    sibling: {
      ...role({ allow: [...CHANNELS, 'logs:*'] }),
      logGroups: [{ name: '/exec' }],
      clusters: [{ name: 'shop', exec: { logGroup: '/exec' } }],
    },
    fix: 'applied',
  },
  {
    id: 'exec-log-group-unencrypted',
    says: /demands an encrypted log group, and \/exec has no key/,
    world: {
      ...role({ allow: [...CHANNELS, 'logs:*'] }),
      logGroups: [{ name: '/exec' }],
      clusters: [{ name: 'shop', exec: { logGroup: '/exec', encrypted: true } }],
    },
    sibling: {
      ...role({ allow: [...CHANNELS, 'logs:*'] }),
      logGroups: [{ name: '/exec', kmsKey: KEY }],
      clusters: [{ name: 'shop', exec: { logGroup: '/exec', encrypted: true } }],
    },
    fix: 'not in the sandbox',
  },
  {
    id: 'path-blocked',
    says: /source group .*no outbound rule for port 443 to the internet/,
    world: inNetwork(
      { securityGroups: [{ name: 'tasks', egress: [{ port: 5432 }] }] },
      {},
      { securityGroup: 'tasks' },
    ),
    sibling: inNetwork(
      { securityGroups: [{ name: 'tasks', egress: [{ port: 443 }] }] },
      {},
      { securityGroup: 'tasks' },
    ),
    fix: 'applied',
  },
  {
    id: 'path-blocked',
    says: /source acl in .*inbound rule \* denies ports 32768-60999/,
    world: inNetwork(
      {
        acls: [
          {
            name: 'strict',
            entries: [...ALL_OUT, { number: 100, direction: 'in', action: 'allow', ports: '443' }],
          },
        ],
      },
      { acl: 'strict' },
    ),
    sibling: inNetwork(
      {
        acls: [
          {
            name: 'strict',
            entries: [...ALL_OUT, { number: 100, direction: 'in', action: 'allow', ports: '1024-65535' }],
          },
        ],
      },
      { acl: 'strict' },
    ),
    fix: 'applied',
  },
  {
    id: 'path-blocked',
    says: /source acl out .*outbound rule 90 denies port 443/,
    world: inNetwork(
      {
        acls: [
          {
            name: 'strict',
            entries: [
              ...ALL_OUT,
              { number: 90, direction: 'out', action: 'deny', ports: '443' },
              { number: 100, direction: 'in', action: 'allow' },
            ],
          },
        ],
      },
      { acl: 'strict' },
    ),
    sibling: inNetwork(
      {
        acls: [
          {
            name: 'strict',
            entries: [
              ...ALL_OUT,
              { number: 110, direction: 'out', action: 'deny', ports: '443' },
              { number: 100, direction: 'in', action: 'allow' },
            ],
          },
        ],
      },
      { acl: 'strict' },
    ),
    fix: 'applied',
  },
  {
    id: 'path-blocked',
    says: /source route .*no route for 0\.0\.0\.0\/0/,
    world: inNetwork({ endpoints: ['ecs'] }, { route: 'none' }),
    sibling: inNetwork({ endpoints: ['ssmmessages'] }, { route: 'none' }),
    fix: 'not in the sandbox',
  },
  {
    id: 'path-blocked',
    says: /source route .*has no public address/,
    world: inNetwork({}, { route: 'internet-gateway' }),
    sibling: inNetwork({}, { route: 'internet-gateway' }, { publicIp: true }),
    fix: 'not in the sandbox',
  },
  {
    id: 'path-blocked',
    says: /target group .*no inbound rule for port 443/,
    world: inNetwork({
      securityGroups: [{ name: 'endpoints', ingress: [{ port: 443, cidr: '10.50.9.0/24' }] }],
      endpoints: [{ service: 'ssmmessages', securityGroup: 'endpoints' }],
    }),
    sibling: inNetwork({
      securityGroups: [{ name: 'endpoints', ingress: [{ port: 443, cidr: '10.50.0.0/16' }] }],
      endpoints: [{ service: 'ssmmessages', securityGroup: 'endpoints' }],
    }),
    fix: 'applied',
  },
  {
    id: 'path-blocked',
    says: /endpoint policy .*does not allow ssmmessages:CreateControlChannel/,
    world: inNetwork({ endpoints: [{ service: 'ssmmessages', allow: ['s3:GetObject'] }] }),
    sibling: inNetwork({ endpoints: [{ service: 'ssmmessages', allow: ['ssmmessages:*'] }] }),
    fix: 'not in the sandbox',
  },
  {
    id: 'path-blocked',
    says: /no route for 0\.0\.0\.0\/0/,
    world: inNetwork({ endpoints: [{ service: 'ssmmessages', privateDns: false }] }, { route: 'none' }),
    sibling: inNetwork({ endpoints: [{ service: 'ssmmessages', privateDns: false }] }),
    fix: 'not in the sandbox',
  },
];

interface Report {
  readonly healthy: boolean;
  readonly paths: readonly { readonly hops: readonly { readonly verdict: string }[] }[];
  readonly findings: readonly {
    readonly id: string;
    readonly severity: string;
    readonly message: string;
    readonly changes: readonly (readonly Change[])[];
  }[];
}

async function inWorld<T>(file: WorldFile, work: (sandbox: Sandbox) => Promise<T>): Promise<T> {
  const sandbox = await startSandbox({ seed: seedOfWorld('world.yaml', file, defaultSeed()) });
  try {
    return await work(sandbox);
  } finally {
    await sandbox.close();
  }
}

async function doctor({ env }: Pick<Sandbox, 'env'>): Promise<Report & { readonly status: number }> {
  const { status, stdout, stderr } = await cli(['doctor', 'orders-api', '--cluster', 'shop', '--json'], {
    env,
  });
  if (stdout === '') throw new Error(stderr);
  return { ...(JSON.parse(stdout) as Report), status };
}

/** What the tests below have seen; docs/doctor.md states it. */
const seen = {
  shown: 0,
  applied: 0,
  fixedByFix: 0,
  siblings: 0,
  falseAlarms: 0,
  calls: [] as number[],
  hops: [] as string[],
};

/** Whether the plan of `--fix`, with `--redeploy`, has the change that removes the finding. */
function isFixed(id: string, { findings }: Report): boolean {
  const all = findings.map(({ changes, ...finding }) => ({
    ...finding,
    fixes: changes,
  })) as unknown as readonly Finding[];
  const grants = findings
    .flatMap(({ changes }) => changes.flat())
    .filter(({ kind }) => kind === 'allow-actions');
  const [grant] = grants as readonly { readonly principal?: string }[];
  const { deployment, removes, stopsNewTasks } = safeChangesOf(all, grant?.principal);
  const isRedeployed = id === 'exec-not-enabled' && deployment !== undefined && stopsNewTasks.length === 0;
  return isRedeployed || (removes as readonly string[]).includes(id);
}

describe.each(CASES)('$id ($says)', ({ id, says, world: shown, sibling, fix }) => {
  it(
    'is found, and the printed fix removes it',
    () =>
      inWorld(shown, async (sandbox) => {
        const report = await doctor(sandbox);
        expect(report.status).toBe(1);
        const found = report.findings.filter((finding) => finding.id === id);
        expect(found.map(({ message }) => message).join('\n')).toMatch(says);
        seen.shown++;
        if (isFixed(id, report)) seen.fixedByFix++;
        if (fix !== 'none')
          expect(found[0]?.changes[0]?.length ?? 0, 'changes').toBeGreaterThan(
            id === 'exec-granted-to-execution-role' ? -1 : 0,
          );
        if (fix !== 'applied') return;
        const changes = report.findings.flatMap((finding) => finding.changes[0] ?? []);
        const once = [...new Map(changes.map((change) => [JSON.stringify(change), change])).values()];
        await applyChanges(inOrder(once), sandbox.env);
        let left: Report['findings'] = [];
        const settled = eventually(async () => {
          ({ findings: left } = await doctor(sandbox));
          return left.every((finding) => NOTES.has(finding.id)) ? true : undefined;
        });
        await settled.catch((error: unknown) => {
          throw new Error(`${String(error)}: ${left.map(({ message }) => message).join('; ')}`);
        });
        seen.applied++;
      }),
    130_000,
  );

  it('is not reported where the same facts are harmless', () =>
    inWorld(sibling, async (sandbox) => {
      const { status, findings, paths } = await doctor(sandbox);
      seen.siblings++;
      seen.calls.push(sandbox.calls.length);
      seen.hops.push(...paths.flatMap(({ hops }) => hops.map(({ verdict }) => verdict)));
      if (status !== 0) seen.falseAlarms++;
      expect(findings.filter(({ id: other }) => !NOTES.has(other))).toEqual([]);
      expect(status).toBe(0);
    }));
});

/** What no call can show; not counted as a finding. */
const NOTES: ReadonlySet<string> = new Set(['exec-log-programs', 'windows-container', 'environment-file']);

/** The new revision and the deployment come last, as `doctor` prints them. */
const inOrder = (changes: readonly Change[]): readonly Change[] => {
  const rank = ({ kind }: Change): number => ['register-task-definition', 'redeploy-service'].indexOf(kind);
  return changes.toSorted((a, b) => rank(a) - rank(b));
};

it('docs/doctor.md states the numbers of these tests', () => {
  if (seen.shown < CASES.length || seen.siblings < CASES.length) {
    reportSkip(
      'the numbers of docs/doctor.md',
      'not all cases were run, so that there is nothing to compare',
    );
    return;
  }
  const counted = {
    'worlds that show a cause of ECS Exec': CASES.length,
    'different findings in them': new Set(CASES.map(({ id }) => id)).size,
    'sibling worlds with the same facts, harmless there': seen.siblings,
    'false alarms in these sibling worlds': seen.falseAlarms,
    'worlds in which the printed changes are made, and nothing is found afterwards': seen.applied,
    'worlds whose cause `--fix`, with `--redeploy`, offers to remove': seen.fixedByFix,
    'API calls of `doctor SERVICE` in a healthy world': `${Math.min(...seen.calls)} to ${Math.max(...seen.calls)}`,
    'hops judged in the healthy worlds': seen.hops.length,
    'of these, cannot be seen': seen.hops.filter((verdict) => verdict === 'not-visible').length,
  };
  process.stderr.write(`doctor: ${JSON.stringify(counted)}\n`);
  const page = readFileSync('docs/doctor.md', 'utf8');
  const stated = Object.keys(counted).map((what) => [
    what,
    page
      .split('\n')
      .map((line) => line.split('|').map((cell) => cell.trim()))
      .find(([, cell]) => cell === what)?.[2],
  ]);
  expect(Object.fromEntries(stated)).toEqual(
    Object.fromEntries(Object.entries(counted).map(([what, value]) => [what, String(value)])),
  );
});
