import { afterAll, beforeAll, expect, it } from 'vitest';

import { testSandbox } from '../../support/test-sandbox.ts';
import { cli, type CliOutcome } from '../../support/cli-in-process.ts';
import { FOR_OPERATORS, provedDocument } from '../../support/proved-documents.ts';

/** `status` of people who may not read all of it: what they may read is printed, and what is missing is named. */

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

it('shows somebody with a document for tunnels the bastions, and names what else there is for operators', async () => {
  const env = person(provedDocument('forward-bastion'));
  const outcome = await cli(['status', '--json'], { env });
  expect(shownBy(outcome).bastions).toMatchObject([
    { instanceId, state: 'running', agent: 'Online', takenBack: false, sessions: null, cost: null },
  ]);
  expect(shownBy(outcome).notAllowed).toEqual(FOR_OPERATORS);
  expect(outcome.stderr).toContain(`which take ${FOR_OPERATORS.join(', ')}`);
  expect(outcome.status).toBe(0);
});

it.each([
  ['ec2:DescribeSpotInstanceRequests', { takenBack: null, agent: 'Online', sessions: 0 }],
  ['ssm:DescribeInstanceInformation', { takenBack: false, agent: 'unknown', sessions: 0 }],
])(
  'without %s it shows the rest and ends with 4: nobody must take that bastion for sound',
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
  ['ssm:DescribeSessions', { takenBack: false, agent: 'Online', sessions: null }],
  ['ec2:DescribeSpotPriceHistory', { takenBack: false, agent: 'Online', cost: null }],
])('without %s it shows the rest and says so', async (action, row) => {
  const outcome = await cli(['status', '--json'], { env: person(allBut(action)) });
  expect(shownBy(outcome)).toMatchObject({ bastions: [{ instanceId, ...row }], notAllowed: [action] });
  expect([outcome.status, outcome.stderr]).toEqual([0, expect.stringContaining(action)]);
});

it('says nothing of an agent that may not be looked for', async () => {
  const env = person(allBut('ssm:DescribeInstanceInformation'));
  const outcome = await cli(['status', '--no-color'], { env });
  expect(outcome.stdout).toMatch(/^default .* running /m);
  expect(outcome.stderr).toContain('not allowed to call ssm:DescribeInstanceInformation');
});

it('shows the bastions of open regions, and names a closed one', async () => {
  const elsewhere = { StringEquals: { 'aws:RequestedRegion': 'us-east-1' } };
  const env = person(allBut('ec2:Describe*', elsewhere));
  const outcome = await cli(['status', '--all-regions', '--json'], { env });
  expect(shownBy(outcome)).toMatchObject({ bastions: [{ instanceId }], closedRegions: ['us-east-1'] });
  expect(outcome.stderr).toContain('us-east-1: not allowed to call ec2:DescribeInstances');
  expect(outcome.status).toBe(0);
});

it('does not take credentials that expire on the way for closed regions', async () => {
  const sessionMs = 1_000;
  const policies = [allBut('ec2:CreateFleet')];
  const env = sandbox().createPrincipal({ userName: 'expires', policies, sessionMs });
  const until = Date.now() + sessionMs;
  const expiry = () => new Promise<void>((resolve) => setTimeout(resolve, until - Date.now() + 10));
  // Each region is asked twice: this is the second one's first.
  sandbox().faults.inject({ kind: 'throttle', action: 'ec2:DescribeInstances', at: 3, onHit: expiry });
  const outcome = await cli(['status', '--all-regions', '--json'], { env });
  sandbox().faults.clear();
  expect([outcome.status, errorOf(outcome)]).toMatchObject([4, { code: 'credentials-expired' }]);
});

it.each([[[]], [['--all-regions']]])(
  'has nothing to print where no bastion may be listed (%j)',
  async (flags) => {
    const env = person(allBut('ec2:DescribeInstances'));
    const outcome = await cli(['status', '--json', ...flags], { env });
    expect(outcome).toMatchObject({ status: 4, stdout: '' });
    expect(errorOf(outcome)).toMatchObject({ code: 'access-denied' });
  },
);

it('shows the leftovers that may be seen', async () => {
  const up = ['up', '--cluster', 'demo', '--name', 'gone', '--yes'];
  expect((await cli(up, { env: person(allBut('ec2:CreateFleet')) })).status).toBe(4);
  const env = person(allBut(['iam:ListRoles', 'iam:ListInstanceProfiles', 'iam:ListPolicies']));
  const { bastions } = shownBy(await cli(['status', '--json'], { env }));
  expect(bastions).toMatchObject([{ name: 'default' }, { name: 'gone', state: 'leftovers' }]);
});
