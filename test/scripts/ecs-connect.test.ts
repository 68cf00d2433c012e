import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { type Outcome, ScriptBox, USERDATA } from './scripts.ts';

const ARN = 'arn:aws:ecs:eu-west-1:111122223333:task/demo/';

/** These cases cover the defects of the script from which this one was derived (peers A13, 11–14 and 16). */
describe('ecs_connect.sh', () => {
  let box: ScriptBox;
  beforeEach(() => {
    box = new ScriptBox();
    box.stub('session-manager-plugin');
  });
  afterEach(() => box.remove());

  /** `describe-tasks` rows by the last part of a task's id, in the format of `aws --output text`. */
  function aws(answers: {
    readonly list?: string;
    readonly tasks?: Readonly<Record<string, string>>;
    readonly fails?: boolean;
    /** Replacement bash code, by command of `aws ecs`. */
    readonly instead?: Readonly<Record<string, string>>;
  }): void {
    const rows = Object.entries(answers.tasks ?? {})
      .map(([id, text]) => `*${id}*) printf '${text}\\n' ;;`)
      .join('\n');
    const instead = Object.entries(answers.instead ?? {}).map(([name, body]) => `${name}) ${body} ;;`);
    box.stub(
      'aws',
      `case "$2" in
         ${instead.join('\n')}
         list-tasks) ${answers.fails === true ? 'echo "ServiceNotFoundException" >&2; exit 254' : `printf '${answers.list ?? 'None'}\\n'`} ;;
         list-services) printf 'arn:aws:ecs:eu-west-1:1:service/demo/web\\tarn:aws:ecs:eu-west-1:1:service/demo/api\\n' ;;
         describe-tasks) case "$*" in ${rows} esac ;;
         execute-command) printf '%s\\n' "$@" >"${box.root}/executed"; read -r -t 0.05; echo "$?" >"${box.root}/input" ;;
       esac`,
    );
  }

  const install = (): string => {
    const text = readFileSync(join(USERDATA, 'ecs_connect.sh'), 'utf8');
    return box.write(
      'ecs_connect.sh',
      `#!/bin/bash\nFC_CLUSTER=demo\nexport AWS_REGION=eu-west-1\n${text}`,
      0o755,
    );
  };
  const connect = (args: readonly string[]): Promise<Outcome> => box.run(install(), args);
  const ONE_TASK = { list: `${ARN}t1`, tasks: { t1: 'app\\tRUNNING\\tRUNNING' } } as const;
  const denied = (action: string): string =>
    `User: arn:aws:sts::1:assumed-role/r/i-1 is not authorized to perform: ${action} on resource: * because no identity-based policy allows the ${action} action`;

  const executed = (): readonly string[] => box.read('executed').trim().split('\n');

  it('opens a shell in the only container', async () => {
    aws({ list: `${ARN}t1`, tasks: { t1: 'app\\tRUNNING\\tRUNNING' } });
    const outcome = await connect(['web']);
    expect(outcome.code).toBe(0);
    expect(executed()).toEqual([
      'ecs',
      'execute-command',
      '--cluster',
      'demo',
      '--task',
      `${ARN}t1`,
      '--container',
      'app',
      '--interactive',
      '--command',
      '/bin/sh',
    ]);
  });

  it('passes the command on as one argument', async () => {
    aws({ list: `${ARN}t1`, tasks: { t1: 'app\\tRUNNING\\tRUNNING' } });
    await connect(['web', 'app', 'ls', '-l', '/tmp/a b']);
    expect(executed().at(-1)).toBe('ls -l /tmp/a b');
  });

  it('without input gives the plugin a stdin that does not end', async () => {
    aws({ list: `${ARN}t1`, tasks: { t1: 'app\\tRUNNING\\tRUNNING' } });
    await connect(['web', 'app', 'ls']);
    // The exit status of bash's read after a timeout; at the end of the input it is 1.
    expect(Number(box.read('input'))).toBeGreaterThan(128);
  });

  it('treats None as an empty answer: a service without tasks', async () => {
    aws({ list: 'None' });
    const outcome = await connect(['web']);
    expect(outcome).toMatchObject({ code: 3 });
    expect(outcome.stderr).toContain('service web in cluster demo has no running task');
  });

  it('names the existing services when the service is unknown', async () => {
    aws({ fails: true });
    const outcome = await connect(['wbe']);
    expect(outcome.code).toBe(3);
    expect(outcome.stderr).toContain('services there: api web');
  });

  it('compares whole container names, not patterns', async () => {
    aws({ list: `${ARN}t1`, tasks: { t1: 'my-app\\tRUNNING\\tRUNNING' } });
    for (const name of ['app', 'my.app', '.*']) {
      const outcome = await connect(['web', name]);
      expect(outcome).toMatchObject({ code: 3 });
      expect(outcome.stderr).toContain('containers there: my-app');
    }
    expect(box.read('executed')).toBe('');
  });

  it('reaches any container of the task', async () => {
    aws({ list: `${ARN}t1`, tasks: { t1: 'app\\tRUNNING\\tRUNNING\\nproxy\\tRUNNING\\tRUNNING' } });
    await connect(['web', 'proxy']);
    expect(executed()).toContain('proxy');
  });

  it('asks for the container only on a terminal', async () => {
    aws({ list: `${ARN}t1`, tasks: { t1: 'app\\tRUNNING\\tRUNNING\\nproxy\\tRUNNING\\tRUNNING' } });
    const outcome = await connect(['web']);
    expect(outcome.code).toBe(2);
    expect(outcome.stderr).toContain('several containers: app proxy');
  });

  it('skips tasks whose exec agent does not run', async () => {
    aws({
      list: `${ARN}t1\\t${ARN}t2\\t${ARN}t3`,
      tasks: {
        t1: 'app\\tPENDING\\tNone',
        t2: 'app\\tRUNNING\\tSTOPPED',
        t3: 'app\\tRUNNING\\tRUNNING',
      },
    });
    const outcome = await connect(['web']);
    expect(outcome.code).toBe(0);
    expect(executed()).toContain(`${ARN}t3`);
  });

  it('says why no task can be used', async () => {
    aws({
      list: `${ARN}t1\\t${ARN}t2`,
      tasks: { t1: 'app\\tRUNNING\\tNone', t2: 'app\\tRUNNING\\tSTOPPED' },
    });
    const outcome = await connect(['web', 'app']);
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toContain(
      'task t1: container RUNNING, exec agent absent (exec is off for this task)',
    );
    expect(outcome.stderr).toContain('task t2: container RUNNING, exec agent STOPPED');
  });

  it('keeps names with shell characters intact', async () => {
    aws({ list: 'None' });
    await connect(['web; touch pwned', '$(touch pwned)']);
    expect(box.read('pwned')).toBe('');
    expect(box.calls.some((call) => call.includes('--service-name web; touch pwned --desired-status'))).toBe(
      true,
    );
  });

  describe('if IAM denies an action', () => {
    it.each([
      ['list-tasks', 'ecs:ListTasks'],
      ['describe-tasks', 'ecs:DescribeTasks'],
      ['execute-command', 'ecs:ExecuteCommand'],
    ])('%s: exits with 4 and names the action and the remedy', async (command, action) => {
      aws({ ...ONE_TASK, instead: { [command]: `echo '${denied(action)}' >&2; exit 254` } });
      const outcome = await connect(['web']);
      expect(outcome.code).toBe(4);
      expect(outcome.stderr).toContain(denied(action));
      expect(outcome.stderr).toContain(
        `ecs_connect.sh: the bastion's role may not call ${action}: fargate-connect policy bastion --cluster demo grants it\n`,
      );
    });

    it('exits with 4 if listing the services is denied too', async () => {
      aws({
        fails: true,
        instead: { 'list-services': `echo '${denied('ecs:ListServices')}' >&2; exit 254` },
      });
      const outcome = await connect(['wbe']);
      expect(outcome.code).toBe(4);
      expect(outcome.stderr).toContain('may not call ecs:ListServices');
    });

    it('detects a denied session key in the last output of the plugin, although its status is 0', async () => {
      aws({
        ...ONE_TASK,
        instead: {
          'execute-command': `printf '\\nSessionId: ecs-execute-command-1 : KMSEncryption failed on client: ${denied('kms:GenerateDataKey')}\\n\\n'; exit 0`,
        },
      });
      const outcome = await connect(['web']);
      expect(outcome.code).toBe(4);
      expect(outcome.stdout).toContain(denied('kms:GenerateDataKey'));
      expect(outcome.stderr).toContain('policy bastion --cluster demo --session-key ARN grants it');
    });

    it.each([0, 7])(
      'does not report a denial from the command in the container itself (status %d)',
      async (status) => {
        aws({
          ...ONE_TASK,
          instead: { 'execute-command': `echo '${denied('kms:GenerateDataKey')}'; exit ${status}` },
        });
        const outcome = await connect(['web']);
        expect(outcome).toMatchObject({ code: status, stdout: `${denied('kms:GenerateDataKey')}\n` });
        expect(outcome.stderr).not.toContain('fargate-connect policy');
      },
    );
  });

  describe('Ctrl-C on a terminal, which every process in it receives', () => {
    /** Runs in a process group of its own, which `kill 0` signals. */
    const pressed = (body: string): Promise<Outcome> => {
      aws({ ...ONE_TASK, instead: { 'execute-command': body } });
      return box.run(box.write('own-group.sh', `exec setsid --wait bash ${install()} web\n`));
    };

    it('does not end a session that handles it', async () => {
      const outcome = await pressed(
        `trap '' INT; kill -INT 0; kill -QUIT 0; echo later; echo 'said later' >&2; exit 7`,
      );
      expect(outcome).toMatchObject({ code: 7, stdout: 'later\n' });
      expect(outcome.stderr).toContain('said later');
    });

    it('ends a client that does not handle it', async () => {
      expect(await pressed('kill -INT 0; echo later')).toMatchObject({ code: 130, stdout: '' });
    });
  });

  it.each([[[]], [['--help']]])('prints its usage for %j', async (args) => {
    aws({});
    const outcome = await connect(args);
    expect(outcome).toMatchObject({ code: 2 });
    expect(outcome.stderr).toContain('usage: ecs_connect.sh SERVICE [CONTAINER] [COMMAND...]');
  });
});
