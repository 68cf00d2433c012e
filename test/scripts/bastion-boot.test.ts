import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import {
  renderUserData,
  USER_DATA_FILES,
  type UserDataParameters,
} from '../../src/provision/bastion/user-data.ts';
import { reportSkip } from '../support/on-path.ts';
import { checkSyntax, onPath, ScriptBox, USERDATA } from './scripts.ts';

const AGENT_LOG = 'var/log/amazon/ssm/amazon-ssm-agent.log';
const CONNECTED =
  '2026-11-21 10:00:01.0000 INFO [ssm-agent-worker] [MessageService] [MGSInteractor] Set up control channel successfully\n';
/** The body of a `curl` stub that writes the requested file. */
const DOWNLOADED = 'while (($# > 1)); do [[ $1 == --output ]] && echo content >"$2"; shift; done; exit 0';
/** The programs that the script uses from the machine on which the test runs. */
const TOOLS = [
  'bash',
  'cat',
  'chmod',
  'grep',
  'install',
  'ln',
  'mkdir',
  'mktemp',
  'rm',
  'sed',
  'tail',
  'timeout',
  'wc',
];
const SIGNER = '7959637124CE093AD501D47A2C4D4AFF6F6757EE';
const files = Object.fromEntries(
  USER_DATA_FILES.map((name) => [name, readFileSync(join(USERDATA, name), 'utf8')]),
);
const scripts = readdirSync(USERDATA).filter((name) => name.endsWith('.sh'));

const rendered = (cluster: string | undefined, ipv6?: UserDataParameters['ipv6']): string =>
  renderUserData(files, {
    bastion: 'default',
    region: 'eu-west-1',
    cluster,
    expiresAt: 1_900_000_000_000,
    idleMinutes: 30,
    ipv6,
  });
const NAT64 = { dualStackDomain: undefined };
const DUAL_STACK = { dualStackDomain: 'api.aws' };

describe('every script', () => {
  it.each(scripts)('%s has valid bash syntax', (name) => {
    expect(() => checkSyntax(join(USERDATA, name))).not.toThrow();
  });

  it('passes shellcheck, as a file and rendered', (context) => {
    const shellcheck = onPath('shellcheck');
    if (shellcheck === undefined) {
      reportSkip('shellcheck of the scripts', 'shellcheck is not on PATH');
      context.skip('shellcheck is not on PATH');
      return;
    }
    const box = new ScriptBox();
    try {
      const all = [
        ...scripts.map((name) => join(USERDATA, name)),
        box.write('rendered.sh', rendered('demo')),
        box.write('tunnel.sh', rendered(undefined)),
        box.write('nat64.sh', rendered('demo', NAT64)),
        box.write('dual-stack.sh', rendered(undefined, DUAL_STACK)),
      ];
      // The rendered script sets its parameters twice, defaults first; unused ones belong to the other variant.
      execFileSync(shellcheck, ['--severity=style', '--exclude=SC2034', ...all], { stdio: 'pipe' });
    } finally {
      box.remove();
    }
  });
});

