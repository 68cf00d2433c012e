import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TerminateInstancesCommand } from '@aws-sdk/client-ec2';
import { until } from '../../support/eventually.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Sandbox, startSandbox } from '../../../src/sandbox/sandbox.ts';
import { defaultSeed } from '../../../src/sandbox/world/seed.ts';
import { seedOfWorld } from '../../../src/sandbox/world/world-seed.ts';
import type { Change } from '../../../src/diagnose/change.ts';
import type { Instance } from '../../../src/provision/ports/ec2.ts';
import { sandboxClients } from '../../support/sandbox-clients.ts';
import { applyChanges } from '../../support/apply-changes.ts';
import { cli, type CliWorld } from '../../support/cli-in-process.ts';

/** `doctor --path`, `--db`, `--bastion`, and `doctor` alone. */

let sandbox: Sandbox;
beforeAll(async () => {
  const world = {
    networks: [
      {
        name: 'shop',
        cidr: '10.50.0.0/16',
        subnets: [{ name: 'a', cidr: '10.50.1.0/24' }],
        securityGroups: [
          { name: 'tasks' },
          { name: 'open', ingress: [{ port: 5432, group: 'tasks' }] },
          { name: 'shut', ingress: [{ port: 3306, group: 'tasks' }] },
        ],
      },
    ],
    clusters: [{ name: 'shop' }],
    services: [{ name: 'web', cluster: 'shop', network: 'shop', securityGroup: 'tasks' }],
    databases: [
      { id: 'fine', network: 'shop', securityGroup: 'open', certificateDays: 400 },
      { id: 'shut', network: 'shop', securityGroup: 'shut' },
      { id: 'stopped', network: 'shop', securityGroup: 'open', status: 'stopped' },
      { id: 'full', network: 'shop', securityGroup: 'open', status: 'storage-full' },
      { id: 'moving', network: 'shop', securityGroup: 'open', status: 'failing-over' },
      { id: 'strict', network: 'shop', securityGroup: 'open', forceTls: true, iamUsers: ['app'] },
      { id: 'busy', network: 'shop', securityGroup: 'open', status: 'backing-up' },
      { id: 'ending', network: 'shop', securityGroup: 'open', certificateDays: 10 },
      { id: 'ended', network: 'shop', securityGroup: 'open', certificateDays: -1 },
    ],
  } as const;
  sandbox = await startSandbox({ seed: seedOfWorld('world.yaml', world, defaultSeed()) });
}, 60_000);
afterAll(() => sandbox.close());

interface Report {
  readonly subject: Readonly<Record<string, string>>;
  readonly findings: readonly {
    readonly id: string;
    readonly message: string;
    readonly changes: readonly (readonly { readonly command?: string }[])[];
  }[];
  readonly paths: readonly {
    readonly verdict: string;
    readonly hops: readonly { readonly kind: string }[];
  }[];
}
/** Where nothing was found, a note says what no description shows; it does not count. */
const SILENT = [{ id: 'database-connections-not-read' }] as const;

const doctor = (...args: readonly string[]): Promise<Report & { readonly status: number }> =>
  doctorIn({}, ...args);
async function doctorIn(
  world: Partial<CliWorld>,
  ...args: readonly string[]
): Promise<Report & { readonly status: number }> {
  const { status, stdout, stderr } = await cli(['doctor', ...args, '--json'], { env: sandbox.env, ...world });
  if (stdout === '') throw new Error(stderr);
  return { ...(JSON.parse(stdout) as Report), status };
}

