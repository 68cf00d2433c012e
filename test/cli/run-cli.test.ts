import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import type { CommandFactory, Run } from '../../src/cli/command.ts';
import type { CommandContext } from '../../src/cli/context.ts';
import { runCli } from '../../src/cli/run-cli.ts';
import { sleep } from '../../src/core/clock.ts';
import { access, EXIT_STATUS, failed, noMatch, ToolError, type ErrorRole } from '../../src/core/errors.ts';
import { type FakeDeps, fakeDeps } from '../support/fake-deps.ts';
import { ALL_TTY, fakeTerminal } from '../support/fake-terminal.ts';

/** A command tree with one command `work`, and `connect` as the default command. */
function run(argv: readonly string[], work: Run<unknown>, deps: FakeDeps = fakeDeps()): Promise<number> {
  const named =
    (name: string): CommandFactory =>
    (invoke) =>
      new Command(name)
        .argument('[name]')
        .option('--count <n>')
        .action((_name: unknown, _flags: unknown, self: Command) => invoke(work, {}, self));
  return runCli(argv, deps, [{ heading: 'Test:', factories: [named('work'), named('connect')] }]);
}

describe('exit status', () => {
  it('is 0 when the command returns nothing, and otherwise the returned status', async () => {
    expect(await run(['work'], async () => undefined)).toBe(0);
    expect(await run(['work'], async () => 42)).toBe(42);
  });

  it('is fixed for each role', async () => {
    const seen: Record<string, number> = {};
    for (const role of Object.keys(EXIT_STATUS) as ErrorRole[])
      seen[role] = await run(['work'], () =>
        Promise.reject(new ToolError(role, 'some-code', 'some message')),
      );
    expect(seen).toEqual({
      failed: 1,
      usage: 2,
      'no-match': 3,
      access: 4,
      leftovers: 5,
      interrupted: 130,
      transport: 1,
    });
  });

  it('is 0 for help and version, both on stdout', async () => {
    for (const argv of [['--help'], ['work', '--help'], ['help', 'work'], ['--version']]) {
      const deps = fakeDeps();
      expect(await run(argv, async () => 9, deps)).toBe(0);
      expect(deps.terminal.stdout.text).not.toBe('');
      expect(deps.terminal.stderr.text).toBe('');
    }
  });
});

