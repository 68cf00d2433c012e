import { afterEach, describe, expect, it } from 'vitest';

import { SUBNET } from '../../../src/sandbox/world/seed-network.ts';
import { testSandbox } from '../../support/test-sandbox.ts';
import { cli, type CliOutcome } from '../../support/cli-in-process.ts';

/** Launch errors of EC2 in each pool, tested through the whole command line. */

const sandbox = testSandbox();
const run = (...args: readonly string[]): Promise<CliOutcome> => cli(args, { env: sandbox().env });
const UP = ['up', '--cluster', 'demo', '--yes', '--no-wait'] as const;
const market = () => sandbox().faults.market;

afterEach(async () => {
  sandbox().faults.clear();
  await run('down', '--all', '--yes', '--force');
});

interface UpJson {
  readonly type: string;
  readonly subnet: string;
  readonly market: string;
}
const launched = (outcome: CliOutcome): UpJson => {
  expect([outcome.status, outcome.stderr]).toEqual([0, outcome.stderr]);
  return JSON.parse(outcome.stdout) as UpJson;
};

/** The error code, and the pools that the error lists. */
interface Refusal {
  readonly error: { readonly code: string; readonly details: { readonly pools: readonly string[] } };
}
async function refused(...args: readonly string[]): Promise<Refusal['error'] & { readonly status: number }> {
  const before = sandbox().snapshot();
  const outcome = await run(...UP, '--json', ...args);
  const line = outcome.stderr
    .trim()
    .split('\n')
    .findLast((text) => text.includes('"error"'));
  const { error } = JSON.parse(line ?? '{}') as Refusal;
  await run('down', '--yes');
  expect(sandbox().snapshot()).toBe(before);
  return { ...error, status: outcome.status };
}

describe('capacity', () => {
  it('if a type has no capacity in any zone, the next type is launched, and each pool of the first is named', async () => {
    market().refuse({ instanceType: 't4g.micro' }, 'InsufficientInstanceCapacity');
    const outcome = await run(...UP, '--json');
    expect(launched(outcome).type).not.toBe('t4g.micro');
    const refusals = outcome.stderr.match(
      /t4g\.micro in subnet-\w+ \(eu-west-1[abc]\): InsufficientInstanceCapacity/g,
    );
    expect(new Set(refusals).size).toBe(3);
  });

  it('if one zone has no capacity, another one is used', async () => {
    market().refuse({ where: 'eu-west-1a' }, 'InsufficientInstanceCapacity');
    market().refuse({ where: 'eu-west-1b' }, 'Unsupported');
    expect(launched(await run(...UP, '--json')).subnet).toBe(SUBNET.mainPrivateC);
  });

  it.each([
    ['InsufficientInstanceCapacity', 'no-capacity'],
    ['UnfulfillableCapacity', 'no-capacity'],
    ['InsufficientFreeAddressesInSubnet', 'no-capacity'],
    ['Unsupported', 'no-capacity'],
    ['SpotMaxPriceTooLow', 'no-capacity'],
    ['MaxSpotInstanceCountExceeded', 'quota-exceeded'],
    ['VcpuLimitExceeded', 'quota-exceeded'],
  ])(
    '%s in every pool is %s: exit 1, each pool named, no on-demand instance launched instead',
    async (refusal, code) => {
      market().refuse({ market: 'spot' }, refusal);
      const error = await refused();
      expect([error.status, error.code]).toEqual([1, code]);
      expect(error.details.pools).toHaveLength(12);
      for (const pool of error.details.pools) expect(pool).toContain(refusal);
      expect(launched(await run(...UP, '--json', '--on-demand')).market).toBe('on-demand');
    },
  );

  it('each pool is named with its own reason', async () => {
    market().refuse({ market: 'spot' }, 'InsufficientInstanceCapacity');
    market().refuse({ instanceType: 't4g.micro', where: 'eu-west-1a' }, 'UnfulfillableCapacity');
    const { details } = await refused('--type', 't4g.micro,t3.micro');
    expect(details.pools).toHaveLength(6);
    expect(details.pools.filter((pool) => pool.includes('UnfulfillableCapacity'))).toEqual([
      expect.stringContaining('t4g.micro in subnet-0a10000000000001a (eu-west-1a)'),
    ]);
  });

  it('if on-demand has no capacity either, the error does not recommend on-demand', async () => {
    market().refuse({}, 'InsufficientInstanceCapacity');
    const outcome = await run(...UP, '--on-demand');
    expect(outcome.status).toBe(1);
    expect(outcome.stderr).toContain('no on-demand capacity in any of');
    expect(outcome.stderr).not.toContain('up --on-demand');
  });
});

