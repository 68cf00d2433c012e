import { afterAll, beforeAll, expect, it } from 'vitest';

import { testSandbox } from '../../support/test-sandbox.ts';
import { cli, type CliOutcome } from '../../support/cli-in-process.ts';
import { FOR_OPERATORS, provedDocument } from '../../support/proved-documents.ts';

/**
 * `status` for users who may read only a part of the resources: it prints what they may read, and names the missing
 * actions.
 */

const sandbox = testSandbox();
let instanceId = '';

beforeAll(async () => {
  const up = await cli(['up', '--cluster', 'demo', '--yes', '--json'], { env: sandbox().env });
  ({ instanceId } = JSON.parse(up.stdout) as { instanceId: string });
});
afterAll(() => cli(['down', '--all', '--yes', '--force'], { env: sandbox().env }));

let people = 0;
const person = (...policies: readonly unknown[]): Readonly<Record<string, string>> =>
  sandbox().createPrincipal({ userName: `looks-${++people}`, policies });
const allBut = (Action: string | readonly string[], Condition = {}): unknown => ({
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Action: '*', Resource: '*' },
    { Effect: 'Deny', Action, Resource: '*', Condition },
  ],
});

interface Shown {
  readonly bastions: readonly Readonly<Record<string, unknown>>[];
  readonly notAllowed: readonly string[];
}
const shownBy = ({ stdout }: CliOutcome): Shown => JSON.parse(stdout) as Shown;
const errorOf = ({ stderr }: CliOutcome): unknown =>
  (JSON.parse(stderr.trim().split('\n').at(-1) ?? '') as { readonly error: unknown }).error;

it('shows the bastions to a user with a document for tunnels, and names the further information that only operators get', async () => {
  const env = person(provedDocument('forward-bastion'));
  const outcome = await cli(['status', '--json'], { env });
  expect(shownBy(outcome).bastions).toMatchObject([
    { instanceId, state: 'running', agent: 'Online', interrupted: false, sessions: null, cost: null },
  ]);
  expect(shownBy(outcome).notAllowed).toEqual(FOR_OPERATORS);
  expect(outcome.stderr).toContain(`which take ${FOR_OPERATORS.join(', ')}`);
  expect(outcome.status).toBe(0);
});

it.each([
  ['ec2:DescribeSpotInstanceRequests', { interrupted: null, agent: 'Online', sessions: 0 }],
  ['ssm:DescribeInstanceInformation', { interrupted: false, agent: 'unknown', sessions: 0 }],
])(
  'without %s it shows the rest and exits with 4, so that no caller takes the bastion for healthy',
  async (action, row) => {
    const outcome = await cli(['status', '--json'], { env: person(allBut(action)) });
    expect(shownBy(outcome)).toMatchObject({ bastions: [{ instanceId, ...row }], notAllowed: [action] });
    expect([outcome.status, errorOf(outcome)]).toMatchObject([
      4,
      { code: 'answer-incomplete', details: { actions: [action] } },
    ]);
  },
);

it.each([
  ['ssm:DescribeSessions', { interrupted: false, agent: 'Online', sessions: null }],
  ['ec2:DescribeSpotPriceHistory', { interrupted: false, agent: 'Online', cost: null }],
])('without %s it shows the rest and names the missing action', async (action, row) => {
  const outcome = await cli(['status', '--json'], { env: person(allBut(action)) });
  expect(shownBy(outcome)).toMatchObject({ bastions: [{ instanceId, ...row }], notAllowed: [action] });
  expect([outcome.status, outcome.stderr]).toEqual([0, expect.stringContaining(action)]);
});

it('does not report the state of an agent that the user may not query', async () => {
  const env = person(allBut('ssm:DescribeInstanceInformation'));
  const outcome = await cli(['status', '--no-color'], { env });
  expect(outcome.stdout).toMatch(/^default .* running /m);
  expect(outcome.stderr).toContain('not allowed to call ssm:DescribeInstanceInformation');
});

it('shows the bastions of the allowed regions, and names a denied one', async () => {
  const elsewhere = { StringEquals: { 'aws:RequestedRegion': 'us-east-1' } };
  const env = person(allBut('ec2:Describe*', elsewhere));
  const outcome = await cli(['status', '--all-regions', '--json'], { env });
  expect(shownBy(outcome)).toMatchObject({ bastions: [{ instanceId }], closedRegions: ['us-east-1'] });
  expect(outcome.stderr).toContain('us-east-1: not allowed to call ec2:DescribeInstances');
  expect(outcome.status).toBe(0);
});

it('does not report regions as denied when the credentials expire between calls', async () => {
  const sessionMs = 1_000;
  const policies = [allBut('ec2:CreateFleet')];
  const env = sandbox().createPrincipal({ userName: 'expires', policies, sessionMs });
  const until = Date.now() + sessionMs;
  const expiry = () => new Promise<void>((resolve) => setTimeout(resolve, until - Date.now() + 10));
  // Each region gets two calls: the third call is the first one to the second region.
  sandbox().faults.inject({ kind: 'throttle', action: 'ec2:DescribeInstances', at: 3, onHit: expiry });
  const outcome = await cli(['status', '--all-regions', '--json'], { env });
  sandbox().faults.clear();
  expect([outcome.status, errorOf(outcome)]).toMatchObject([4, { code: 'credentials-expired' }]);
});

it.each([[[]], [['--all-regions']]])(
  'prints nothing where the user may not list bastions (%j)',
  async (flags) => {
    const env = person(allBut('ec2:DescribeInstances'));
    const outcome = await cli(['status', '--json', ...flags], { env });
    expect(outcome).toMatchObject({ status: 4, stdout: '' });
    expect(errorOf(outcome)).toMatchObject({ code: 'access-denied' });
  },
);

it('shows the leftover resources that the user may list', async () => {
  const up = ['up', '--cluster', 'demo', '--name', 'gone', '--yes'];
  expect((await cli(up, { env: person(allBut('ec2:CreateFleet')) })).status).toBe(4);
  const env = person(allBut(['iam:ListRoles', 'iam:ListInstanceProfiles', 'iam:ListPolicies']));
  const { bastions } = shownBy(await cli(['status', '--json'], { env }));
  expect(bastions).toMatchObject([{ name: 'default' }, { name: 'gone', state: 'leftovers' }]);
});