describe('the command line', () => {
  it.each([
    ['ls', 'clusters, services, tasks'],
    ['policy', 'operator, operator-ec2'],
    ['config', 'add, remove, list'],
  ])('%s without a word behind it lists the words that it takes', async (command, kinds) => {
    const deps = fakeDeps();
    expect(await runCli([command], deps)).toBe(2);
    expect(deps.terminal.stderr.text).toContain(`  one of: `);
    expect(deps.terminal.stderr.text).toContain(kinds);
  });

  it.each([
    [
      ['forward', 'stop', '--region', 'eu-west-1'],
      'error: forward stop needs --all, or a name that forward list shows',
      ['forward stop NAME', 'forward stop --all'],
    ],
    [['run', '--db', 'orders-db'], 'error: run needs a command after --', ['run --db ID -- psql']],
  ])(
    '%j, where something is missing, is answered with command lines that work',
    async (argv, message, lines) => {
      const deps = fakeDeps();
      expect(await runCli(argv, deps)).toBe(2);
      expect(deps.terminal.stderr.text.trimEnd().split('\n')).toEqual([
        message,
        ...lines.map((line) => `  fargate-connect ${line}`),
      ]);
    },
  );

  it('what a flag takes is named as its author wrote it', async () => {
    const deps = fakeDeps();
    expect(await runCli(['ls', 'services', '--filter', 'foo'], deps)).toBe(2);
    expect(deps.terminal.stderr.text).toContain('\n  FIELD=VALUE is expected, e.g. execEnabled=false\n');
  });

  const unknown = (option: string): string => `error: unknown option '${option}'`;
  it.each([
    [['exec', 'web', 'ls', '-la'], unknown('-la'), 'exec web -- ls -la'],
    [['exec', 'web', 'sh', '-c', 'id; ls'], unknown('-c'), "exec web -- sh -c 'id; ls'"],
    [['exec', 'web', 'ls', '-il'], unknown('-l'), 'exec web -- ls -il'],
    [
      ['exec', 'web', '--container=app', '-i', 'git', 'log', '--oneline'],
      unknown('--oneline'),
      'exec web --container=app -i -- git log --oneline',
    ],
    [['exec', '--task', '1f0e', 'ps', '-ef'], unknown('-ef'), 'exec --task 1f0e -- ps -ef'],
    [
      ['--region', 'eu-west-1', 'exec', 'web', 'ls', '-la'],
      unknown('-la'),
      '--region eu-west-1 exec web -- ls -la',
    ],
    [['shell', 'uname', '-a'], unknown('-a'), 'shell -- uname -a'],
    [['exec', 'web', 'ls'], 'error: unexpected argument ls: a command comes after --', 'exec web -- ls'],
    [
      ['exec', 'web', 'cat', '-i', 'a'],
      'error: unexpected argument cat: a command comes after --',
      'exec web -- cat -i a',
    ],
    [
      ['exec', 'web', 'curl', '-o', 'page', 'localhost'],
      "error: --output does not take 'page'",
      'exec web -- curl -o page localhost',
    ],
    [['exec', 'web', '--clutser', 'prod'], unknown('--clutser'), undefined],
    [['exec', '-la'], unknown('-la'), undefined],
    [['up', 'web', '-la'], unknown('-la'), undefined],
  ])('%j gets the hint about -- where a remote command was typed', async (argv, message, line) => {
    const deps = fakeDeps();
    expect(await runCli(argv, deps)).toBe(2);
    const [first, second] = deps.terminal.stderr.text.split('\n');
    expect(first).toBe(message);
    const hint = `  fargate-connect ${line ?? ''}   # everything after -- belongs to the remote command`;
    if (line === undefined) expect(second).not.toContain('# everything after --');
    else expect(second).toBe(hint);
  });

  it.each([
    [['-L', 'db:5432:5432'], 'cannot read db:5432:5432: db is no port', 'did you mean 5432:db:5432?'],
    [['--stdio', 'db'], 'cannot read db: its port is missing', '--stdio HOST:PORT '],
    [['--stdio', '22:db'], 'cannot read 22:db: db is no port', 'did you mean db:22?'],
    [
      ['--document', 'D', '-L', '5432:db:5432'],
      'cannot read 5432:db:5432: with a session document it is [BIND:]LOCAL',
      '-L 5432   # where it leads is in the document',
    ],
  ])('forward %j says what its own grammar is', async (words, message, line) => {
    const deps = fakeDeps();
    expect(await runCli(['forward', ...words], deps)).toBe(2);
    const [first, second] = deps.terminal.stderr.text.split('\n');
    expect(first).toContain(`error: ${message}`);
    expect(second).toContain(`  ${line}`);
  });

  it('runs connect when no command is named', async () => {
    let cluster: string | undefined;
    await run(['--cluster', 'prod'], async (_options, context) => {
      cluster = context.settings.cluster;
    });
    expect(cluster).toBe('prod');
  });

  it('accepts shared flags before and after the command', async () => {
    let settings: CommandContext['settings'] | undefined;
    await run(
      ['--region', 'eu-west-1', '--cluster', 'b', 'work', '--cluster', 'b', '-y', '--no-input'],
      async (_options, context) => {
        settings = context.settings;
      },
    );
    expect(settings).toMatchObject({ region: 'eu-west-1', cluster: 'b', yes: true, input: false });
  });

  it.each([
    [['wrok'], "error: unknown command 'wrok'\n  did you mean work?\n"],
    [['work', '--conut', '3'], "error: unknown option '--conut'\n  did you mean --count?\n"],
    [['work', '--clutser', 'x'], "error: unknown option '--clutser'\n  did you mean --cluster?\n"],
    [['work', '--nope'], "error: unknown option '--nope'\n  fargate-connect work --help\n"],
    [['help', 'wrok'], "error: unknown command 'wrok'\n  did you mean work?\n"],
    [['work', '--count'], "error: option '--count <n>' argument missing\n  fargate-connect work --help\n"],
    [['work', '--output', 'xml'], "error: --output does not take 'xml'\n  one of: table, json\n"],
    [
      ['work', 'a', 'b'],
      "error: too many arguments for 'work': expected 1 argument but got 2\n  fargate-connect work --help\n",
    ],
  ])('reports what is wrong with %j and exits with status 2', async (argv, text) => {
    const deps = fakeDeps();
    expect(await run(argv, async () => 0, deps)).toBe(2);
    expect(deps.terminal.stderr.text).toBe(text);
    expect(deps.terminal.stdout.text).toBe('');
  });
});

