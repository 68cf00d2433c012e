import {
  DescribeInstancesCommand,
  DescribeLaunchTemplateVersionsCommand,
  DescribeSecurityGroupsCommand,
  DescribeTagsCommand,
} from '@aws-sdk/client-ec2';
import { GetRoleCommand } from '@aws-sdk/client-iam';
import { afterEach, describe, expect, it } from 'vitest';

import { sandboxClients } from '../../support/sandbox-clients.ts';
import { testSandbox } from '../../support/test-sandbox.ts';
import { FakeSignals } from '../../support/fake-deps.ts';
import { GROUP, SUBNET, VPC } from '../../../src/sandbox/world/seed-network.ts';
import { cli, type CliOutcome, hurried } from '../../support/cli-in-process.ts';

const ORDERS_HOST = 'orders-db.c1x2y3z4abcd.eu-west-1.rds.amazonaws.com';
const sandbox = testSandbox({ randomSeed: 7 });
const run = (...args: readonly string[]): Promise<CliOutcome> => cli(args, { env: sandbox().env });

/** Each test leaves the account as it found it. */
afterEach(async () => {
  sandbox().faults.clear();
  await run('down', '--all', '--yes', '--force');
});

interface UpJson {
  readonly name: string;
  readonly instanceId: string;
  readonly launched: boolean;
  readonly ready: boolean;
  readonly expiresAt: string;
}
const upJson = (outcome: CliOutcome): UpJson => JSON.parse(outcome.stdout) as UpJson;

const writes = (since: number): readonly string[] =>
  sandbox()
    .calls.slice(since)
    .map((call) => call.action)
    .filter((action) => !/^(Describe|Get|List)/.test(action));

