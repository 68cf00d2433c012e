import { CreateRoleCommand, PutRolePolicyCommand } from '@aws-sdk/client-iam';
import { AssumeRoleCommand } from '@aws-sdk/client-sts';
import { afterAll, describe, expect, it } from 'vitest';

import { clientConfig } from '../../../src/aws/client-config.ts';
import { createSimulatorPort } from '../../../src/aws/policy-simulator.ts';
import { ACCOUNT, REGION } from '../../../src/sandbox/world/seed-roles.ts';
import { sandboxClients } from '../../support/sandbox-clients.ts';
import { testSandbox } from '../../support/test-sandbox.ts';
import { cli, type CliOutcome } from '../../support/cli-in-process.ts';
import {
  denied,
  type Document,
  type Grant,
  grantsOf,
  shippedDocument,
  without,
} from '../../support/grants.ts';
import { flagsOf, PROVED, provedDocument, type ProvedKind } from '../../support/proved-documents.ts';

/**
 * `policy KIND --check`: a principal with exactly the document passes, and without any one statement of it fails with
 * the name of that statement. Where AWS checks a grant for an agent or a database and does not report the refusal to
 * us, this is the flow that fails without the grant.
 */

const sandbox = testSandbox();
const EVERYTHING = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] };

const check = (kind: string, flags: readonly string[], principal: string): Promise<CliOutcome> =>
  cli(['policy', kind, ...flags, '--check', principal], { env: sandbox().env, retries: false });

let made = 0;
function user(policies: readonly unknown[], boundary?: Document): string {
  const userName = `checked-${++made}`;
  sandbox().createPrincipal({ userName, policies, boundary });
  return `user/${userName}`;
}

const ANYBODY = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { AWS: '*' }, Action: 'sts:AssumeRole' }],
};

async function role(trust: unknown, ...policies: readonly unknown[]): Promise<string> {
  const { iam } = sandboxClients(sandbox().env);
  const RoleName = `checked-${++made}`;
  await iam.send(
    new CreateRoleCommand({ RoleName, Path: '/team/', AssumeRolePolicyDocument: JSON.stringify(trust) }),
  );
  for (const [index, policy] of policies.entries()) {
    const PolicyDocument = JSON.stringify(policy);
    await iam.send(new PutRolePolicyCommand({ RoleName, PolicyName: `policy-${index}`, PolicyDocument }));
  }
  return `role/${RoleName}`;
}

/** A principal that has this document in the place for which it is made. */
function holder(kind: ProvedKind, document: Document): Promise<string> | string {
  if (kind.endsWith('-trust')) return role(document);
  if (kind.startsWith('bastion-boundary')) return user([EVERYTHING], document);
  return user([document]);
}

const isPattern = ({ action }: Grant): boolean => action.includes('*');
const kinds = Object.keys(PROVED) as readonly ProvedKind[];
let grants = 0;
let denials = 0;
afterAll(() => {
  process.stdout.write(
    `policy check: ${grants} grants and ${denials} denials of ${kinds.length} documents missed one by one\n`,
  );
});

describe.each(kinds)('%s', (kind) => {
  const document = provedDocument(kind);
  const flags = flagsOf(kind);

  it('passes for a principal that has exactly this document', async () => {
    const outcome = await check(kind, flags, await holder(kind, document));
    expect(outcome).toMatchObject({ status: 0, stderr: '' });
    for (const pattern of grantsOf(document, 'Deny').filter(isPattern))
      expect(outcome.stdout).toContain(pattern.action);
  });

  it('reports each missing grant', async () => {
    for (const grant of grantsOf(document)) {
      const outcome = await check(kind, flags, await holder(kind, without(document, grant)));
      expect([grant, outcome.stderr, denied(outcome, grant)]).toEqual([grant, outcome.stderr, true]);
      expect(outcome.stderr).toContain(`fargate-connect policy ${kind}`);
      expect(outcome.stdout).toContain(grant.sid);
      grants++;
    }
  });

  it('reports each missing denial', async () => {
    for (const denial of grantsOf(document, 'Deny').filter((each) => !isPattern(each))) {
      const outcome = await check(kind, flags, user([without(document, denial), EVERYTHING]));
      expect([denial, denied(outcome, denial)]).toEqual([denial, true]);
      expect(outcome.stderr).toContain('which the document denies');
      denials++;
    }
  });
});

