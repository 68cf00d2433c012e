import { describe, expect, it } from 'vitest';

import { gatherSpec, type GatherNeeds } from '../../../src/app/bastion/bastion-spec.ts';
import { parseUpRequest } from '../../../src/app/bastion/up-request.ts';
import { assetFolder } from '../../../src/cli/assets.ts';
import { resolveSettings } from '../../../src/config/resolve.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { VPC } from '../../../src/sandbox/world/seed-network.ts';
import { accountWithoutRetries } from '../../support/cli-in-process.ts';
import { testSandbox } from '../../support/test-sandbox.ts';

/** A VPC that has only endpoints, outside us-east-1: an instance cannot install packages there, but tunnels work. */

const sandbox = testSandbox({ randomSeed: 19 });

interface Asked {
  readonly questions: readonly string[];
  readonly cluster: string | undefined;
  readonly error: unknown;
}

async function gather(
  answer: boolean,
  person: { readonly input: boolean; readonly yes: boolean },
): Promise<Asked> {
  const { env } = sandbox();
  const { settings } = await resolveSettings({
    flags: { cluster: 'demo' },
    env,
    cwd: '/',
    stdinIsTty: true,
    stdoutIsTty: true,
    stderrIsTty: true,
  });
  const account = accountWithoutRetries(env, settings);
  const questions: string[] = [];
  const deps: GatherNeeds = {
    account: () => account,
    assets: assetFolder,
    clock: systemClock,
    prompter: {
      select: () => Promise.reject(new Error('nothing is to be chosen')),
      confirm: ({ message }: { readonly message: string }) => {
        questions.push(message);
        return Promise.resolve(answer);
      },
    } as unknown as GatherNeeds['prompter'],
    report: () => undefined,
    version: '0.0.0-test',
    settings: { ...settings, ...person },
  };
  const request = parseUpRequest({ name: 'default', vpc: VPC.sealed, wait: true }, {});
  try {
    const { spec } = await gatherSpec(request, deps);
    return { questions, cluster: spec.cluster ?? 'tunnels only', error: undefined };
  } catch (error) {
    return { questions, cluster: undefined, error };
  }
}

describe('up in a VPC that has only endpoints', () => {
  it('asks on a terminal whether a bastion for tunnels is enough, and continues with it', async () => {
    const asked = await gather(true, { input: true, yes: false });
    expect(asked.error).toBeUndefined();
    expect(asked.questions).toEqual(['Make a bastion for tunnels only, which installs nothing?']);
    expect(asked.cluster).toBe('tunnels only');
  });

  it.each([
    ['the answer is no', false, { input: true, yes: false }, 1],
    ['stdin is not a terminal', true, { input: false, yes: false }, 0],
    ['--yes approved more than tunnels', true, { input: true, yes: true }, 0],
  ] as const)('fails because it cannot install packages, if %s', async (_, answer, person, questions) => {
    const asked = await gather(answer, person);
    expect(asked.questions).toHaveLength(questions);
    expect(asked.error).toMatchObject({ code: 'no-way-out', details: { tunnelsPossible: true } });
  });
});
