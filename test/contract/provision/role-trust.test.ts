import {
  AddRoleToInstanceProfileCommand,
  CreateInstanceProfileCommand,
  CreateRoleCommand,
} from '@aws-sdk/client-iam';
import { afterEach, expect, it } from 'vitest';

import { sandboxClients } from '../../support/sandbox-clients.ts';
import { testSandbox } from '../../support/test-sandbox.ts';
import { cli, type CliOutcome, hurried } from '../../support/cli-in-process.ts';
import { provedDocument } from '../../support/proved-documents.ts';

/** `up --role` with a role that EC2 may not assume. */

const sandbox = testSandbox();
const run = (...args: readonly string[]): Promise<CliOutcome> =>
  cli(args, { env: sandbox().env, clock: hurried(100) });
afterEach(() => run('down', '--yes', '--force'));

let roles = 0;
async function roleTrusting(change: Readonly<Record<string, unknown>>): Promise<string> {
  const { iam } = sandboxClients(sandbox().env);
  const name = `ops-${++roles}`;
  const trust = provedDocument('bastion-trust');
  const Statement = trust.Statement.map((statement) => ({ ...statement, ...change }));
  const AssumeRolePolicyDocument = JSON.stringify({ ...trust, Statement });
  await iam.send(new CreateRoleCommand({ RoleName: name, AssumeRolePolicyDocument }));
  await iam.send(new CreateInstanceProfileCommand({ InstanceProfileName: name }));
  await iam.send(new AddRoleToInstanceProfileCommand({ InstanceProfileName: name, RoleName: name }));
  return name;
}
const launches = (): number => sandbox().calls.filter((call) => call.action === 'CreateFleet').length;

it('a role that trusts another service is refused before anything is launched, with --dry-run too', async () => {
  const role = await roleTrusting({ Principal: { Service: 'lambda.amazonaws.com' } });
  for (const how of ['--yes', '--dry-run']) {
    const outcome = await run('up', '--cluster', 'demo', '--role', role, how);
    expect(outcome).toMatchObject({ status: 4 });
    expect(outcome.stderr).toContain(`EC2 may not call sts:AssumeRole for role ${role}`);
    expect(outcome.stderr).toContain('fargate-connect policy bastion-trust');
  }
  expect(launches()).toBe(0);
});

it('a role whose trust condition EC2 does not meet is reported by the instance after the launch, and by status', async () => {
  const role = await roleTrusting({ Condition: { StringEquals: { 'aws:SourceAccount': '999999999999' } } });
  const outcome = await run('up', '--cluster', 'demo', '--role', role, '--yes');
  expect(launches()).toBe(1);
  expect(outcome).toMatchObject({ status: 4 });
  expect(outcome.stderr).toContain(`EC2 may not call sts:AssumeRole for role ${role}`);

  const sentence = `EC2 may not call sts:AssumeRole for role ${role}`;
  const json = await run('status', '--json');
  const { bastions } = JSON.parse(json.stdout) as { readonly bastions: readonly unknown[] };
  expect(bastions).toMatchObject([
    {
      state: 'running',
      agent: null,
      findings: [
        {
          id: 'role-untrusted',
          severity: 'blocking',
          message: expect.stringContaining(sentence) as string,
          evidence: { role },
          fixes: [[{ kind: 'trust-service', role, service: 'ec2.amazonaws.com' }]],
        },
      ],
    },
  ]);
  const table = await run('status');
  expect(table.stdout).toMatch(/^default .* no agent yet /m);
  expect(table.stderr).toContain(sentence);
  expect(table.stderr).toContain('fargate-connect policy bastion-trust');
});