describe('errors', () => {
  const denied = () =>
    Promise.reject(
      access('access-denied', 'not allowed: ecs:ListTasks', {
        details: { action: 'ecs:ListTasks' },
      }),
    );

  it('are one message, with each hint on a line of its own', async () => {
    const deps = fakeDeps();
    expect(await run(['work'], denied, deps)).toBe(4);
    expect(deps.terminal.stderr.text).toBe(
      'error: not allowed: ecs:ListTasks\n' +
        '  fargate-connect policy exec   # the least-privilege document that grants it\n' +
        '  aws sts get-caller-identity   # who is asking\n',
    );
  });

  it.each([[['work', '--json']], [['work', '-o', 'json']], [['--output=json', 'work']]])(
    'are one JSON object on stderr with %j',
    async (argv) => {
      const deps = fakeDeps();
      expect(await run(argv, denied, deps)).toBe(4);
      expect(JSON.parse(deps.terminal.stderr.text)).toEqual({
        error: {
          code: 'access-denied',
          message: 'not allowed: ecs:ListTasks',
          role: 'access',
          hints: [
            'fargate-connect policy exec   # the least-privilege document that grants it',
            'aws sts get-caller-identity   # who is asking',
          ],
          details: { action: 'ecs:ListTasks' },
        },
      });
    },
  );

  it('are JSON even when the command line could not be parsed, but not for what follows --', async () => {
    const wrong = fakeDeps();
    expect(await run(['work', '--nope', '--json'], async () => 0, wrong)).toBe(2);
    expect(JSON.parse(wrong.terminal.stderr.text)).toMatchObject({
      error: { code: 'unknown-option', role: 'usage' },
    });
    const remote = fakeDeps();
    await run(['work', '--nope', '--', '--json'], async () => 0, remote);
    expect(remote.terminal.stderr.text).toMatch(/^error: unknown option/);
  });

  it('that are defects of the tool say so, with a stack trace only with --debug', async () => {
    const defect = () => Promise.reject(new TypeError('x is not a function'));
    const plain = fakeDeps();
    expect(await run(['work'], defect, plain)).toBe(1);
    expect(plain.terminal.stderr.text).toBe(
      'error: this is a defect of fargate-connect: x is not a function\n  the same command with --debug prints where it happened\n  `npm owner ls fargate-connect` names the maintainers, to whom to send that\n',
    );
    const debug = fakeDeps();
    await run(['work', '--debug'], defect, debug);
    expect(debug.terminal.stderr.text).toContain('[internal]');
    expect(debug.terminal.stderr.text).toMatch(/TypeError: x is not a function\n\s+at /);
  });

  it('are printed with --debug without control characters, and without the passwords of addresses', async () => {
    const deps = fakeDeps({ env: { AWS_ENDPOINT_URL: 'http://me:secret@127.0.0.1:4566' } });
    const cause = new Error('cannot reach http://me:secret@proxy:3128 \u001b[2J');
    await run(['work', '--debug'], () => Promise.reject(failed('x', 'it failed', { cause })), deps);
    expect(deps.terminal.stderr.text).toContain(
      'caused by Error: cannot reach http://me:***@proxy:3128 \\x1b[2J\n',
    );
    expect(deps.terminal.stderr.text).not.toContain('secret');
    expect(deps.terminal.stderr.text).not.toContain('\u001b');
  });

  it('are printed without control characters', async () => {
    const deps = fakeDeps();
    await run(['work'], () => Promise.reject(noMatch('x', 'no service \u001b[2Jevil')), deps);
    expect(deps.terminal.stderr.text).toBe('error: no service \\x1b[2Jevil\n');
  });

  it('during clean-up are reported if the command itself succeeded', async () => {
    const deps = fakeDeps();
    const status = await run(
      ['work'],
      async (_options, context) => {
        context.scope.add(() => Promise.reject(failed('undo-failed', 'could not undo')));
      },
      deps,
    );
    expect(status).toBe(1);
    expect(deps.terminal.stderr.text).toBe('error: could not undo\n');
  });

  it('that are not caught end the run like others, after clean-up', async () => {
    const deps = fakeDeps();
    let cleaned = false;
    const done = run(
      ['work'],
      (_options, context) => {
        context.scope.add(() => {
          cleaned = true;
        });
        setImmediate(() => deps.crash(new Error('boom')));
        return new Promise(() => undefined);
      },
      deps,
    );
    expect(await deps.clock.run(done)).toBe(1);
    expect(cleaned).toBe(true);
    expect(deps.terminal.stderr.text).toMatch(/^error: this is a defect of fargate-connect: boom\n/);
  });

  it('let the command end its session before clean-up', async () => {
    const deps = fakeDeps();
    const order: string[] = [];
    const done = run(
      ['work'],
      async (_options, context) => {
        context.scope.add(() => void order.push('clean-up'));
        setImmediate(() => deps.crash(new Error('boom')));
        await new Promise<void>((resolve) => {
          context.signal.addEventListener('abort', () => resolve());
        });
        await sleep(context.clock, 1_000);
        order.push('session ended');
      },
      deps,
    );
    expect(await deps.clock.run(done)).toBe(1);
    expect(order).toEqual(['session ended', 'clean-up']);
    expect(deps.terminal.stderr.text).toContain('boom');
  });
});

