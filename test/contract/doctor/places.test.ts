import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Sandbox, startSandbox } from '../../../src/sandbox/sandbox.ts';
import { defaultSeed } from '../../../src/sandbox/world/seed.ts';
import { seedOfWorld } from '../../../src/sandbox/world/world-seed.ts';
import { cli } from '../../support/cli-in-process.ts';

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
async function doctor(...args: readonly string[]): Promise<Report & { readonly status: number }> {
  const { status, stdout, stderr } = await cli(['doctor', ...args, '--json'], { env: sandbox.env });
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
    expect(await about('fine')).toMatchObject({ status: 0, findings: [] });
    expect(await about('busy')).toMatchObject({ status: 0, findings: [] });
  });
  it.each([
    ['shut', 'path-blocked', /no inbound rule for port 5432/, 'aws ec2 authorize-security-group-ingress'],
    [
      'stopped',
      'database-not-available',
      /database stopped is stopped/,
      'aws rds start-db-instance --db-instance-identifier stopped',
    ],
    ['full', 'database-not-available', /is storage-full/, undefined],
    ['ending', 'database-certificate-ends', /ends on/, 'aws rds modify-db-instance'],
    ['ended', 'database-certificate-ends', /has ended/, 'aws rds modify-db-instance'],
  ])('%s: %s', async (id, finding, says, command) => {
    const { findings, status } = await about(id);
    expect(status).toBe(1);
    expect(findings.map((each) => each.id)).toEqual([finding]);
    expect(findings[0]?.message).toMatch(says);
    expect(findings[0]?.changes[0]?.[0]?.command ?? '').toContain(command ?? '');
  });
  it('without a place looks at the database alone, and knows no other', async () => {
    const { findings, status } = await doctor('--db', 'fine');
    expect([status, findings.map(({ id }) => id)]).toEqual([0, ['database-path-not-judged']]);
    const none = await cli(['doctor', '--db', 'nothing'], { env: sandbox.env });
    expect(none).toMatchObject({ status: 3 });
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
      findings: [],
    });
    // The group of billing-db admits two groups, and not that of this bastion.
    const billing = await doctor('--db', 'billing-db', '--bastion', 'default');
    expect(billing.findings.map(({ id }) => id)).toContain('path-blocked');
    await cli(['down', '--yes', '--force'], { env });
  }, 120_000);
});

it('alone says who calls, and where', async () => {
  const { status, subject, findings } = await doctor();
  expect(findings).toEqual([]);
  expect(status).toBe(0);
  const rdsAuthorities = expect.stringMatching(/^of 20\d\d-\d\d-\d\d$/) as string;
  expect(subject).toMatchObject({ account: '111122223333', region: 'eu-west-1', rdsAuthorities });
  const text = await cli(['doctor'], { env: sandbox.env });
  expect([text.stdout, text.stderr]).toEqual(['', expect.stringContaining('account 111122223333')]);
});