describe('the boot of a bastion', () => {
  let box: ScriptBox;

  beforeEach(() => {
    box = new ScriptBox();
    box.stub('systemctl');
    box.stub('aws');
    box.stub('uname', 'echo aarch64');
    box.stub('curl', DOWNLOADED);
    box.stub('gpg', `[[ $* != *--verify* ]] || echo "[GNUPG:] VALIDSIG ${SIGNER} 2025-01-22 0"`);
    box.stub(
      'rpm',
      `printf '#!/bin/bash\\n' >"${box.bin}/session-manager-plugin"; chmod 755 "${box.bin}/session-manager-plugin"`,
    );
    box.stub('sleep');
    box.write(AGENT_LOG, CONNECTED);
  });
  afterEach(() => box.remove());

  const boot = (...variant: Parameters<typeof rendered>): ReturnType<ScriptBox['run']> =>
    box.run(box.write('user-data.sh', rendered(...variant)));
  const verdict = (): string => box.read('dev/console').trim().split(/\r?\n/).at(-1) ?? '';

  it('ends with "ready" and has installed everything', async () => {
    const outcome = await boot('demo');
    expect(outcome).toMatchObject({ code: 0 });
    expect(verdict()).toBe('fargate-connect: ready');
    expect(box.read('usr/local/bin/ecs_connect.sh')).toMatch(
      /^#!\/bin\/bash\nFC_CLUSTER=demo\nexport AWS_REGION=eu-west-1\n/,
    );
    expect(box.read('home/ecs_connect.sh')).toBe(box.read('usr/local/bin/ecs_connect.sh'));
    expect(box.read('etc/fargate-connect/lease.conf')).toBe(
      'FC_BASTION=default\nFC_EXPIRES_AT=1900000000\nFC_IDLE_MINUTES=30\n',
    );
    for (const unit of ['lease.service', 'lease.timer', 'interruption.service', 'updates.service'])
      expect(box.read(`etc/systemd/system/fargate-connect-${unit}`)).toContain('[Unit]');
    const installed = ['usr/local/libexec/fargate-connect/lease.sh', 'usr/local/bin/ecs_connect.sh'];
    for (const path of installed) checkSyntax(join(box.root, path));
  });

  it.each(['demo', undefined])('keeps security updates on (cluster %s)', async (cluster) => {
    await boot(cluster);
    expect(box.calls).toContain('systemctl enable --now fargate-connect-updates.timer');
    expect(box.read('etc/systemd/system/fargate-connect-updates.timer')).toContain('OnUnitActiveSec=86400');
    const service = box.read('etc/systemd/system/fargate-connect-updates.service');
    const [, command = ''] = /^ExecStart=\/usr\/bin\/(dnf .*)$/m.exec(service) ?? [];
    expect(command).toContain('--security');
    expect(command).toContain('--exclude=amazon-ssm-agent');
  });

  it('installs the lease first: the timer runs before anything is downloaded', async () => {
    await boot('demo');
    const timer = box.calls.findIndex((call) => call.includes('fargate-connect-lease.timer'));
    const download = box.calls.findIndex((call) => call.startsWith('curl'));
    expect(timer).toBeGreaterThanOrEqual(0);
    expect(timer).toBeLessThan(download);
  });

  it.each([
    ['aarch64', 'linux_arm64'],
    ['x86_64', 'linux_64bit'],
  ])('downloads the package for %s over https only', async (machine, folder) => {
    box.stub('uname', `echo ${machine}`);
    await boot('demo');
    const downloads = box.calls.filter((call) => call.startsWith('curl'));
    expect(downloads).toHaveLength(2);
    for (const call of downloads) {
      expect(call).toContain('--proto =https');
      expect(call).toContain(`/${folder}/session-manager-plugin.rpm`);
    }
  });

  it('installs nothing for tunnels only', async () => {
    const outcome = await boot(undefined);
    expect(outcome.code).toBe(0);
    expect(verdict()).toBe('fargate-connect: ready');
    // The shutdown that the first lines schedule is cancelled when the timers run.
    expect(box.calls.filter((call) => !call.startsWith('systemctl'))).toEqual([
      'shutdown -h +15',
      'shutdown -c',
    ]);
  });

  it('gives the agent the dual-stack names before it restarts the agent', async () => {
    const outcome = await boot(undefined, DUAL_STACK);
    expect([outcome.code, verdict()]).toEqual([0, 'fargate-connect: ready']);
    expect(JSON.parse(box.read('etc/amazon/ssm/amazon-ssm-agent.json'))).toEqual({
      Ssm: { Endpoint: 'https://ssm.eu-west-1.api.aws' },
      Mgs: { Endpoint: 'https://ssmmessages.eu-west-1.api.aws' },
      Mds: { Endpoint: 'https://ec2messages.eu-west-1.api.aws' },
      Kms: { Endpoint: 'https://kms.eu-west-1.api.aws' },
    });
    expect(box.calls.filter((call) => call.includes('amazon-ssm-agent'))).toEqual([
      'systemctl stop amazon-ssm-agent.service',
      'systemctl enable --now amazon-ssm-agent.service',
    ]);
  });

  it("requests metadata over IPv6 behind NAT64, and leaves the usual names in the agent's configuration", async () => {
    expect((await boot('demo', NAT64)).code).toBe(0);
    expect(box.read('etc/amazon/ssm/amazon-ssm-agent.json')).toBe('');
    // Before any of our units is started.
    expect(box.calls.find((call) => call.startsWith('systemctl'))).toBe(
      'systemctl set-environment AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE=IPv6 FC_IMDS=http://[fd00:ec2::254]',
    );
    expect(box.read('usr/local/bin/ecs_connect.sh')).toContain('ENDPOINT_MODE=IPv6\n');
  });

  it('is the same for IPv4, without any of the IPv6 code', () => {
    expect(rendered('demo')).not.toMatch(/#@|IPv6|fd00|DUAL_STACK/);
  });

  it('installs nothing that already exists', async () => {
    box.stub('session-manager-plugin');
    await boot('demo');
    expect(verdict()).toBe('fargate-connect: ready');
    expect(box.calls.some((call) => /^(curl|rpm|dnf|gpg)/.test(call))).toBe(false);
  });

  it.each([
    [
      'a download that fails',
      'curl',
      'exit 22',
      /FAILED download of https:.* failed: is S3 reachable from this subnet\?/,
    ],
    [
      'a missing signature',
      'curl',
      `[[ $* != *.sig ]] || exit 22; ${DOWNLOADED}`,
      /FAILED download of https:.*rpm\.sig failed/,
    ],
    ['an invalid signature', 'gpg', '[[ $* != *--verify* ]]', /FAILED the signature of .* is not good/],
    [
      'a valid signature by another key',
      'gpg',
      '[[ $* != *--verify* ]] || echo "[GNUPG:] VALIDSIG 0000000000000000000000000000000000000000 2025-01-22 0"',
      /FAILED the signature of .* is not good/,
    ],
    ['an unknown machine', 'uname', 'echo riscv64', /FAILED no session-manager-plugin for riscv64/],
    ['a package that rpm rejects', 'rpm', 'exit 1', /FAILED rpm refused session-manager-plugin/],
    ['an rpm that installs nothing', 'rpm', 'exit 0', /FAILED session-manager-plugin is not on PATH/],
    [
      'an image without the agent',
      'systemctl',
      '[[ $* != *amazon-ssm-agent* ]]',
      /FAILED amazon-ssm-agent does not start/,
    ],
    [
      'units that cannot be enabled',
      'systemctl',
      '[[ $* != daemon-reload ]]',
      /FAILED line \d+: systemctl daemon-reload/,
    ],
  ])('reports on the console: %s', async (_what, program, body, expected) => {
    box.stub(program, body);
    const outcome = await boot('demo');
    expect(outcome.code).not.toBe(0);
    expect(verdict()).toMatch(expected);
    expect(box.read('dev/console')).not.toContain('fargate-connect: ready');
  });

  describe('with an agent that does not register', () => {
    const user = 'User: arn:aws:sts::111122223333:assumed-role/ops/i-1';
    const refusal = (action: string): string =>
      `2026-11-21 10:00:00.0000 WARN EC2RoleProvider Failed to connect to Systems Manager with instance profile role credentials. Err: retrieved credentials failed to report to ssm. RequestId: r Error: AccessDeniedException: ${user} is not authorized to perform: ${action} on resource: arn:aws:ec2:eu-west-1:111122223333:instance/i-1 because no identity-based policy allows the ${action} action\n\tstatus code: 400, request id: r\n`;
    const upgrade =
      '2026-11-21 10:00:00.0000 WARN [MGSInteractor] Failed to dial websocket, status: 403 Forbidden, err: websocket: bad handshake\n';
    /** The content of the log at first, and what each restart adds. */
    function agent(first: string, again: string): void {
      box.write(AGENT_LOG, first);
      box.write('again', again);
      box.stub('systemctl', `[[ $1 != restart ]] || cat "${box.root}/again" >>"${box.root}/${AGENT_LOG}"`);
    }
    const restarts = (): number => box.calls.filter((call) => call.startsWith('systemctl restart')).length;

    it.each([
      ['ssm:UpdateInstanceInformation', refusal('ssm:UpdateInstanceInformation'), `${user} is `],
      ['ssmmessages:CreateControlChannel', refusal('ssmmessages:CreateControlChannel'), `${user} is `],
      ['ssmmessages:OpenControlChannel', upgrade, ''],
    ])('reports the denied %s after two more starts', async (action, log, who) => {
      agent(log, log);
      const outcome = await boot(undefined);
      expect(outcome.code).toBe(1);
      expect(verdict()).toBe(
        `fargate-connect: FAILED agent refused: ${who}not authorized to perform: ${action}`,
      );
      expect(restarts()).toBe(2);
    });

    it.each(['https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_iam-ec2.html.', ''])(
      'reports a role that EC2 may not assume (%j)',
      async (rest) => {
        const log = `2026-11-21 10:00:00.0000 WARN EC2RoleProvider Failed to connect to Systems Manager with instance profile role credentials. Err: retrieved credentials failed to report to ssm. Error: AssumeRoleUnauthorizedAccess: EC2 cannot assume the role my.ops.  Please see documentation at ${rest}\n`;
        agent(log, log);
        expect((await boot(undefined)).code).toBe(1);
        expect(verdict()).toBe('fargate-connect: FAILED agent refused: EC2 cannot assume the role my.ops');
        expect(restarts()).toBe(2);
      },
    );

    it('waits for a role that AWS does not know at first', async () => {
      agent(refusal('ssm:UpdateInstanceInformation'), CONNECTED);
      expect((await boot(undefined)).code).toBe(0);
      expect(verdict()).toBe('fargate-connect: ready');
      expect(restarts()).toBe(1);
    });

    it.each([
      [
        'an agent that finally connects with another role',
        `${refusal('ssm:UpdateInstanceInformation')}${CONNECTED}`,
      ],
      ['a denied action that the agent does not need', refusal('ssm:ListInstanceAssociations')],
      ['an agent with an empty log', ''],
    ])('%s is not a failure', async (_, log) => {
      agent(log, '');
      expect((await boot(undefined)).code).toBe(0);
      expect(verdict()).toBe('fargate-connect: ready');
      expect(restarts()).toBe(0);
    });
  });

  it('retries a download that fails for a while', async () => {
    box.stub(
      'curl',
      `tries=$(grep -c '^curl' "${box.root}/calls"); ((tries > 2)) || exit 7
       ${DOWNLOADED}`,
    );
    const outcome = await boot('demo');
    expect(outcome.code).toBe(0);
    expect(box.calls.filter((call) => call.startsWith('curl'))).toHaveLength(4);
  });

  it('starts no attempt that would end after `up` stops waiting', async () => {
    // Bash counts up from this value.
    const late = { SECONDS: '150' };
    const outcome = await box.run(box.write('user-data.sh', rendered('demo')), [], late);
    expect([outcome.code, verdict()]).toEqual([
      1,
      expect.stringMatching(/FAILED no time left for: .*ssm-agent/),
    ]);
  });

  describe('on an image without the AWS CLI', () => {
    /** A PATH without the AWS CLI of the machine. */
    function withoutCli(): ReturnType<ScriptBox['run']> {
      rmSync(join(box.bin, 'aws'));
      mkdirSync(join(box.root, 'tools'));
      for (const tool of TOOLS) symlinkSync(onPath(tool) ?? tool, join(box.root, 'tools', tool));
      const PATH = `${box.bin}:${join(box.root, 'tools')}`;
      return box.run(box.write('user-data.sh', rendered('demo')), [], { PATH });
    }

    it('installs it', async () => {
      box.stub('dnf');
      expect((await withoutCli()).code).toBe(0);
      expect(box.calls).toContain('dnf --assumeyes --quiet install awscli-2');
      expect(verdict()).toBe('fargate-connect: ready');
    });

    it('reports a failed installation after three attempts', async () => {
      box.stub('dnf', 'exit 1');
      expect((await withoutCli()).code).toBe(1);
      expect(box.calls.filter((call) => call.startsWith('dnf'))).toHaveLength(3);
      expect(verdict()).toBe('fargate-connect: FAILED the AWS CLI could not be installed with dnf');
    });
  });

  it('does not interpret shell characters in a cluster name', async () => {
    const outcome = await boot("x'; touch pwned; '$(touch pwned)");
    expect(outcome.code).toBe(0);
    expect(box.read('pwned')).toBe('');
    checkSyntax(join(box.root, 'usr/local/bin/ecs_connect.sh'));
  });
});