it('the table shows resources without account and region, and --json shows the whole ARNs', async () => {
  const nobody = user([]);
  const { stdout } = await check('exec', flagsOf('exec'), nobody);
  expect(stdout).toMatch(/ecs:DescribeTasks +task\/sealed\/\* /);
  expect(stdout).not.toContain('arn:aws:ecs');
  const all = await check('exec', [...flagsOf('exec'), '--json'], nobody);
  expect(all.stdout).toContain(`"arn:aws:ecs:${REGION}:${ACCOUNT}:task/sealed/*"`);
});

describe('the principal', () => {
  const exec = provedDocument('exec');
  const flags = flagsOf('exec');
  const complete = { status: 0, stderr: '' };

  it('is a role by name or ARN, whose path is looked up', async () => {
    const dev = await role(ANYBODY, exec);
    const arn = `arn:aws:iam::${ACCOUNT}:role/team/${dev.slice('role/'.length)}`;
    const byName = await check('exec', flags, dev);
    expect(byName).toMatchObject(complete);
    expect(byName.stdout).toBe(`exec: 14 of 14 points hold for ${arn}\n`);
    expect(await check('exec', flags, arn)).toEqual(byName);
  });

  it('is me: a user, or the role behind a session', async () => {
    const asker = provedDocument('check');
    const env = sandbox().createPrincipal({ userName: 'grace', policies: [asker, exec] });
    const asUser = await cli(['policy', 'exec', ...flags, '--check', 'me'], { env });
    expect(asUser).toMatchObject(complete);
    expect(asUser.stdout).toContain('user/grace');

    const RoleArn = `arn:aws:iam::${ACCOUNT}:role/team/${(await role(ANYBODY, asker)).slice('role/'.length)}`;
    const { sts } = sandboxClients(sandbox().env);
    const { Credentials } = await sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: 'grace' }));
    const session = {
      ...sandbox().env,
      AWS_ACCESS_KEY_ID: Credentials?.AccessKeyId ?? '',
      AWS_SECRET_ACCESS_KEY: Credentials?.SecretAccessKey ?? '',
      AWS_SESSION_TOKEN: Credentials?.SessionToken ?? '',
    };
    const asRole = await cli(['policy', 'exec', ...flags, '--check', 'me'], { env: session });
    expect(asRole.status).toBe(4);
    expect(asRole.stderr).toMatch(
      new RegExp(`${RoleArn.slice(RoleArn.indexOf('role/'))} lacks .*ecs:ListClusters`),
    );
  });

  it('passes with a document of its own that is narrower and sufficient', async () => {
    const cluster = `arn:aws:ecs:${REGION}:${ACCOUNT}:cluster/demo`;
    const tasks = `arn:aws:ecs:${REGION}:${ACCOUNT}:task/demo/*`;
    const allow = (Action: string | readonly string[], Resource: string) => ({
      Effect: 'Allow',
      Action,
      Resource,
    });
    const narrow = [
      allow(
        [
          'iam:ListAccountAliases',
          'ecs:List*',
          'ecs:DescribeTaskDefinition',
          'ssmmessages:*',
          'ssm:TerminateSession',
          'ssm:ResumeSession',
        ],
        '*',
      ),
      allow(['ecs:DescribeClusters', 'ecs:ExecuteCommand'], cluster),
      allow(['ecs:DescribeTasks', 'ecs:Execute*'], tasks),
      allow('ecs:DescribeServices', tasks.replace(':task', ':service')),
    ];
    const own = (Statement: readonly object[]) => [{ Version: '2012-10-17', Statement }];
    const ask = (policies: readonly unknown[]) => check('exec', ['--cluster', 'demo'], user(policies));
    expect(await ask(own(narrow))).toMatchObject(complete);
    const lacking = await ask(own(narrow.slice(0, 3)));
    expect(lacking).toMatchObject({ status: 4 });
    expect(lacking.stderr).toContain(' lacks ecs:DescribeServices\n');
  });

  it('gets a message that depends on what refuses the action', async () => {
    const refused = async (...who: Parameters<typeof user>): Promise<string> => {
      const { status, stderr } = await check('task-role', [], user(...who));
      expect(status).toBe(4);
      return stderr.split('\n')[0]?.replace(/^error: user\/\S+ /, '') ?? '';
    };
    const one = 'ssmmessages:CreateControlChannel';
    const task = shippedDocument('task-role', {});
    const about = (Effect: string, Condition: object = {}) => ({
      Version: '2012-10-17',
      Statement: [{ Effect, Action: one, Resource: '*', Condition }],
    });
    const lacking = without(task, { sid: 'EcsExecChannels', action: one });
    expect(await refused([lacking])).toBe(`lacks ${one}`);
    expect(await refused([task], lacking)).toBe(`has a permissions boundary without ${one}`);
    expect(await refused([task, about('Deny')])).toBe(`is explicitly denied ${one}`);
    const fromOffice = about('Allow', { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } });
    expect(await refused([lacking, fromOffice])).toBe(
      `may lack ${one}, which its policies grant under conditions`,
    );
    const { stdout, stderr } = await check('task-role', [], user([lacking, fromOffice]));
    expect(stdout).toContain('not granted without aws:SourceIp');
    expect(stderr).toContain('its policies ask for aws:SourceIp');
  });

  it('fails if only a part of what a wildcard of the Deny matches is denied', async () => {
    const tunnels = provedDocument('forward-task');
    const outcome = await check('deny-unlogged', [], user([tunnels]));
    expect(outcome).toMatchObject({ status: 4 });
    expect(outcome.stderr).toContain('has no Deny of ssm:StartSession');
    expect(await check('deny-unlogged', [], user([tunnels, provedDocument('deny-unlogged')]))).toMatchObject(
      complete,
    );
  });
});

