import {
  CreateLaunchTemplateCommand,
  DeleteLaunchTemplateCommand,
  DescribeLaunchTemplatesCommand,
  DescribeSecurityGroupsCommand,
  type EC2Client,
  RunInstancesCommand,
  type RunInstancesCommandInput,
} from '@aws-sdk/client-ec2';
import { CreatePolicyCommand } from '@aws-sdk/client-iam';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';

import { TAG } from '../../src/provision/bastion/names.ts';
import { DEFAULT_TYPES } from '../../src/provision/capacity/pool.ts';
import { SUBNET } from '../../src/sandbox/world/seed-network.ts';
import { cli, type CliOutcome, hurried } from '../support/cli-in-process.ts';
import { type Document, shippedDocument } from '../support/grants.ts';
import { PROVED, provedDocument } from '../support/proved-documents.ts';
import { sandboxClients } from '../support/sandbox-clients.ts';
import { quickAccount } from './crash-matrix.ts';

/**
 * For each restriction in the operator documents: a call that it refuses, and an `up` that still works, spot and
 * on-demand.
 */

const sandbox = quickAccount({ randomSeed: 13 });
type Env = Readonly<Record<string, string>>;

const OPERATOR = ['operator-ec2', 'operator-iam'] as const;
const EVERYTHING = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] };
let users = 0;
const user = (policies: readonly unknown[]): Env =>
  sandbox().createPrincipal({ userName: `operator-${++users}`, policies });
const operator = (): Env => user(OPERATOR.map(provedDocument));
const run = (env: Env, ...args: readonly string[]): Promise<CliOutcome> =>
  cli(args, { env, clock: hurried(100), retries: false });

beforeAll(async () => {
  await sandboxClients(sandbox().env).iam.send(
    new CreatePolicyCommand({
      PolicyName: 'fargate-connect-bastion-boundary',
      Path: '/fargate-connect/',
      PolicyDocument: JSON.stringify(provedDocument('bastion-boundary')),
    }),
  );
});
afterEach(async () => {
  await run(sandbox().env, 'down', '--all', '--yes', '--force');
});

const ec2 = (env: Env): EC2Client => sandboxClients(env).ec2;
const outcomeOf = (answer: Promise<unknown>): Promise<string> =>
  answer.then(
    () => 'launched',
    (error: unknown) => String(error),
  );

const OURS = [{ Key: TAG.bastion, Value: 'default' }];
const tagged = (...types: readonly string[]): RunInstancesCommandInput['TagSpecifications'] =>
  types.map((type) => ({ ResourceType: type as 'instance', Tags: OURS }));

/** Launches an instance by hand from the launch template of a running bastion. */
async function launchFromOurs(env: Env, change: Partial<RunInstancesCommandInput>): Promise<string> {
  const { LaunchTemplates } = await ec2(sandbox().env).send(new DescribeLaunchTemplatesCommand({}));
  const { SecurityGroups } = await ec2(sandbox().env).send(
    new DescribeSecurityGroupsCommand({
      Filters: [{ Name: `tag:${TAG.bastion}`, Values: ['default'] }],
    }),
  );
  return outcomeOf(
    ec2(env).send(
      new RunInstancesCommand({
        MinCount: 1,
        MaxCount: 1,
        LaunchTemplate: { LaunchTemplateId: LaunchTemplates?.[0]?.LaunchTemplateId },
        ImageId: await imageId(),
        NetworkInterfaces: [
          { DeviceIndex: 0, SubnetId: SUBNET.mainPrivateA, Groups: [SecurityGroups?.[0]?.GroupId ?? ''] },
        ],
        InstanceType: 't4g.micro',
        InstanceMarketOptions: { MarketType: 'spot' },
        TagSpecifications: tagged('instance', 'volume'),
        ...change,
      }),
    ),
  );
}

async function imageId(): Promise<string> {
  const { GetParameterCommand, SSMClient } = await import('@aws-sdk/client-ssm');
  const { Parameter } = await new SSMClient(sandboxClients(sandbox().env).config).send(
    new GetParameterCommand({
      Name: '/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64',
    }),
  );
  return Parameter?.Value ?? '';
}

