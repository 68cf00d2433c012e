import { describe, expect, it } from 'vitest';

import type { Invoke } from '../../../src/cli/command.ts';
import type { StatusRequest } from '../../../src/app/bastion/status.ts';
import type { DownRequest } from '../../../src/app/bastion/take-down.ts';
import type { PolicyRequest } from '../../../src/app/policy/policy-request.ts';
import { downCommand } from '../../../src/cli/commands/down.ts';
import { policyCommand } from '../../../src/cli/commands/policy.ts';
import { statusCommand } from '../../../src/cli/commands/status.ts';
import { type UpOptions, upCommand } from '../../../src/cli/commands/up.ts';

/** The parsed options of a command line; no command is run. */
async function parsed<O>(
  make: (invoke: Invoke) => ReturnType<typeof upCommand>,
  args: readonly string[],
): Promise<O> {
  let seen: unknown;
  const invoke: Invoke = (_run, options) => {
    seen = options;
    return Promise.resolve();
  };
  const command = make(invoke)
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  await command.parseAsync([...args], { from: 'user' });
  return seen as O;
}

const up = (...args: readonly string[]): Promise<UpOptions> => parsed(upCommand, args);

describe('up', () => {
  it('without flags: eight hours, spot, all databases of the VPC, waits until ready', async () => {
    expect(await up()).toEqual({
      name: 'default',
      ttlMs: 8 * 3_600_000,
      ttlGiven: false,
      idleGiven: false,
      idleMinutes: 30,
      vpc: undefined,
      subnets: [],
      wayOut: undefined,
      types: [],
      onDemand: false,
      dryRun: false,
      wait: true,
      tunnelOnly: false,
      role: undefined,
      permissionsBoundary: undefined,
      images: [],
      sessionKey: undefined,
      volumeKey: undefined,
      databases: [],
      allowDatabases: [],
      egressPorts: [],
      clientSecurityGroups: [],
      iam: {},
      tags: [],
    });
  });

  it('accepts lists as repeated flags or separated by commas', async () => {
    const options = await up(
      '--type',
      't3.micro,t4g.small',
      '--type',
      't3a.micro',
      '--subnet',
      'a,b',
      '--egress-port',
      '5432,6379',
    );
    expect(options.types).toEqual(['t3.micro', 't4g.small', 't3a.micro']);
    expect(options.subnets).toEqual(['a', 'b']);
    expect(options.egressPorts).toEqual([5432, 6379]);
  });

  it('distinguishes --db, --allow-db and neither', async () => {
    expect(await up('--db', 'orders', '--allow-db', 'billing')).toMatchObject({
      databases: ['orders'],
      allowDatabases: ['billing'],
    });
    expect(await up()).toMatchObject({ databases: [], allowDatabases: [] });
  });

  it('distinguishes a given lifetime from the default', async () => {
    expect(await up('--ttl', '2h', '--idle', '0', '--no-wait')).toMatchObject({
      ttlMs: 7_200_000,
      ttlGiven: true,
      idleMinutes: 0,
      wait: false,
    });
  });

  it.each([
    [['--ttl', '5m'], 'duration'],
    [['--idle', 'never'], 'duration'],
    [['--egress-port', '0'], 'port'],
  ])('%j is a usage error', async (args, code) => {
    await expect(up(...args)).rejects.toMatchObject({ code, role: 'usage' });
  });

  it.each([[['--nope']], [['--ttl']], [['extra']]])('%j is rejected by the parser', async (args) => {
    await expect(up(...args)).rejects.toThrow(/unknown option|argument missing|too many arguments/);
  });
});

describe('down, status, policy', () => {
  it('down parses its options', async () => {
    expect(await parsed<DownRequest>(downCommand, [])).toEqual({
      name: 'default',
      all: false,
      force: false,
      iam: {},
    });
    expect(await parsed<DownRequest>(downCommand, ['--all', '--force'])).toEqual({
      name: 'default',
      all: true,
      force: true,
      iam: {},
    });
    const team = ['--iam-path', '/team/', '--iam-prefix', 'team-'];
    expect((await parsed<DownRequest>(downCommand, team)).iam).toEqual({
      iamPath: '/team/',
      iamPrefix: 'team-',
    });
  });

  it('status parses its options', async () => {
    expect(await parsed<StatusRequest>(statusCommand, ['--all-regions'])).toEqual({
      name: undefined,
      allRegions: true,
      iam: {},
    });
  });

  it('policy accepts a known kind, and values for its placeholders', async () => {
    const options = await parsed<PolicyRequest>(policyCommand, [
      'task-role',
      '--session-key',
      'arn:k',
      '--account',
      '1',
    ]);
    expect(options).toMatchObject({
      kind: 'task-role',
      name: '*',
      account: '1',
      format: 'json',
      values: { 'session-key': 'arn:k', 'volume-key': undefined, vpc: '*', 'log-group': undefined },
    });
    await expect(parsed(policyCommand, ['everything'])).rejects.toThrow(/Allowed choices are/);
    await expect(parsed(policyCommand, ['session-document', '--db', 'x', '--host', 'y'])).rejects.toThrow(
      /conflict|cannot be used/,
    );
  });
});
