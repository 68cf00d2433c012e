import { CreateRoleCommand, PutRolePolicyCommand } from '@aws-sdk/client-iam';
import { AssumeRoleCommand } from '@aws-sdk/client-sts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AwsAccount } from '../../../src/aws/account.ts';
import { type Sandbox, startSandbox } from '../../../src/sandbox/sandbox.ts';
import { EXEC_KEY_ID } from '../../../src/sandbox/world/seed-roles.ts';
import { defaultSeed } from '../../../src/sandbox/world/seed.ts';
import { seedOfWorld } from '../../../src/sandbox/world/world-seed.ts';
import { cli, type CliWorld } from '../../support/cli-in-process.ts';
import { type Document, shippedDocument } from '../../support/grants.ts';
import { sandboxClients } from '../../support/sandbox-clients.ts';

/**
 * What `doctor` cannot read is an answer of its own, which names what would tell; what no call shows is a note, which does
 * not count. And what the caller lacks, as opposed to the service.
 */

const KEY = `arn:aws:kms:eu-west-1:111122223333:key/${EXEC_KEY_ID}`;
const CHANNELS = ['ssmmessages:*', 'kms:Decrypt'];
const container = (members: object = {}) => [{ name: 'app', ports: [8080], ...members }];

let sandbox: Sandbox;
beforeAll(async () => {
  const world = {
    base: 'empty',
    networks: [{ name: 'shop', cidr: '10.50.0.0/16', subnets: [{ name: 'a', cidr: '10.50.1.0/24' }] }],
    roles: [
      { name: 'task', allow: [...CHANNELS, 'logs:*'] },
      { name: 'conditional', allow: CHANNELS, condition: { StringEquals: { 'aws:SourceVpc': 'vpc-1' } } },
    ],
    logGroups: [{ name: '/exec' }],
    clusters: [
      { name: 'shop' },
      { name: 'encrypted', exec: { kmsKey: KEY } },
      { name: 'logged', exec: { logGroup: '/exec' } },
    ],
    services: [
      { name: 'plain', cluster: 'shop', network: 'shop', taskRole: 'task', containers: container() },
      { name: 'conditional', cluster: 'shop', network: 'shop', taskRole: 'conditional' },
      { name: 'encrypted', cluster: 'encrypted', network: 'shop', taskRole: 'task' },
      { name: 'logged', cluster: 'logged', network: 'shop', taskRole: 'task' },
      {
        name: 'files',
        cluster: 'shop',
        network: 'shop',
        taskRole: 'task',
        containers: container({
          members: { environmentFiles: [{ type: 's3', value: 'arn:aws:s3:::settings/app.env' }] },
        }),
      },
      {
        name: 'windows',
        cluster: 'shop',
        network: 'shop',
        taskRole: 'task',
        tasks: [{ members: { platformVersion: '1.0.0', platformFamily: 'Windows_Server_2022_Core' } }],
      },
    ],
  } as const;
  sandbox = await startSandbox({ seed: seedOfWorld('world.yaml', world, defaultSeed()) });
}, 60_000);
afterAll(() => sandbox.close());

interface Report {
  readonly status: number;
  readonly findings: readonly { readonly id: string; readonly severity: string; readonly message: string }[];
}
async function doctor(args: readonly string[], world: Partial<CliWorld> = {}): Promise<Report> {
  const { status, stdout, stderr } = await cli(['doctor', ...args, '--json'], { env: sandbox.env, ...world });
  if (stdout === '') throw new Error(stderr);
  return { status, ...(JSON.parse(stdout) as Pick<Report, 'findings'>) };
}

const EXEC: Document = {
  Version: '2012-10-17',
  Statement: [
    {
      Sid: 'Exec',
      Effect: 'Allow',
      Action: ['ecs:ExecuteCommand', 'kms:GenerateDataKey'],
      Resource: '*',
    },
  ],
};
/** What evaluates the policies of a role; the document of `doctor` has the simulator instead. */
const READ_ROLES: Document = {
  Version: '2012-10-17',
  Statement: [
    {
      Sid: 'ReadRoles',
      Effect: 'Allow',
      Action: ['iam:GetRolePolicy', 'iam:ListAttachedRolePolicies', 'iam:ListRolePolicies'],
      Resource: '*',
    },
  ],
};
let readers = 0;
/** A caller with the document of `doctor`, without these actions. */
function reader(
  without: readonly string[],
  more: readonly Document[] = [EXEC],
): Readonly<Record<string, string>> {
  const denied: Document = {
    Version: '2012-10-17',
    Statement: [{ Sid: 'No', Effect: 'Deny', Action: without, Resource: '*' }],
  };
  const document = shippedDocument('doctor', { cluster: '*' });
  readers++;
  return sandbox.createPrincipal({
    userName: `reader-${readers}`,
    policies: [document, ...more, ...(without.length === 0 ? [] : [denied])],
  });
}