describe('up and down on the sandbox', () => {
  it('leave the account exactly as it was', async () => {
    const before = sandbox().snapshot();
    const up = await run('up', '--cluster', 'demo', '--yes', '--json');
    expect(up.stderr).not.toContain('✗');
    expect(up.status).toBe(0);
    expect(upJson(up)).toMatchObject({ name: 'default', launched: true, ready: true });
    expect(sandbox().snapshot()).not.toBe(before);
    const down = await run('down', '--yes', '--json');
    expect(down.status).toBe(0);
    expect(JSON.parse(down.stdout)).toMatchObject({ left: 0, kept: [] });
    expect(sandbox().snapshot()).toBe(before);
  });

  it('create an instance with every protection that EC2 offers', async () => {
    const { instanceId } = upJson(await run('up', '--cluster', 'demo', '--yes', '--json'));
    const { ec2, iam } = sandboxClients(sandbox().env);
    const described = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] }));
    const instance = described.Reservations?.[0]?.Instances?.[0];
    expect(instance).toMatchObject({ InstanceLifecycle: 'spot', InstanceType: 't4g.micro' });
    expect(instance?.KeyName).toBeUndefined();
    expect(instance?.PublicIpAddress).toBeUndefined();
    expect(instance?.MetadataOptions).toMatchObject({ HttpTokens: 'required', HttpPutResponseHopLimit: 1 });
    const keys = (instance?.Tags ?? []).map((tag) => tag.Key);
    for (const key of ['bastion', 'owner', 'expires-at', 'version'])
      expect(keys).toContain(`fargate-connect:${key}`);
    const versions = await ec2.send(
      new DescribeLaunchTemplateVersionsCommand({ LaunchTemplateName: 'fargate-connect-default' }),
    );
    const data = versions.LaunchTemplateVersions?.[0]?.LaunchTemplateData;
    expect(data?.InstanceInitiatedShutdownBehavior).toBe('terminate');
    expect(data?.BlockDeviceMappings?.[0]?.Ebs).toMatchObject({ Encrypted: true, VolumeType: 'gp3' });
    const role = await iam.send(new GetRoleCommand({ RoleName: 'fargate-connect-default-eu-west-1' }));
    expect(role.Role?.PermissionsBoundary?.PermissionsBoundaryArn).toContain('-boundary');
    expect(role.Role?.Path).toBe('/fargate-connect/');
  });

  it('--dry-run shows the whole plan and writes nothing', async () => {
    const before = sandbox().calls.length;
    const outcome = await run('up', '--cluster', 'demo', '--dry-run', '--json');
    expect(outcome.status).toBe(0);
    const plan = JSON.parse(outcome.stdout) as Record<string, unknown>;
    expect(Object.keys(plan).sort()).toEqual([
      'account',
      'accountAlias',
      'cluster',
      'expiresAt',
      'idleMinutes',
      'market',
      'name',
      'network',
      'plan',
      'policies',
      'price',
      'region',
      'types',
      'userDataBytes',
      'warnings',
    ]);
    expect(writes(before)).toEqual([]);
  });

  it('--dry-run on a narrow terminal: no line is longer than the terminal', async () => {
    const tty = { stdout: true, columns: 80 };
    const args = ['up', '--cluster', 'demo', '--db', 'billing-db', '--dry-run', '--no-color'];
    const { stdout } = await cli(args, { env: sandbox().env, tty });
    const said = stdout.slice(stdout.indexOf('\nPlan\n'));
    expect(said).toContain('Warnings');
    for (const line of said.split('\n')) expect([line, line.length <= 80]).toEqual([line, true]);
    const plain = (await run(...args)).stdout;
    expect(plain).toMatch(/^ {2}\* subnet-\w+ {2}eu-west-1a {2}nat {15}0\.0\.0\.0\/0 → nat-\w+$/m);
  });

  it('up on a narrow terminal: no line is longer than the terminal', async () => {
    const tty = { stdin: true, stdout: true, stderr: true, columns: 80 };
    const args = ['up', '--cluster', 'demo', '--db', 'billing-db', '--yes', '--no-wait', '--no-color'];
    const { status, stderr } = await cli(args, { env: sandbox().env, tty });
    expect(status).toBe(0);
    const lines = stderr.replaceAll(/\x1b\[[0-9;?]*[A-Za-z]/g, '').split(/[\r\n]+/);
    // A command that is meant to be copied is not wrapped.
    const command = '  fargate-connect db billing-db --via bastion';
    expect(lines).toContainEqual(expect.stringMatching(`^${command}(?! #)`));
    expect(lines).toContain('    # its client, or a local port');
    const talk = lines.filter(
      (line) => /^(warning|network|price|ends|bastion| )/.test(line) && !line.startsWith(command),
    );
    expect(talk.join(' ').replaceAll(/ +/g, ' ')).toContain('the same command with --allow-db billing-db');
    for (const line of talk) expect([line, line.length <= 80]).toEqual([line, true]);
  });

  it('a second up adopts what exists, extends the lease on request, and never shortens it', async () => {
    const up = ['up', '--cluster', 'demo', '--yes', '--json'];
    const first = upJson(await run(...up));
    const before = sandbox().calls.length;
    expect(upJson(await run(...up))).toMatchObject({ instanceId: first.instanceId, launched: false });
    const { expiresAt } = upJson(await run(...up, '--ttl', '2h'));
    expect([expiresAt, writes(before)]).toEqual([first.expiresAt, []]);
    const planned = upJson(await run(...up, '--ttl', '2h', '--dry-run'));
    expect(planned.expiresAt).toBe(expiresAt);
    const longer = upJson(await run(...up, '--ttl', '9h'));
    expect(Date.parse(longer.expiresAt) - Date.parse(expiresAt)).toBeGreaterThan(3_500_000);
    expect(writes(before)).toEqual(['CreateTags']);
  });

  it.each([[['--cluster', 'demo']], [['--tunnel-only', '--vpc', VPC.main]]])(
    'a bastion that was created with %j is extended without these flags',
    async (place) => {
      const first = upJson(await run('up', ...place, '--yes', '--json'));
      const before = sandbox().calls.length;
      const extended = await run('up', '--ttl', '9h', '--yes', '--json');
      expect([extended.status, extended.stderr]).toEqual([0, extended.stderr]);
      expect(upJson(extended)).toMatchObject({ instanceId: first.instanceId, launched: false });
      expect(writes(before)).toEqual(['CreateTags']);
    },
  );

  it('two up at the same time end with one bastion', async () => {
    const before = sandbox().snapshot();
    const [a, b] = await Promise.all([
      run('up', '--cluster', 'demo', '--yes', '--json'),
      run('up', '--cluster', 'demo', '--yes', '--json'),
    ]);
    expect([a.status, b.status]).toEqual([0, 0]);
    expect(upJson(a).instanceId).toBe(upJson(b).instanceId);
    const { bastions } = JSON.parse((await run('status', '--json')).stdout) as { bastions: unknown[] };
    expect(bastions).toHaveLength(1);
    await run('down', '--yes');
    expect(sandbox().snapshot()).toBe(before);
  });

  it('several bastions can run at the same time', async () => {
    const before = sandbox().snapshot();
    await run('up', '--cluster', 'demo', '--yes');
    await run('up', '--cluster', 'demo', '--name', 'orders', '--tunnel-only', '--yes');
    const status = JSON.parse((await run('status', '--json')).stdout) as {
      bastions: { name: string; state: string; sessions: number; cost: number }[];
    };
    expect(status.bastions.map((bastion) => bastion.name)).toEqual(['default', 'orders']);
    expect(status.bastions[0]).toMatchObject({ state: 'running', sessions: 0 });
    const tty = { stdout: true, columns: 110 };
    const table = (await cli(['status', '--no-color'], { env: sandbox().env, tty })).stdout
      .trimEnd()
      .split('\n');
    expect(table).toHaveLength(3);
    for (const line of table) expect(line.length).toBeLessThanOrEqual(110);
    expect(table[1]).toMatch(/^default +i-[0-9a-f]{17} +running .* \S+$/);
    expect(table[1]).not.toContain('arn:');
    await run('down', '--name', 'orders', '--yes');
    expect((await run('status')).stdout).toMatch(/^default /m);
    await run('down', '--all', '--yes');
    expect(sandbox().snapshot()).toBe(before);
  });

  it('allows only outbound port 443 until a database is requested', async () => {
    const egress = async (): Promise<readonly string[]> => {
      const { ec2 } = sandboxClients(sandbox().env);
      const name = { Name: 'group-name', Values: ['fargate-connect-default'] };
      const found = await ec2.send(new DescribeSecurityGroupsCommand({ Filters: [name] }));
      return (found.SecurityGroups?.[0]?.IpPermissionsEgress ?? []).map(
        (rule) => `${rule.FromPort} ${rule.IpRanges?.[0]?.CidrIp ?? rule.UserIdGroupPairs?.[0]?.GroupId}`,
      );
    };
    const forward = (): Promise<CliOutcome> => {
      const signals = new FakeSignals();
      const onStdout = (text: string): void => {
        if (text.includes('forward-ready')) signals.raise('SIGINT');
      };
      const args = ['forward', '-L', `0:${ORDERS_HOST}:5432`, '--via', 'bastion', '--json'];
      return cli(args, { env: sandbox().env, signals, onStdout });
    };
    const before = sandbox().snapshot();
    const plain = await run('up', '--cluster', 'demo', '--yes');
    expect(plain.stderr).toContain('fargate-connect up --db ID');
    expect(await egress()).toEqual(['443 0.0.0.0/0']);
    const closed = await forward();
    expect([closed.status, closed.stdout]).toEqual([1, '']);
    expect(closed.stderr).toContain('port-not-open');
    expect(closed.stderr).toContain('fargate-connect up --db orders-db');

    const dry = await run('up', '--cluster', 'demo', '--db', 'orders-db', '--dry-run');
    expect(dry.stdout).toMatch(/~ update +egress .* open tcp\/5432 to sg-/);
    const opened = await run('up', '--cluster', 'demo', '--db', 'orders-db', '--yes');
    expect(opened.status).toBe(0);
    expect(await egress()).toEqual(['443 0.0.0.0/0', `5432 ${GROUP.ordersDb}`]);
    expect((await forward()).stdout).toContain('forward-ready');
    const ports = ['--egress-port', '6379', '--egress-port', '80'];
    const more = await run('up', '--cluster', 'demo', ...ports, '--yes');
    expect(more.stderr).toMatch(
      /~ update +egress .* open tcp\/6379 to 10\.0\.0\.0\/16, open tcp\/80 to 10\.0\.0\.0\/16/,
    );
    expect((await egress()).toSorted()).toEqual([
      '443 0.0.0.0/0',
      `5432 ${GROUP.ordersDb}`,
      '6379 10.0.0.0/16',
      '80 10.0.0.0/16',
    ]);
    const { ec2 } = sandboxClients(sandbox().env);
    const rules = await ec2.send(
      new DescribeTagsCommand({
        Filters: [
          { Name: 'resource-type', Values: ['security-group-rule'] },
          { Name: 'tag:fargate-connect:bastion', Values: ['default'] },
        ],
      }),
    );
    expect(new Set(rules.Tags?.map((tag) => tag.ResourceId)).size).toBe(4);
    const status = JSON.parse((await run('status', '--json')).stdout) as { bastions: readonly object[] };
    expect(status.bastions).toMatchObject([{ ports: [80, 443, 5432, 6379] }]);
    expect((await run('status')).stdout).toMatch(/PORTS[^]* 80 443 5432 6379 /);
    const seen = sandbox().calls.length;
    await run('up', '--cluster', 'demo', ...ports, '--yes');
    await run('up', '--cluster', 'demo', '--yes');
    expect(writes(seen)).toEqual([]);
    await run('down', '--yes');
    expect(sandbox().snapshot()).toBe(before);
  });

  it('opens access to a database only when asked, and closes it again', async () => {
    const before = sandbox().snapshot();
    const seen = sandbox().calls.length;
    await run('up', '--cluster', 'demo', '--yes', '--allow-db', 'billing-db');
    expect(writes(seen)).toContain('AuthorizeSecurityGroupIngress');
    await run('down', '--yes');
    expect(writes(seen)).toContain('RevokeSecurityGroupIngress');
    expect(sandbox().snapshot()).toBe(before);
  });

  it('launches on-demand only with the consent of the user', async () => {
    sandbox().faults.market.refuse({ market: 'spot' }, 'InsufficientInstanceCapacity');
    const refused = await run('up', '--cluster', 'demo', '--yes');
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain('no spot capacity in any of 12 pools');
    expect(refused.stderr).toContain(
      't4g.micro in subnet-0a10000000000001a (eu-west-1a): InsufficientInstanceCapacity',
    );
    const paid = await run('up', '--cluster', 'demo', '--yes', '--on-demand', '--json');
    expect(JSON.parse(paid.stdout)).toMatchObject({ market: 'on-demand', ready: true });
  });

  it('launches a type that has no CPU credits', async () => {
    const up = await run('up', '--cluster', 'demo', '--yes', '--json', '--no-wait', '--type', 'm7g.medium');
    expect([up.status, up.stderr]).toEqual([0, up.stderr]);
    expect(JSON.parse(up.stdout)).toMatchObject({ type: 'm7g.medium' });
  });

  it('accepts a type whose console output cannot be read while it runs, and says that the boot report is missing', async () => {
    const { env } = sandbox();
    const args = ['up', '--cluster', 'demo', '--yes', '--json', '--type', 't2.medium'];
    const up = await cli(args, { env, clock: hurried(60) });
    expect([up.status, up.stderr]).toEqual([
      0,
      expect.stringContaining('does not show whether the boot script finished'),
    ]);
    expect(JSON.parse(up.stdout)).toMatchObject({ type: 't2.medium', ready: true });
  });

  it('explains what is missing in an account that has never used spot', async () => {
    sandbox().faults.removeSpotServiceLinkedRole();
    const allow = { Effect: 'Allow', Action: '*', Resource: '*' };
    const deny = { Effect: 'Deny', Action: 'iam:CreateServiceLinkedRole', Resource: '*' };
    const env = sandbox().createPrincipal({
      userName: 'no-links',
      policies: [{ Version: '2012-10-17', Statement: [allow, deny] }],
    });
    const outcome = await cli(['up', '--cluster', 'demo', '--yes'], { env });
    expect([outcome.status, outcome.stderr.includes('create-service-linked-role')]).toEqual([1, true]);
  });

  it('reports what failed at boot', async () => {
    for (const [fault, text] of [
      ['download-fails', /boot script failed: download of .*: is S3 reachable from this subnet\?/],
      ['bad-signature', /boot script failed: the signature of .* is not good/],
    ] as const) {
      sandbox().faults.boot.add(fault);
      const outcome = await run('up', '--cluster', 'demo', '--name', fault, '--yes');
      expect([fault, outcome.status]).toEqual([fault, 1]);
      expect(outcome.stderr).toMatch(text);
      sandbox().faults.boot.clear();
    }
  });

  it('runs in a VPC that has only endpoints', async () => {
    const full = await run('up', '--cluster', 'demo', '--vpc', VPC.sealed, '--yes');
    expect(full.status).not.toBe(0);
    expect(full.stderr).toContain(`fargate-connect up --tunnel-only --vpc ${VPC.sealed} --cluster demo`);
    const tunnel = await run('up', '--tunnel-only', '--vpc', VPC.sealed, '--yes', '--json');
    expect(tunnel.status).toBe(0);
  });

  it.each([
    ['private', false],
    ['public', true],
  ])('uses --way-out for a subnet that is %s', async (wayOut, publicIp) => {
    const args = ['up', '--tunnel-only', '--subnet', SUBNET.airgapA, '--dry-run', '--json'];
    expect(await run(...args)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('--way-out') as string,
    });
    const told = await run(...args, '--way-out', wayOut);
    expect(JSON.parse(told.stdout)).toMatchObject({
      network: { publicIp, subnets: [SUBNET.airgapA], considered: [{ wayOut: `given-${wayOut}` }] },
    });
    expect(await run('up', '--vpc', VPC.airgap, '--way-out', wayOut)).toMatchObject({ status: 2 });
  });

  it('refuses names that do not exist, and says what to do', async () => {
    const cases: readonly (readonly [number, RegExp, readonly string[]])[] = [
      [2, /--ttl "soon" is not a duration/, ['up', '--ttl', 'soon']],
      [2, /is no bastion name/, ['up', '--cluster', 'demo', '--name', 'Not_Good', '--yes']],
      [2, /too little memory/, ['up', '--cluster', 'demo', '--type', 't4g.nano', '--yes']],
      [3, /no VPC vpc-404/, ['up', '--cluster', 'demo', '--vpc', 'vpc-404', '--yes']],
      [3, /no service nope in cluster demo/, ['up', '--cluster', 'demo', '--service', 'nope', '--yes']],
      [3, /no database nope/, ['up', '--cluster', 'demo', '--db', 'nope', '--yes']],
      [
        3,
        /no database catalog-bd in [^\n]*\n {2}--db catalog-db /,
        ['up', '--cluster', 'demo', '--db', 'catalog-bd', '--yes'],
      ],
      [3, /no instance profile nope/, ['up', '--cluster', 'demo', '--role', 'nope', '--yes']],
      [2, /--yes/, ['up', '--cluster', 'demo']],
    ];
    for (const [status, text, args] of cases) {
      const outcome = await run(...args);
      expect([args.join(' '), outcome.status]).toEqual([args.join(' '), status]);
      expect(outcome.stderr).toMatch(text);
    }
  });

  it('a down while up still waits: up reports that the bastion was removed, and no resource is left', async () => {
    const before = sandbox().snapshot();
    let down: Promise<CliOutcome> | undefined;
    const up = await cli(['up', '--cluster', 'demo', '--yes', '--json'], {
      env: sandbox().env,
      onStderr: (text) => {
        if (text.includes('"agent-online"')) down ??= run('down', '--yes', '--force');
      },
    });
    expect([up.status, up.stderr]).toEqual([1, expect.stringContaining('"code":"removed-during-up"')]);
    expect(up.stderr).toContain('bastion default was deleted while up was running: instance i-');
    expect((await down)?.status).toBe(0);
    expect(sandbox().snapshot()).toBe(before);
  });

  it('down without a bastion says so and succeeds', async () => {
    const outcome = await run('down', '--yes');
    expect(outcome.status).toBe(0);
    expect(outcome.stderr).toContain('nothing of bastion default exists in eu-west-1');
  });

  it('Ctrl-C at any step of up leaves only resources that down removes', async () => {
    const before = sandbox().snapshot();
    for (const action of [
      'iam:CreateRole',
      'iam:AddRoleToInstanceProfile',
      'ec2:CreateSecurityGroup',
      'ec2:CreateFleet',
    ]) {
      const signals = new FakeSignals();
      sandbox().faults.inject({
        kind: 'throttle',
        action,
        onHit: () => signals.raise('SIGINT'),
      });
      const outcome = await cli(['up', '--cluster', 'demo', '--yes'], { env: sandbox().env, signals });
      expect([action, outcome.status]).toEqual([action, 130]);
      sandbox().faults.clear();
      expect((await run('down', '--yes')).status).toBe(0);
      expect(sandbox().snapshot()).toBe(before);
    }
  });
});