describe('on the command line', () => {
  it('the table lists only failures, and only columns that have a value', async () => {
    const task = shippedDocument('task-role', {});
    const lacking = without(task, { sid: 'EcsExecChannels', action: 'ssmmessages:CreateControlChannel' });
    const principal = user([lacking]);
    const { stdout } = await check('task-role', [], principal);
    expect(stdout.split('\n')).toEqual([
      'STATEMENT        ACTION                            RESOURCES  VERDICT',
      'EcsExecChannels  ssmmessages:CreateControlChannel  *          not granted',
      `task-role: 3 of 4 points hold for arn:aws:iam::${ACCOUNT}:${principal}`,
      '',
    ]);
    const exec = await check('exec', flagsOf('exec'), user([]));
    expect(exec.stdout.split('\n')[0]).toMatch(/^STATEMENT +ACTION +RESOURCES +WHEN +VERDICT$/);
  });

  it('--json has every checked action, in the documented shape', async () => {
    const document = provedDocument('bastion-boundary');
    const flags = [...flagsOf('bastion-boundary'), '--json'];
    const whole = JSON.parse(
      (await check('bastion-boundary', flags, user([EVERYTHING], document))).stdout,
    ) as {
      readonly points: readonly unknown[];
      readonly notAsked: readonly unknown[];
    };
    expect(whole).toMatchObject({ kind: 'bastion-boundary', complete: true });
    expect(whole.notAsked).toContainEqual({ statement: 'NeverTheseEvenByResourcePolicy', action: 'iam:*' });
    const cluster = `arn:aws:ecs:${REGION}:${ACCOUNT}:cluster/demo`;
    expect(whole.points).toContainEqual({
      statement: 'ExecOnlyInThisCluster',
      effect: 'Allow',
      action: 'ecs:ExecuteCommand',
      resources: [cluster, `arn:aws:ecs:${REGION}:${ACCOUNT}:task/demo/*`],
      when: { 'ecs:cluster': [cluster] },
      verdict: 'allowed',
      missingContext: [],
    });
    const grants = grantsOf(document).length + grantsOf(document, 'Deny').length;
    expect(whole.points.length + whole.notAsked.length).toBe(grants);

    const without = await check('bastion-boundary', flags, user([]));
    expect(JSON.parse(without.stdout)).toMatchObject({ complete: false });
    expect(JSON.parse(without.stderr)).toMatchObject({
      error: {
        code: 'grants-missing',
        details: { actions: expect.arrayContaining(['ecs:ListTasks']) as unknown },
      },
    });
  });

  it('the hint is the same command line without --check', async () => {
    const args = [
      '--region',
      'eu-west-1',
      'policy',
      'exec',
      '--container',
      'a b',
      '--cluster',
      'demo',
      '--json',
    ];
    const { stderr } = await cli([...args, '--check', user([])], { env: sandbox().env });
    expect(stderr).toContain(
      `fargate-connect --region eu-west-1 policy exec --container 'a b' --cluster demo   # prints`,
    );
  });

  it.each<[readonly string[], number, string]>([
    [['exec', '--check', 'me'], 2, 'add --cluster'],
    [['operator-db-rule', '--check', 'me'], 2, 'add --db-security-group'],
    [['operator-given-role', '--check', 'me'], 2, 'add --role'],
    [['forward-document', '--check', 'me'], 2, 'add --document'],
    [['session-document', '--host', 'h', '--port', '1', '--check', 'me'], 2, 'not an IAM document'],
    [['bastion', '--format', 'terraform', '--check', 'me'], 2, 'cannot be used'],
    [['shell', '--check', 'developer'], 2, 'neither a role nor a user'],
    [['bastion-trust', '--check', 'user/developer'], 2, 'has no trust policy'],
    [['bastion-trust', '--check', 'role/nobody'], 3, 'no role nobody'],
    [['shell', '--check', 'role/nobody'], 3, 'no role nobody'],
    [['shell', '--check', 'user/nobody'], 3, 'no user nobody'],
    [['shell', '--check', `arn:aws:iam::${ACCOUNT}:user/nobody`], 3, 'no user nobody'],
  ])('%j is exit %i: %s', async (args, status, text) => {
    const outcome = await cli(['policy', ...args], { env: sandbox().env });
    expect([outcome.status, outcome.stderr]).toEqual([status, expect.stringContaining(text)]);
    expect(outcome.stdout).toBe('');
  });
});

describe('the API calls', () => {
  const simulations = (): number =>
    sandbox().calls.filter(({ action }) => action === 'SimulatePrincipalPolicy').length;

  it('are few: one call covers many actions of an operator', async () => {
    const before = simulations();
    const { stdout } = await check('operator', ['--cluster', 'demo'], user([EVERYTHING]));
    const points = Number(/ of (\d+) points/.exec(stdout)?.[1]);
    expect(simulations() - before).toBeLessThan(points / 3);
  });

  it('are repeated for every page of the answer', async () => {
    const simulator = createSimulatorPort(
      await clientConfig(
        { region: REGION, profile: undefined, endpointUrl: sandbox().endpoint },
        sandbox().env,
      ),
    );
    const actions = Array.from({ length: 150 }, (_, index) => `s3:Action${index}`);
    const before = simulations();
    const arn = `arn:aws:iam::${ACCOUNT}:user/developer`;
    const answers = await simulator.simulate(arn, { actions, resources: ['*'], context: [] });
    expect(answers?.map(({ action }) => action)).toEqual(actions);
    expect(simulations() - before).toBe(2);
  });
});