const PLAIN = ['plain', '--cluster', 'shop'] as const;

describe('what the caller may not read', () => {
  it('is nothing with the whole document', async () => {
    expect(await doctor(PLAIN, { env: reader([]) })).toMatchObject({ status: 0, findings: [] });
  });

  it.each([
    ['ec2:DescribeNetworkAcls', 'not-allowed-to-read'],
    ['ecs:DescribeClusters', 'not-allowed-to-read'],
    ['ec2:DescribeRouteTables', 'not-allowed-to-read'],
  ])('%s: could not tell, and the action is named', async (action, id) => {
    const { status, findings } = await doctor(PLAIN, { env: reader([action]) });
    expect(status).toBe(1);
    expect(findings.filter(({ severity }) => severity === 'blocking')).toEqual([]);
    const found = findings.filter((each) => each.id === id);
    expect(found.map(({ message }) => message).join()).toContain(`${action} is denied to you`);
    expect(found.every(({ severity }) => severity === 'could-not-tell')).toBe(true);
  });

  it('the policies of the task role: evaluated where the simulator is denied, could not tell without both', async () => {
    const simulator = ['iam:SimulatePrincipalPolicy'];
    const evaluated = await doctor(PLAIN, { env: reader(simulator, [EXEC, READ_ROLES]) });
    expect(evaluated.findings.filter(({ message }) => message.includes('role/task'))).toEqual([]);
    const blind = await doctor(PLAIN, { env: reader([...simulator, 'iam:ListRolePolicies']) });
    expect(blind.findings).toContainEqual(
      expect.objectContaining({
        id: 'role-not-readable',
        severity: 'could-not-tell',
        message: expect.stringMatching(/role\/task may call ssmmessages:.* are denied to you/) as string,
      }),
    );
  });

  it('a condition on a key whose value only the request has', async () => {
    const { findings } = await doctor(['conditional', '--cluster', 'shop']);
    expect(findings).toContainEqual(
      expect.objectContaining({ id: 'action-undecided', severity: 'could-not-tell' }),
    );
  });
});

describe('what the caller itself lacks', () => {
  it.each([
    ['plain', 'shop', 'ecs:ExecuteCommand'],
    ['encrypted', 'encrypted', 'kms:GenerateDataKey'],
  ])('%s: %s', async (service, cluster, action) => {
    const place = [service, '--cluster', cluster];
    expect(await doctor(place, { env: reader([]) })).toMatchObject({ status: 0 });
    const { status, findings } = await doctor(place, { env: reader([action]) });
    expect(status).toBe(1);
    // The test denies it; a caller without any policy for it lacks it (`action-not-granted`).
    const bare = await doctor(place, { env: reader([], []) });
    expect(bare.findings).toContainEqual(
      expect.objectContaining({
        id: 'action-not-granted',
        message: expect.stringMatching(new RegExp(`^user/reader-\\d+ lacks .*${action}`)) as string,
      }),
    );
    expect(findings.map(({ id, message }) => `${id} ${message}`).join('\n')).toMatch(
      new RegExp(`^action-\\S+ user/reader-\\d+ .*${action}`, 'm'),
    );
  });
});

