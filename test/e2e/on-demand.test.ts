import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { cli, PtyProcess } from '../support/cli-process.ts';
import { testSandbox } from '../support/test-sandbox.ts';

/**
 * No spot pool has capacity: a user at a terminal is asked once, a script gets the flag to type, and no on-demand
 * instance is launched without consent.
 */

const sandbox = testSandbox();
const UP = ['up', '--cluster', 'demo', '--no-wait'] as const;
const QUESTION = /Launch on-demand instead\?/;

beforeEach(() => sandbox().faults.market.refuse({ market: 'spot' }, 'InsufficientInstanceCapacity'));
afterEach(async () => {
  sandbox().faults.clear();
  expect(await cli(['down', '--yes'], { env: sandbox().env })).toMatchObject({ status: 0 });
});

const markets = async (): Promise<readonly string[]> => {
  const { stdout } = await cli(['status', '--json'], { env: sandbox().env });
  const { bastions } = JSON.parse(stdout) as {
    readonly bastions: readonly { readonly instanceId: string | null; readonly market: string }[];
  };
  return bastions.flatMap((row) => (row.instanceId === null ? [] : row.market));
};

/** Runs `up` in a terminal until the question that follows the approval of the plan. */
async function asked(): Promise<PtyProcess> {
  const up = new PtyProcess(UP, { env: sandbox().env });
  await up.until(/Create bastion default in eu-west-1 of account example-dev \(\d+\)\?/);
  up.write('y\r');
  await up.until(QUESTION);
  return up;
}

const times = (text: string): number => text.split('Launch on-demand instead').length - 1;

describe('at a terminal', () => {
  it('the answer yes launches on-demand, and the question shows the known price', async () => {
    const up = await asked();
    const words = up.text.replace(/\s+/g, ' ');
    expect(words).toMatch(
      /no spot capacity in any of 12 pools; on-demand costs more than the \$0\.\d{4} an hour of spot; AWS's price list/,
    );
    expect(words).toMatch(/t4g\.micro in subnet-\w+ \(eu-west-1a\): InsufficientInstanceCapacity/);
    up.write('y\r');
    expect((await up.exit()).status).toBe(0);
    expect(await markets()).toEqual(['on-demand']);
  });

  it.each([
    ['the answer no', 'n\r'],
    ['Enter, because the default answer is no', '\r'],
  ])('%s: exit 1 with the flag, and nothing is launched', async (_what, keys) => {
    const up = await asked();
    const from = up.text.length;
    up.write(keys);
    expect((await up.exit()).status).toBe(1);
    const after = up.text.slice(from);
    expect(times(after.replace(QUESTION, ''))).toBeLessThanOrEqual(1);
    expect(after).toContain('the same command with --on-demand');
    expect(await markets()).toEqual([]);
  });

  it('Ctrl-C: exit 130, and nothing is launched', async () => {
    const up = await asked();
    up.write('\x03');
    expect((await up.exit()).status).toBe(130);
    expect(await markets()).toEqual([]);
  });

  it('with --yes, which approved a plan for spot, `up` does not ask and fails', async () => {
    const up = new PtyProcess([...UP, '--yes'], { env: sandbox().env });
    expect((await up.exit()).status).toBe(1);
    expect(up.text).not.toMatch(/Launch on-demand/);
    expect(up.text).toContain('the same command with --on-demand');
  });
});

describe('without a terminal', () => {
  it('up fails and names the flag to type', async () => {
    const up = await cli([...UP, '--yes'], { env: sandbox().env });
    expect([up.status, up.stderr]).toEqual([
      1,
      expect.stringContaining('no spot capacity in any of 12 pools'),
    ]);
    expect(up.stderr).toContain('the same command with --on-demand   # costs more, is nearly always there');
    expect(await markets()).toEqual([]);
    const paid = await cli([...UP, '--yes', '--on-demand'], { env: sandbox().env });
    expect(paid.status).toBe(0);
    expect(await markets()).toEqual(['on-demand']);
  });
});