describe('an operator', () => {
  it.each(['spot', 'on-demand'])('brings a bastion up and takes it down: %s', async (market) => {
    const env = operator();
    const flags = market === 'spot' ? [] : ['--on-demand'];
    const up = await run(env, 'up', '--cluster', 'demo', '--yes', ...flags);
    expect([up.status, up.stderr]).toEqual([0, up.stderr]);
    expect((await run(env, 'down', '--yes')).status).toBe(0);
  });

  it('can launch by hand only from the launch template of a bastion, with one of the allowed types', async () => {
    const env = operator();
    const up = await run(env, 'up', '--cluster', 'demo', '--yes');
    expect([up.status, up.stderr]).toEqual([0, up.stderr]);
    // The documents still allow another instance like the bastion's own.
    expect(await launchFromOurs(env, {})).toBe('launched');
    expect(await launchFromOurs(env, { InstanceType: 't4g.medium' })).toContain('ec2:RunInstances');
    const bare = new RunInstancesCommand({
      MinCount: 1,
      MaxCount: 1,
      ImageId: await imageId(),
      SubnetId: SUBNET.mainPrivateA,
      InstanceType: 't4g.micro',
      TagSpecifications: tagged('instance', 'volume', 'network-interface'),
    });
    expect(await outcomeOf(ec2(env).send(bare))).toContain('ec2:RunInstances');
  });

  it('cannot launch from a launch template without the tag of a bastion', async () => {
    const env = operator();
    const up = await run(env, 'up', '--cluster', 'demo', '--yes');
    expect([up.status, up.stderr]).toEqual([0, up.stderr]);
    const launch = async (
      tags: readonly { readonly Key: string; readonly Value: string }[],
    ): Promise<string> => {
      const admin = ec2(sandbox().env);
      const { LaunchTemplate } = await admin.send(
        new CreateLaunchTemplateCommand({
          LaunchTemplateName: 'by-hand',
          LaunchTemplateData: { MetadataOptions: { HttpTokens: 'required' } },
          ...(tags.length === 0
            ? {}
            : { TagSpecifications: [{ ResourceType: 'launch-template', Tags: [...tags] }] }),
        }),
      );
      const LaunchTemplateId = LaunchTemplate?.LaunchTemplateId ?? '';
      const outcome = await launchFromOurs(env, {
        LaunchTemplate: { LaunchTemplateId },
        TagSpecifications: tagged('instance', 'volume', 'network-interface', 'spot-instances-request'),
      });
      await admin.send(new DeleteLaunchTemplateCommand({ LaunchTemplateId }));
      return outcome;
    };
    expect(await launch([])).toContain('ec2:RunInstances');
    expect(await launch([{ Key: 'owner', Value: 'default' }])).toContain('ec2:RunInstances');
    // The tag is all that the refused launches lack.
    expect(await launch(OURS)).toBe('launched');
  });

  it('gets from up --type the name of the document that allows these types', async () => {
    const env = operator();
    const up = await run(env, 'up', '--cluster', 'demo', '--yes', '--type', 'm7g.medium');
    expect(up.status).toBe(4);
    expect(up.stderr).toContain('fargate-connect policy operator --type m7g.medium --cluster demo');
    await run(sandbox().env, 'down', '--all', '--yes', '--force');
    const wider = user(
      OPERATOR.map((kind) =>
        shippedDocument(kind, { ...PROVED[kind].values, 'instance-types': [...DEFAULT_TYPES, 'm7g.medium'] }),
      ),
    );
    const again = await run(wider, 'up', '--cluster', 'demo', '--yes', '--type', 'm7g.medium');
    expect([again.status, again.stderr]).toEqual([0, again.stderr]);
  });
});

describe('policy operator-guardrail', () => {
  const guarded = (...sids: readonly string[]): Env => {
    const guardrail = provedDocument('operator-guardrail');
    const document: Document = {
      ...guardrail,
      Statement: guardrail.Statement.filter(({ Sid }) => sids.includes(Sid)),
    };
    return user([EVERYTHING, document]);
  };

  it('denies a launch without required metadata tokens, but not up', async () => {
    const env = guarded('OnlyWithMetadataTokens');
    for (const market of [[], ['--on-demand']]) {
      const up = await run(env, 'up', '--cluster', 'demo', '--yes', ...market);
      expect([up.status, up.stderr]).toEqual([0, up.stderr]);
      if (market.length === 0) {
        expect(await launchFromOurs(env, { MetadataOptions: { HttpTokens: 'optional' } })).toContain(
          'explicit deny',
        );
        expect(await launchFromOurs(env, {})).toBe('launched');
      }
      await run(env, 'down', '--yes', '--force');
    }
  });

  it('denies a launch that is not spot, and up --on-demand too', async () => {
    const env = guarded('OnlySpot');
    const up = await run(env, 'up', '--cluster', 'demo', '--yes');
    expect([up.status, up.stderr]).toEqual([0, up.stderr]);
    await run(env, 'down', '--yes', '--force');
    const refused = await run(env, 'up', '--cluster', 'demo', '--yes', '--on-demand');
    expect(refused.status).toBe(4);
    expect(refused.stderr).toContain('explicit deny');
    expect(refused.stderr).toContain('a further grant does not help');
  });
});

// An operator's launch template carries our tag, whatever else it holds: docs/policies.md, "What an operator can do".
it('an operator may create a launch template without required metadata tokens, and the guardrail denies the launch', async () => {
  const made = await outcomeOf(
    ec2(operator()).send(
      new CreateLaunchTemplateCommand({
        LaunchTemplateName: 'fargate-connect-loose',
        TagSpecifications: [{ ResourceType: 'launch-template', Tags: OURS }],
        LaunchTemplateData: { MetadataOptions: { HttpTokens: 'optional' } },
      }),
    ),
  );
  expect(made).toBe('launched');
});