describe('the session of a role, as IAM Identity Center gives it', () => {
  const PATH = '/aws-reserved/sso.amazonaws.com/eu-west-1/';
  /** Credentials of `arn:aws:sts::…:assumed-role/ROLE/ada@example.com`; the role is in a path, which that ARN lacks. */
  async function session(
    RoleName: string,
    policies: readonly Document[],
  ): Promise<Readonly<Record<string, string>>> {
    const { iam, sts } = sandboxClients(sandbox.env);
    const trust = {
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Principal: { AWS: '*' }, Action: 'sts:AssumeRole' }],
    };
    const { Role } = await iam.send(
      new CreateRoleCommand({ RoleName, Path: PATH, AssumeRolePolicyDocument: JSON.stringify(trust) }),
    );
    for (const [index, policy] of policies.entries()) {
      const PolicyDocument = JSON.stringify(policy);
      await iam.send(new PutRolePolicyCommand({ RoleName, PolicyName: `policy-${index}`, PolicyDocument }));
    }
    const { Credentials } = await sts.send(
      new AssumeRoleCommand({ RoleArn: Role?.Arn, RoleSessionName: 'ada@example.com' }),
    );
    return {
      ...sandbox.env,
      AWS_ACCESS_KEY_ID: Credentials?.AccessKeyId ?? '',
      AWS_SECRET_ACCESS_KEY: Credentials?.SecretAccessKey ?? '',
      AWS_SESSION_TOKEN: Credentials?.SessionToken ?? '',
    };
  }
  const DOCTOR = shippedDocument('doctor', { cluster: '*' });

  it('is simulated as its role: nothing is found where the role may do everything', async () => {
    const env = await session('AWSReservedSSO_Developer_0123456789abcdef', [DOCTOR, EXEC]);
    expect(await doctor(PLAIN, { env })).toMatchObject({ status: 0, findings: [] });
  });

  it.each([
    ['plain', 'shop', 'ecs:ExecuteCommand'],
    ['encrypted', 'encrypted', 'kms:GenerateDataKey'],
  ])('%s of %s: the role lacks %s, and is named with its path', async (service, cluster, action) => {
    const name = `AWSReservedSSO_Reader_${service}`;
    const env = await session(name, [DOCTOR]);
    const { status, findings } = await doctor([service, '--cluster', cluster], { env });
    expect(status).toBe(1);
    expect(findings).toContainEqual(
      expect.objectContaining({
        id: 'action-not-granted',
        message: expect.stringMatching(new RegExp(`^role${PATH}${name} lacks .*${action}`)) as string,
      }),
    );
  });

  it('cannot be told where the role may not be read', async () => {
    const noRoles: Document = {
      Version: '2012-10-17',
      Statement: [{ Sid: 'No', Effect: 'Deny', Action: 'iam:GetRole', Resource: '*' }],
    };
    const env = await session('AWSReservedSSO_Blind_0123456789abcdef', [DOCTOR, EXEC, noRoles]);
    const { findings } = await doctor(PLAIN, { env });
    expect(findings.filter(({ severity }) => severity === 'blocking')).toEqual([]);
    expect(findings).toContainEqual(
      expect.objectContaining({
        severity: 'could-not-tell',
        message: expect.stringMatching(/whether you may call ecs:ExecuteCommand.*iam:GetRole/) as string,
      }),
    );
  });
});

describe('what no call shows is a note, and exit 0', () => {
  it.each([
    ['files', 'shop', 'environment-file', 'settings/app.env'],
    ['windows', 'shop', 'windows-container', 'Nano Server'],
    ['logged', 'logged', 'exec-log-programs', 'script'],
  ])('%s: %s', async (service, cluster, id, says) => {
    const { status, findings } = await doctor([service, '--cluster', cluster]);
    expect(status).toBe(0);
    expect(findings.map((finding) => [finding.id, finding.severity])).toEqual([[id, 'note']]);
    expect(findings[0]?.message).toContain(says);
    expect((await doctor(PLAIN)).findings).toEqual([]);
  });
});

describe('the clock', () => {
  const late = (ms: number): Partial<CliWorld> => ({
    account: (account: AwsAccount) => ({ ...account, clockOffsetMs: () => ms }),
  });
  it('that differs by a minute or more is a warning, and a smaller difference is not', async () => {
    const wrong = await doctor([], late(20 * 60_000));
    expect([wrong.status, wrong.findings.map(({ id }) => id)]).toEqual([1, ['clock-wrong']]);
    expect(wrong.findings[0]?.message).toContain('20m');
    expect(await doctor([], late(30_000))).toMatchObject({ status: 0, findings: [] });
  });
});

it('a task in a subnet with IPv6 alone is blocked, whatever its routes are', async () => {
  const only: Partial<CliWorld> = {
    account: (account) => ({
      ...account,
      async ec2() {
        const ec2 = await account.ec2();
        return {
          ...ec2,
          subnets: async (filter) =>
            (await ec2.subnets(filter)).map((subnet) => ({ ...subnet, cidr: undefined })),
        };
      },
    }),
  };
  const { status, findings } = await doctor(PLAIN, only);
  expect([status, findings.map(({ id }) => id)]).toEqual([1, ['task-without-ipv4']]);
  expect(await doctor(PLAIN)).toMatchObject({ status: 0, findings: [] });
});