describe('--path', () => {
  it('shows every hop of an open path, and of a blocked one the rule that blocks it', async () => {
    const { stdout, status } = await cli(['doctor', '--path', 'web', 'fine:5432', '--cluster', 'shop'], {
      env: sandbox.env,
    });
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /^task \w{8} → fine:5432\n {2}source-interface +passes 10\.50\.1\.\d+ in eu-west-1a/,
    );
    expect(stdout).toMatch(/target-group +passes rule tcp 5432 sg-/);
    const shut = await cli(['doctor', '--path', 'web', 'shut', '--cluster', 'shop'], { env: sandbox.env });
    expect(shut.status).toBe(1);
    expect(shut.stdout).toMatch(/target-group +BLOCKED BY no inbound rule for port 5432 from sg-/);
    expect(shut.stdout).toMatch(
      /aws ec2 authorize-security-group-ingress --group-id sg-\w+ --ip-permissions 'IpProtocol=tcp,FromPort=5432,ToPort=5432,UserIdGroupPairs=\[\{GroupId=sg-\w+\}\]'/,
    );
  });

  it('takes a subnet, an address, a host and a service of AWS', async () => {
    const open = await doctor('--path', 'subnet-0a10000000000001a', 'ssmmessages');
    expect(open.paths.map(({ verdict }) => verdict)).toEqual(['passes']);
    const closed = await doctor('--path', 'subnet-0e10000000000001a', 'ssmmessages:443');
    expect(closed).toMatchObject({ status: 1, findings: [{ id: 'path-blocked' }] });
    const unknown = await doctor('--path', 'web', 'api.example.com:443', '--cluster', 'shop');
    expect(unknown).toMatchObject({ status: 1, findings: [{ id: 'path-not-visible' }] });
    const address = await doctor('--path', 'web', '10.50.1.99:8080', '--cluster', 'shop');
    expect(address.findings[0]?.message).toContain('no interface of this account has the address');
  });

  it('refuses ends that it does not understand', async () => {
    const { env } = sandbox;
    expect(await cli(['doctor', '--path', 'web'], { env })).toMatchObject({ status: 2 });
    const noPort = await cli(['doctor', '--path', 'web', 'api.example.com', '--cluster', 'shop'], { env });
    expect([noPort.status, noPort.stderr]).toEqual([2, expect.stringContaining('HOST:PORT')]);
    const gone = await cli(['doctor', '--path', 'subnet-0123456789abcdef0', 'ssmmessages'], { env });
    expect([gone.status, gone.stderr]).toEqual([3, expect.stringContaining('there is no subnet')]);
  });
});

describe('--db', () => {
  const about = async (id: string) => doctor('--db', id, 'web', '--cluster', 'shop');
  it('finds nothing at a healthy database', async () => {
    expect(await about('fine')).toMatchObject({ status: 0, findings: SILENT });
    expect(await about('busy')).toMatchObject({ status: 0, findings: SILENT });
  });
  it.each([
    ['shut', 'path-blocked', /no inbound rule for port 5432/, 'aws ec2 authorize-security-group-ingress'],
    [
      'stopped',
      'database-not-available',
      /database stopped is stopped/,
      'aws rds start-db-instance --db-instance-identifier stopped',
    ],
    [
      'full',
      'database-storage-full',
      /storage of full is full \(20 GiB\)/,
      'aws rds modify-db-instance --db-instance-identifier full --allocated-storage 24',
    ],
    ['moving', 'database-failing-over', /its writer changes/, undefined],
    ['ending', 'database-certificate-ends', /ends on/, 'aws rds modify-db-instance'],
    ['ended', 'database-certificate-ends', /has ended/, 'aws rds modify-db-instance'],
  ])('%s: %s', async (id, finding, says, command) => {
    const { findings, status } = await about(id);
    expect(status).toBe(1);
    expect(findings.map((each) => each.id)).toEqual([finding]);
    expect(findings[0]?.message).toMatch(says);
    expect(findings[0]?.changes[0]?.[0]?.command ?? '').toContain(command ?? '');
  });
  it.each(['stopped', 'full', 'ending', 'ended'])('%s: the printed change removes it', async (id) => {
    const { findings } = await about(id);
    await applyChanges((findings[0]?.changes[0] ?? []) as unknown as readonly Change[], sandbox.env);
    expect(await about(id)).toMatchObject({ status: 0 });
  });

  it('cannot tell how many connections are left, and prints the commands that tell', async () => {
    const { findings } = await about('fine');
    const command = findings[0]?.changes[0]?.[0]?.command ?? '';
    expect(command).toMatch(
      /^aws cloudwatch get-metric-statistics --namespace AWS\/RDS --metric-name DatabaseConnections --dimensions Name=DBInstanceIdentifier,Value=fine --statistics Maximum --period 60 --start-time (\S+Z) --end-time (\S+Z)/,
    );
    const [from = '', to = ''] = command.match(/\d{4}-\d\d-\d\dT\S+Z/g) ?? [];
    expect(Date.parse(to) - Date.parse(from)).toBe(15 * 60_000);
    const { stderr } = await cli(['doctor', '--db', 'fine', 'web', '--cluster', 'shop'], {
      env: sandbox.env,
    });
    expect(stderr).toContain(`  aws cloudwatch get-metric-statistics --namespace`);
  });

  it('says how one logs in, which authority issued its certificate, and when that ends', async () => {
    const { subject, ...rest } = await about('strict');
    expect(rest).toMatchObject({ status: 0, findings: SILENT });
    expect(subject).toMatchObject({
      status: 'available',
      port: '5432',
      public: 'no',
      iamLogin: 'on',
      tls: 'demanded by rds.force_ssl',
    });
    const fine = await about('fine');
    expect(fine.subject).toMatchObject({ iamLogin: 'off', ca: 'rds-ca-2019' });
    expect(fine.subject['tls']).toBeUndefined();
    expect(Date.parse(fine.subject['certificateEnds'] ?? '')).toBeGreaterThan(Date.now());
  });

  it('without a place looks at the database alone, and knows no other', async () => {
    const { findings, status } = await doctor('--db', 'fine');
    expect([status, findings.map(({ id }) => id)]).toEqual([0, ['database-path-not-judged']]);
    const none = await cli(['doctor', '--db', 'nothing'], { env: sandbox.env });
    expect(none).toMatchObject({ status: 3 });
    const near = await cli(['doctor', '--db', 'orders-dbb'], { env: sandbox.env });
    expect([near.status, near.stderr]).toEqual([3, expect.stringContaining('did you mean orders-db,')]);
  });
});

