import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { renderUserData, USER_DATA_FILES } from '../../../src/provision/bastion/user-data.ts';
import type { Machine } from '../../../src/sandbox/contracts.ts';
import { findProgram } from '../../../src/sandbox/machines/machine-root.ts';
import { type Sandbox, startSandbox } from '../../../src/sandbox/sandbox.ts';
import { defaultSeed } from '../../../src/sandbox/world/seed.ts';
import { createWorld, type World } from '../../../src/sandbox/world/world.ts';
import { TerminalText } from '../support/machine-streams.ts';
import { reportSkip } from '../../support/on-path.ts';

/**
 * `ecs_connect.sh` on a bastion without any official program: it uses the built-in client and plugin, with real
 * signatures and a real session.
 */
let sandbox: Sandbox;
const worlds: World[] = [];
let bastion: Machine;

async function bootBastion(
  hostPath: string,
  cluster = 'demo',
  roleEnv: () => Readonly<Record<string, string>> = () => sandbox.env,
): Promise<Machine> {
  const seed = defaultSeed();
  const world = createWorld({ seed, policy: { allows: () => true }, hostPath });
  worlds.push(world);
  const files = Object.fromEntries(
    USER_DATA_FILES.map((name) => [
      name,
      readFileSync(join(import.meta.dirname, '../../../userdata', name), 'utf8'),
    ]),
  );
  const booted = await world.instances.boot({
    instanceId: 'i-00000000000000001',
    architecture: 'arm64',
    instanceType: 't4g.micro',
    privateIp: '10.0.1.200',
    subnetId: seed.subnets[0]!.id,
    securityGroupIds: [],
    userData: renderUserData(files, {
      bastion: 'default',
      region: 'eu-west-1',
      cluster,
      expiresAt: 4_000_000_000_000,
      idleMinutes: 30,
    }),
    region: 'eu-west-1',
    roleEnv,
    metadata: () => ({ tags: {}, interruption: undefined }),
    onShutdown: () => undefined,
  });
  return booted.machine!;
}

beforeAll(async () => {
  sandbox = await startSandbox({});
  bastion = await bootBastion('');
});
afterAll(async () => {
  for (const world of worlds) await world.close();
  await sandbox?.close();
});

async function onBastion(command: string, machine = bastion): Promise<TerminalText> {
  return new TerminalText(await machine.terminal({ command, columns: 100, rows: 30 }));
}

describe('ecs_connect.sh on a bastion', () => {
  it('runs a command in the named container', async () => {
    const screen = await onBastion('ecs_connect.sh orders-api app printenv PORT HOSTNAME');
    expect(await screen.exit).toEqual({ code: 0, signal: undefined });
    // Two terminals in a row produce two carriage returns, as with the official plugin (transcript b1).
    expect(screen.text).toContain('8080\r\r\n');
    expect(screen.text).toContain('.eu-west-1.compute.internal');
    expect(screen.text).toMatch(/Exiting session with sessionId: ecs-execute-command-/);
  });

  it('opens a shell: typing, resize, Ctrl-C, exit', async () => {
    const terminal = await bastion.terminal({
      command: 'ecs_connect.sh billing-worker',
      columns: 100,
      rows: 30,
    });
    const screen = new TerminalText(terminal);
    await screen.until(/worker:\$ /);
    screen.type('stty size\r');
    await screen.until(/30 100[\r\n]+worker:\$ $/);
    terminal.resize(90, 25);
    // The size does not travel in the input stream, so the test repeats the command until the size has arrived.
    screen.type('until [ "$(stty size)" = "25 90" ]; do :; done; echo resized\r');
    await screen.until(/^resized/m);
    screen.type(`sh -c 'echo begun; exec sleep 1000'\r`);
    await screen.until(/^begun/m);
    screen.type('\u0003');
    await screen.until(/\^C[\s\S]*worker:\$ $/);
    screen.type('exit\r');
    expect((await screen.exit).code).toBe(0);
  });

  it.each<[string, string, number, RegExp]>([
    ['an unknown service', 'nosuch', 3, /service nosuch cannot be read[\s\S]*orders-api/],
    ['an unknown container', 'orders-api nosuch', 3, /no container nosuch[\s\S]*app otel envoy/],
    ['a service without exec', 'legacy-admin', 1, /absent \(exec is off for this task\)/],
    ['a service without tasks', 'nightly-reports', 3, /has no running task/],
  ])('says what to do about %s', async (_, words, code, text) => {
    const screen = await onBastion(`ecs_connect.sh ${words}`);
    expect((await screen.exit).code).toBe(code);
    expect(screen.text).toMatch(text);
  });

  it('reaches a cluster with encrypted sessions, and names the missing permission for the key', async () => {
    const key = '11111111-2222-3333-4444-555555555555';
    const inside = await onBastion(
      'ecs_connect.sh ledger ledger echo inside',
      await bootBastion('', 'sealed'),
    );
    expect((await inside.exit).code).toBe(0);
    expect(inside.text).toMatch(/^inside/m);
    const everythingElse = [
      { Effect: 'Allow', Action: '*', Resource: '*' },
      { Effect: 'Deny', Action: 'kms:GenerateDataKey', Resource: '*' },
    ];
    const env = sandbox.createPrincipal({
      userName: 'no-key',
      policies: [{ Version: '2012-10-17', Statement: everythingElse }],
    });
    const without = await bootBastion('', 'sealed', () => env);
    const refused = await onBastion('ecs_connect.sh ledger ledger echo inside', without);
    await refused.exit;
    expect(refused.text).not.toMatch(/^inside/m);
    expect(refused.text.replace(/\s+/g, ' ')).toContain(
      `not authorized to perform: kms:GenerateDataKey on resource: arn:aws:kms:eu-west-1:111122223333:key/${key}`,
    );
  });

  const official = findProgram('aws', (process.env['PATH'] ?? '').split(':'), '/');
  if (official === undefined) reportSkip('ecs_connect.sh with the official AWS CLI', 'no aws on PATH');
  it.skipIf(official === undefined)('uses the official AWS CLI of the host if it is installed', async () => {
    const screen = await onBastion(
      'aws --version; ecs_connect.sh orders-api app printenv PORT',
      await bootBastion(process.env['PATH'] ?? ''),
    );
    expect((await screen.exit).code).toBe(0);
    expect(screen.text).toMatch(/aws-cli\/\d+\.\d+/);
    expect(screen.text).not.toContain('stand-in of the fargate-connect sandbox');
    expect(screen.text).toMatch(/^8080/m);
  });
});
