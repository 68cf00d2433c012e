import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreatePolicyCommand } from '@aws-sdk/client-iam';
import { afterEach, describe, expect, it } from 'vitest';

import type { Document } from '../../support/grants.ts';
import { provedDocument, requiringTags } from '../../support/proved-documents.ts';
import { sandboxClients } from '../../support/sandbox-clients.ts';
import { testSandbox } from '../../support/test-sandbox.ts';
import { cli, type CliOutcome, hurried } from '../../support/cli-in-process.ts';

/**
 * Tags that an organisation requires: on every resource, in the call that creates it, and in the documents of
 * operators.
 */

const sandbox = testSandbox({ randomSeed: 11 });
const TAGS = ['--tag', 'team=orders', '--tag', 'cost-centre=0042'] as const;
const UP = ['up', '--cluster', 'demo', '--allow-db', 'billing-db', '--yes'] as const;
const EVERYTHING = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] };

const run = (env: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<CliOutcome> =>
  cli(args, { env, clock: hurried(10), retries: false });

afterEach(async () => {
  await run(sandbox().env, 'down', '--all', '--yes', '--force');
});

/** The calls that create resources and the tags in each of them, by resource type. */
function tagsOfCreatingCalls(since: number): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>();
  for (const { checks } of sandbox().calls.slice(since))
    for (const { action, context, resource } of checks ?? [])
      if (['ec2:CreateTags', 'iam:TagRole', 'iam:TagInstanceProfile', 'iam:TagPolicy'].includes(action)) {
        const type = /:([a-z-]+)\/[^:]*$/.exec(resource)?.[1] ?? resource;
        const text = `${String(context['aws:RequestTag/team'])} ${String(context['aws:RequestTag/cost-centre'])}`;
        found.set(type, (found.get(type) ?? new Set()).add(text));
      }
  return found;
}

describe('up --tag', () => {
  it('tags everything in the call that creates it', async () => {
    const seen = sandbox().calls.length;
    const up = await run(sandbox().env, ...UP, ...TAGS);
    expect([up.status, up.stderr]).toEqual([0, up.stderr]);
    const tags = tagsOfCreatingCalls(seen);
    expect([...tags.keys()].sort()).toEqual([
      'fleet',
      'instance',
      'instance-profile',
      'launch-template',
      'network-interface',
      'policy',
      'role',
      'security-group',
      'security-group-rule',
      'spot-instances-request',
      'volume',
    ]);
    for (const [type, values] of tags) expect([type, ...values]).toEqual([type, 'orders 0042']);
  });

  it('uses the tags of the project file exactly as written', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'fargate-connect-tags-'));
    try {
      writeFileSync(join(folder, '.fargate-connect.yaml'), 'tags:\n  team: payments\n  cost-centre: 0042\n');
      const seen = sandbox().calls.length;
      const up = await cli([...UP, '--tag', 'team=orders'], {
        env: sandbox().env,
        cwd: folder,
        clock: hurried(10),
      });
      expect([up.status, up.stderr]).toEqual([0, up.stderr]);
      expect([...(tagsOfCreatingCalls(seen).get('role') ?? [])]).toEqual(['orders 0042']);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('refuses tags that AWS would refuse before the first call', async () => {
    const seen = sandbox().calls.length;
    const up = await run(sandbox().env, ...UP, '--tag', 'cost centre=1');
    expect(up.status).toBe(2);
    expect(up.stderr).toContain('"cost centre"');
    expect(sandbox().calls.length).toBe(seen);
  });

  it('reports that a running bastion has other tags', async () => {
    await run(sandbox().env, ...UP);
    const again = await run(sandbox().env, ...UP, '--tag', 'team=orders');
    expect(again.status).toBe(0);
    expect(again.stderr).toContain('it has no tag team');
  });

  it('works for a user whose ARN is not a legal tag value', async () => {
    const env = sandbox().createPrincipal({ userName: 'anna,ops', policies: [EVERYTHING] });
    const up = await run(env, ...UP);
    expect([up.status, up.stderr]).toEqual([0, up.stderr]);
  });
});

describe('operator documents with --tag', () => {
  const documents = (): readonly Document[] =>
    (['operator-ec2', 'operator-iam', 'operator-db-rule'] as const).map((kind) =>
      requiringTags(provedDocument(kind), { team: 'orders', 'cost-centre': '0042' }),
    );
  const operator = (name: string): Readonly<Record<string, string>> =>
    sandbox().createPrincipal({ userName: name, policies: documents() });

  it('allow exactly these tags: up works with them, and is refused without one of them, with another value or with an additional tag', async () => {
    await sandboxClients(sandbox().env).iam.send(
      new CreatePolicyCommand({
        PolicyName: 'fargate-connect-bastion-boundary',
        Path: '/fargate-connect/',
        PolicyDocument: JSON.stringify(provedDocument('bastion-boundary')),
      }),
    );
    const with_ = operator('exact');
    for (const wrong of [
      [],
      ['--tag', 'team=orders'],
      ['--tag', 'team=orders', '--tag', 'cost-centre=1'],
      [...TAGS, '--tag', 'stage=dev'],
    ]) {
      const up = await run(with_, ...UP, ...wrong);
      expect([wrong, up.status]).toEqual([wrong, 4]);
      await run(sandbox().env, 'down', '--all', '--yes', '--force');
    }
    for (const market of [[], ['--on-demand']]) {
      const up = await run(with_, ...UP, ...TAGS, ...market);
      expect([up.status, up.stderr]).toEqual([0, up.stderr]);
      expect((await run(with_, 'down', '--yes')).status).toBe(0);
    }
  });
});

describe('a service control policy', () => {
  const demandsTag = {
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Action: '*', Resource: '*' },
      {
        Effect: 'Deny',
        Action: 'ec2:RunInstances',
        Resource: [
          'arn:aws:ec2:*:*:instance/*',
          'arn:aws:ec2:*:*:volume/*',
          'arn:aws:ec2:*:*:network-interface/*',
        ],
        Condition: { Null: { 'aws:RequestTag/team': 'true' } },
      },
    ],
  };

  it('that requires a tag is reported differently from a missing grant, and --tag satisfies it', async () => {
    const env = sandbox().createPrincipal({
      userName: 'member',
      policies: [EVERYTHING],
      serviceControlPolicies: [demandsTag],
    });
    const refused = await run(env, ...UP, '--json');
    expect(refused.status).toBe(4);
    const { error } = JSON.parse(refused.stderr.trim().split('\n').at(-1) ?? '') as {
      readonly error: {
        readonly hints: readonly string[];
        readonly details: Readonly<Record<string, unknown>>;
      };
    };
    expect(error.details).toMatchObject({ deniedBy: 'service-control-policy', explicitDeny: true });
    expect(error.hints.join('\n')).toContain('--tag KEY=VALUE');
    expect(error.hints.join('\n')).not.toContain('policy operator');
    await run(env, 'down', '--all', '--yes', '--force');
    const up = await run(env, ...UP, '--tag', 'team=orders');
    expect([up.status, up.stderr]).toEqual([0, up.stderr]);
  });
});