describe('what `ls databases` lists besides the instances and clusters of RDS', () => {
  const KINDS = [
    ['orders-proxy', 'an RDS proxy'],
    ['orders-proxy-read', 'an RDS proxy'],
    ['analytics', 'a cluster of Redshift'],
  ] as const;
  it.each(KINDS)('%s is named as %s, with the command that follows the path to it', async (id, kind) => {
    const byId = await cli(['doctor', '--db', id, 'orders-api', '--cluster', 'demo'], { env: sandbox.env });
    expect([byId.status, byId.stderr]).toEqual([2, expect.stringContaining(`${id} is ${kind}`)]);
    expect(byId.stderr).toMatch(new RegExp(`fargate-connect db .*${id}`));
    const [, next = ''] = /doctor .*--path orders-api (\S+:\d+)/.exec(byId.stderr) ?? [];
    expect(await doctor('--path', 'orders-api', next, '--cluster', 'demo')).toMatchObject({ status: 1 });
    for (const to of [id, `${id}:5432`]) {
      const path = await cli(['doctor', '--path', 'orders-api', to, '--cluster', 'demo'], {
        env: sandbox.env,
      });
      expect([path.status, path.stderr]).toEqual([2, expect.stringContaining(`${id} is ${kind}`)]);
    }
  });

  it('an endpoint of a cluster is judged as the cluster, by id and by host name', async () => {
    const { stdout } = await cli(['ls', 'databases', '--json'], { env: sandbox.env });
    const hosts = [...stdout.matchAll(/"(catalog-[\w.-]+\.amazonaws\.com)"/g)].map(([, host = '']) => host);
    expect(hosts.length).toBeGreaterThan(2);
    for (const name of ['catalog-reports', ...hosts]) {
      const { subject } = await doctor('--db', name, 'orders-api', '--cluster', 'demo');
      expect([name, subject['database']]).toEqual([name, expect.stringMatching(/^catalog-db/)]);
      const path = await doctor('--path', 'orders-api', `${name}:5432`, '--cluster', 'demo');
      expect([name, path.paths.map(({ verdict }) => verdict)]).toEqual([name, ['passes']]);
    }
  });

  it('a name that nothing has gets the most similar one, and with a port it is a host', async () => {
    const none = await cli(['doctor', '--path', 'orders-api', 'orders-proxyy', '--cluster', 'demo'], {
      env: sandbox.env,
    });
    expect([none.status, none.stderr]).toEqual([3, expect.stringContaining('did you mean orders-proxy')]);
    const host = await doctor('--path', 'orders-api', 'backend:4567', '--cluster', 'demo');
    expect(host.findings.map(({ id }) => id)).toEqual(['path-not-visible']);
  });
});

