import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { type Outcome, ScriptBox, USERDATA } from './scripts.ts';

const ARN = 'arn:aws:ecs:eu-west-1:111122223333:task/demo/';

/** What the ancestor's script got wrong (peers A13, 11–14 and 16) is what these cases hold. */
describe('ecs_connect.sh', () => {
  let box: ScriptBox;
  beforeEach(() => {
    box = new ScriptBox();
    box.stub('session-manager-plugin');
  });
  afterEach(() => box.remove());

  /** `describe-tasks` rows by the end of a task's id; text as `aws --output text` prints it. */
  function aws(answers: {
    readonly list?: string;
    readonly tasks?: Readonly<Record<string, string>>;
    readonly fails?: boolean;
    /** Bash instead, by command of `aws ecs`. */
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

  it('passes the command on as one string', async () => {
    aws({ list: `${ARN}t1`, tasks: { t1: 'app\\tRUNNING\\tRUNNING' } });
    await connect(['web', 'app', 'ls', '-l', '/tmp/a b']);
    expect(executed().at(-1)).toBe('ls -l /tmp/a b');
  });

  it('without input it gives the plugin a stdin that does not end', async () => {
    aws({ list: `${ARN}t1`, tasks: { t1: 'app\\tRUNNING\\tRUNNING' } });
    await connect(['web', 'app', 'ls']);
    // Bash's status of a read that ran out of time; at the end of the input it is 1.
    expect(Number(box.read('input'))).toBeGreaterThan(128);
  });

  it('reads None as an empty answer: a service without tasks', async () => {
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

  it('compares container names whole, not as patterns', async () => {
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

  it('asks which container only where somebody can answer', async () => {
    aws({ list: `${ARN}t1`, tasks: { t1: 'app\\tRUNNING\\tRUNNING\\nproxy\\tRUNNING\\tRUNNING' } });
    const outcome = await connect(['web']);
    expect(outcome.code).toBe(2);
    expect(outcome.stderr).toContain('several containers: app proxy');
  });

  it('goes on to a task whose exec agent runs', async () => {
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

  it('keeps names of shell characters in one piece', async () => {
    aws({ list: 'None' });
    await connect(['web; touch pwned', '$(touch pwned)']);
    expect(box.read('pwned')).toBe('');
    expect(box.calls.some((call) => call.includes('--service-name web; touch pwned --desired-status'))).toBe(
      true,
    );
  });

  describe('where IAM refuses', () => {
    it.each([
      ['list-tasks', 'ecs:ListTasks'],
      ['describe-tasks', 'ecs:DescribeTasks'],
      ['execute-command', 'ecs:ExecuteCommand'],
    ])('%s: ends with 4, naming action and remedy', async (command, action) => {
      aws({ ...ONE_TASK, instead: { [command]: `echo '${denied(action)}' >&2; exit 254` } });
      const outcome = await connect(['web']);
      expect(outcome.code).toBe(4);
      expect(outcome.stderr).toContain(denied(action));
      expect(outcome.stderr).toContain(
        `ecs_connect.sh: the bastion's role may not call ${action}: fargate-connect policy bastion --cluster demo grants it\n`,
      );
    });

    it('ends with status 4 if it may not list the services either', async () => {
      aws({
        fails: true,
        instead: { 'list-services': `echo '${denied('ecs:ListServices')}' >&2; exit 254` },
      });
      const outcome = await connect(['wbe']);
      expect(outcome.code).toBe(4);
      expect(outcome.stderr).toContain('may not call ecs:ListServices');
    });

    it('finds a refused session key in what the plugin says last, with status 0', async () => {
      aws({
        ...ONE_TASK,
        instead: {
          'execute-command': `printf '\\nSessionId: ecs-execute-command-1 : KMSEncryption failed on client: ${denied('kms:GenerateDataKey')}\\n\\n'; exit 0`,
        },
      });
      const outcome = await connect(['web']);
      expect(outcome.code).toBe(4);
      expect(outcome.stdout).toContain(denied('kms:GenerateDataKey'));
      expect(outcome.stderr).toContain('policy bastion --cluster demo --kms-key ARN grants it');
    });

    it.each([0, 7])(
      'leaves to the command in the container what is refused there (status %d)',
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
    /** In a process group of its own, which `kill 0` means. */
    const pressed = (body: string): Promise<Outcome> => {
      aws({ ...ONE_TASK, instead: { 'execute-command': body } });
      return box.run(box.write('own-group.sh', `exec setsid --wait bash ${install()} web\n`));
    };

    it('is left to a session that handles it', async () => {
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

  it.each([[[]], [['--help']]])('explains itself for %j', async (args) => {
    aws({});
    const outcome = await connect(args);
    expect(outcome).toMatchObject({ code: 2 });
    expect(outcome.stderr).toContain('usage: ecs_connect.sh SERVICE [CONTAINER] [COMMAND...]');
  });
});