describe('signals', () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    '%s aborts the command: clean-up, one line, 130',
    async (name) => {
      const deps = fakeDeps();
      let cleaned = false;
      const done = run(
        ['work'],
        async (_options, context) => {
          context.scope.add(() => {
            cleaned = true;
          });
          setImmediate(() => deps.signals.raise(name));
          await sleep(context.clock, 1e9, context.signal);
        },
        deps,
      );
      expect(await done).toBe(130);
      expect(cleaned).toBe(true);
      expect(deps.terminal.stderr.text).toBe('interrupted\n');
      expect(deps.signals.count).toBe(0);
      expect(deps.clock.pendingTimers).toBe(0);
    },
  );

  it('resources that clean-up could not remove are reported instead of the interruption', async () => {
    const deps = fakeDeps();
    const status = await run(
      ['work'],
      async (_options, context) => {
        context.scope.add(() =>
          Promise.reject(
            access('session-not-ended', 'session s-1 stays open', {
              details: { sessionId: 's-1', action: 'ssm:TerminateSession' },
            }),
          ),
        );
        setImmediate(() => deps.signals.raise('SIGINT'));
        await sleep(context.clock, 1e9, context.signal);
      },
      deps,
    );
    expect(status).toBe(4);
    expect(deps.terminal.stderr.text).toMatch(
      /^error: session s-1 stays open\n {2}aws ssm terminate-session /,
    );
  });

  it('a second SIGINT ends a run whose clean-up does not return', async () => {
    const deps = fakeDeps();
    const done = run(
      ['work'],
      async (_options, context) => {
        context.scope.add(() => {
          setImmediate(() => deps.signals.raise('SIGINT'));
          return new Promise(() => undefined);
        });
        setImmediate(() => deps.signals.raise('SIGINT'));
        await sleep(context.clock, 1e9, context.signal);
      },
      deps,
    );
    expect(await done).toBe(130);
  });

  it('clean-up that does not return ends at its deadline', async () => {
    const deps = fakeDeps();
    const done = run(
      ['work'],
      async (_options, context) => {
        context.scope.add(() => new Promise(() => undefined));
      },
      deps,
    );
    expect(await deps.clock.run(done)).toBe(1);
    expect(deps.terminal.stderr.text).toBe(
      'error: clean-up did not finish within 20s\n' +
        '  fargate-connect status   # what is left\n' +
        '  fargate-connect down   # removes it\n',
    );
  });

  it('a command that ignores the abort is abandoned after a grace period', async () => {
    const deps = fakeDeps();
    const done = run(
      ['work'],
      () => {
        setImmediate(() => deps.signals.raise('SIGTERM'));
        return new Promise(() => undefined);
      },
      deps,
    );
    expect(await deps.clock.run(done)).toBe(130);
  });

  it('a session that listens for SIGINT receives it until it stops listening', async () => {
    const deps = fakeDeps();
    let heard = 0;
    const status = await run(
      ['work'],
      async (_options, context) => {
        const release = context.signals.on('SIGINT', () => heard++);
        deps.signals.raise('SIGINT');
        release();
        expect(context.signal.aborted).toBe(false);
        deps.signals.raise('SIGINT');
        expect(context.signal.aborted).toBe(true);
        return 7;
      },
      deps,
    );
    expect(heard).toBe(1);
    expect(status).toBe(7);
  });

  it('the error of an aborted library call is not reported as a defect', async () => {
    const deps = fakeDeps();
    const status = await run(
      ['work'],
      async () => {
        deps.signals.raise('SIGINT');
        throw new Error('Request aborted');
      },
      deps,
    );
    expect(status).toBe(130);
    expect(deps.terminal.stderr.text).toBe('interrupted\n');
  });
});