describe('quota and price', () => {
  it.each([
    ['spot', [], 'Spot Instance Requests'],
    ['on-demand', ['--on-demand'], 'Running On-Demand Standard'],
  ] as const)('an exhausted %s quota is named', async (name, flags, quota) => {
    market().setQuota({ spotVcpus: 0, onDemandVcpus: 0 });
    const error = await refused(...flags);
    expect([error.status, error.code]).toEqual([1, 'quota-exceeded']);
    expect(JSON.stringify(error)).toContain(`the account's ${name} quota is used up`);
    expect(JSON.stringify(error)).toContain(quota);
  });

  it('the cheapest pool is used, and the plan shows its price', async () => {
    market().setPrice({ instanceType: 't3.micro', where: 'eu-west-1b' }, 0.0007);
    const dry = await run('up', '--cluster', 'demo', '--dry-run', '--json');
    expect(JSON.parse(dry.stdout)).toMatchObject({
      price: { cheapestPool: { instanceType: 't3.micro', zone: 'eu-west-1b', dollarsPerHour: 0.0007 } },
    });
    expect(launched(await run(...UP, '--json'))).toMatchObject({
      type: 't3.micro',
      subnet: SUBNET.mainPrivateB,
    });
  });
});

describe('interruption', () => {
  const hasty = testSandbox({
    timing: { spotNoticeMs: 0 },
    faults: ['interrupt=t4g.micro/eu-west-1a:0', 'price=t4g.micro/eu-west-1a:0.0001'],
  });

  it('of one pool terminates the instances of that pool, and no others', async () => {
    const { env, faults } = hasty();
    const up = ['up', '--cluster', 'demo', '--yes', '--json'];
    const lost = await cli(up, { env });
    expect([lost.status, lost.stderr]).toEqual([
      1,
      expect.stringContaining('EC2 interrupted the spot instance'),
    ]);
    await cli(['down', '--yes'], { env });
    faults.market.setPrice({ instanceType: 't4g.micro', where: 'eu-west-1b' }, 0.00005);
    expect(launched(await cli(up, { env })).subnet).toBe(SUBNET.mainPrivateB);
    await cli(['down', '--yes'], { env });
  });
});

it('in an account that has never used spot, the missing role is explained, and on-demand works', async () => {
  sandbox().faults.removeSpotServiceLinkedRole();
  const statement = [
    { Effect: 'Allow', Action: '*', Resource: '*' },
    { Effect: 'Deny', Action: 'iam:CreateServiceLinkedRole', Resource: '*' },
  ];
  const policies = [{ Version: '2012-10-17', Statement: statement }];
  const env = sandbox().createPrincipal({ userName: 'no-links', policies });
  const outcome = await cli(UP, { env });
  expect(outcome.status).toBe(1);
  expect(outcome.stderr).toContain('AWSServiceRoleForEC2Spot is missing');
  expect(outcome.stderr).toContain(
    'aws iam create-service-linked-role --aws-service-name spot.amazonaws.com',
  );
  expect(launched(await cli([...UP, '--on-demand', '--json'], { env })).market).toBe('on-demand');
});

describe('the --fault specs of a sandbox', () => {
  const scripted = testSandbox({
    faults: ['capacity=t4g.micro:UnfulfillableCapacity', 'price=t3.micro:0.0001', 'quota=on-demand:0'],
  });

  it('set pool, price and quota from the start', async () => {
    const { env } = scripted();
    const paid = await cli([...UP, '--on-demand'], { env });
    expect([paid.status, paid.stderr]).toEqual([1, expect.stringContaining('on-demand quota is used up')]);
    expect(launched(await cli([...UP, '--json'], { env })).type).toBe('t3.micro');
    await cli(['down', '--yes'], { env });
  });
});