describe('--bastion', () => {
  it('finds nothing at a running bastion, and follows its paths to Session Manager and to a database', async () => {
    const { env } = sandbox;
    expect(await cli(['doctor', '--bastion'], { env })).toMatchObject({ status: 3 });
    const up = await cli(['up', '--cluster', 'demo', '--db', 'orders-db', '--yes'], { env });
    expect([up.status, up.stderr]).toEqual([0, up.stderr]);
    const { findings, paths, status } = await doctor('--bastion');
    expect(findings).toEqual([]);
    expect(status).toBe(0);
    expect(paths.map(({ verdict }) => verdict)).toEqual(['passes', 'passes']);
    expect(await doctor('--db', 'orders-db', '--bastion', 'default')).toMatchObject({
      status: 0,
      findings: SILENT,
    });
    // The group of billing-db admits two groups, and not that of this bastion.
    const billing = await doctor('--db', 'billing-db', '--bastion', 'default');
    expect(billing.findings.map(({ id }) => id)).toContain('path-blocked');
    const changed = (change: (instance: Instance) => Partial<Instance>): Partial<CliWorld> => ({
      account: (account) => ({
        ...account,
        async ec2() {
          const ec2 = await account.ec2();
          return {
            ...ec2,
            instances: async (filter) =>
              (await ec2.instances(filter)).map((instance) => ({ ...instance, ...change(instance) })),
          };
        },
      }),
    });
    const bare = await doctorIn(
      changed(() => ({ hasProfile: false })),
      '--bastion',
    );
    expect([bare.status, bare.findings.map(({ id }) => id)]).toEqual([1, ['bastion-without-profile']]);
    const in5Minutes = new Date(Date.now() + 5 * 60_000).toISOString();
    const ending = await doctorIn(
      changed(({ tags }) => ({ tags: { ...tags, 'fargate-connect:expires-at': in5Minutes } })),
      '--bastion',
    );
    expect(ending.findings.map(({ id }) => id)).toEqual(['bastion-lease-ends']);
    expect(ending.findings[0]?.changes[0]?.[0]?.command).toBe('fargate-connect up --ttl 2h');
    const old = await cli(['up', '--name', 'old', '--cluster', 'demo', '--yes'], { env });
    expect([old.status, old.stderr]).toEqual([0, old.stderr]);
    await sandboxClients(env).ec2.send(
      new TerminateInstancesCommand({ InstanceIds: [await instanceOf('old')] }),
    );
    // While the instance shuts down, the bastion is still one of those that exist.
    await until(async () => (await doctor('--bastion')).findings.length > 0);
    const besides = await doctor('--bastion');
    expect(besides.findings.map(({ id }) => id)).toEqual(['bastion-leftovers']);
    expect(besides.findings[0]?.changes[0]?.[0]?.command).toBe('fargate-connect down --name old');
    await cli(['down', '--name', 'old', '--yes'], { env });
    expect(await doctor('--bastion')).toMatchObject({ status: 0, findings: [] });
    await cli(['down', '--yes', '--force'], { env });
  }, 180_000);

  async function instanceOf(name: string): Promise<string> {
    const { stdout } = await cli(['status', '--name', name, '--json'], { env: sandbox.env });
    const { bastions } = JSON.parse(stdout) as {
      readonly bastions: readonly { readonly instanceId: string }[];
    };
    return bastions[0]?.instanceId ?? '';
  }
});

it('alone says when the credentials end', async () => {
  const withEnd = (ms: number): Partial<CliWorld> => ({
    account: (account) => ({ ...account, credentialsEndAt: () => Promise.resolve(Date.now() + ms) }),
  });
  const ending = await doctorIn(withEnd(2 * 60_000));
  expect([ending.status, ending.findings.map(({ id }) => id)]).toEqual([1, ['credentials-end']]);
  expect(await doctorIn(withEnd(60 * 60_000))).toMatchObject({ status: 0, findings: [] });
});

describe('--transport plugin', () => {
  const PLACES: readonly { readonly place: readonly string[] }[] = [
    { place: [] },
    { place: ['web', '--cluster', 'shop'] },
  ];
  const withPath = (PATH: string): Partial<CliWorld> => ({ env: { ...sandbox.env, PATH } });
  it.each(PLACES)(
    'without the plugin is blocked, and with it nothing is: doctor $place',
    async ({ place }) => {
      const folder = await mkdtemp(join(tmpdir(), 'fc-doctor-plugin-'));
      try {
        const args = [...place, '--transport', 'plugin'];
        const missing = await doctorIn(withPath(folder), ...args);
        expect([missing.status, missing.findings.map(({ id }) => id)]).toEqual([1, ['plugin-missing']]);
        expect(missing.findings[0]?.message).toContain(`is not in ${folder}`);
        expect(await doctorIn(withPath(folder), ...place)).toMatchObject({ status: 0, findings: [] });
        const plugin = join(folder, 'session-manager-plugin');
        await writeFile(plugin, '#!/bin/sh\necho 1.2.707.0\n', { mode: 0o755 });
        expect(await doctorIn(withPath(folder), ...args)).toMatchObject({ status: 0, findings: [] });
      } finally {
        await rm(folder, { recursive: true });
      }
    },
  );
});

it('alone says who calls, and where', async () => {
  const { status, subject, findings } = await doctor();
  expect(findings).toEqual([]);
  expect(status).toBe(0);
  const rdsAuthorities = expect.stringMatching(/^of 20\d\d-\d\d-\d\d, \d+ years old$/) as string;
  expect(subject).toMatchObject({ account: '111122223333', region: 'eu-west-1', rdsAuthorities });
  const text = await cli(['doctor'], { env: sandbox.env });
  expect([text.stdout, text.stderr]).toEqual(['', expect.stringContaining('account 111122223333')]);
});