describe('streams', () => {
  it.each([
    ['stdout', 'EPIPE', 141],
    ['stderr', 'EPIPE', 141],
    ['stdout', 'EIO', 130],
    ['stdin', 'EIO', 130],
  ] as const)('a closed %s (%s) ends the run without a message and with %i', async (name, code, status) => {
    const deps = fakeDeps();
    const done = run(
      ['work'],
      (_options, context) => {
        setImmediate(() => context.terminal[name].emit('error', Object.assign(new Error(code), { code })));
        return new Promise(() => undefined);
      },
      deps,
    );
    expect(await deps.clock.run(done)).toBe(status);
    expect(deps.terminal.stderr.text).toBe('');
  });

  it('raw mode is switched off if a command left it on', async () => {
    const deps = fakeDeps({ terminal: fakeTerminal(ALL_TTY) });
    await run(
      ['work'],
      async (_options, context) => {
        context.terminal.raw();
        expect(deps.terminal.rawDepth()).toBe(1);
        throw new Error('in the middle of a session');
      },
      deps,
    );
    expect(deps.terminal.rawDepth()).toBe(0);
  });

  it('--debug prints the settings that apply and the origin of each', async () => {
    const deps = fakeDeps({ env: { AWS_REGION: 'eu-west-1' } });
    await run(['work', '--debug', '--cluster', 'prod'], async () => 0, deps);
    expect(deps.terminal.stderr.text).toContain('region = eu-west-1 (AWS_REGION)');
    expect(deps.terminal.stderr.text).toContain('cluster = prod (--cluster)');
  });

  it('prints with --debug the tags of a config file', async () => {
    const cwd = await mkdtemp(join(tmpdir(), 'fargate-connect-tags-'));
    try {
      await writeFile(join(cwd, '.fargate-connect.yaml'), 'tags:\n  Team: orders\n  Stage: test\n');
      const deps = fakeDeps({ cwd });
      await run(['work', '--debug'], async () => 0, deps);
      expect(deps.terminal.stderr.text).toContain('tags = Team=orders, Stage=test (');
    } finally {
      await rm(cwd, { recursive: true });
    }
  });
});

it('a name that is typed as an argument is suggested as the flag that it belongs to', async () => {
  const deps = fakeDeps();
  expect(await runCli(['down', 'orders'], deps)).toBe(2);
  expect(deps.terminal.stderr.text).toContain('did you mean --name orders?');
});
