import { describe, expect, it } from 'vitest';
import { diagnosisOf, type Diagnosis } from '../../../src/app/doctor/diagnosis.ts';
import { CommandLines } from '../../../src/cli/advice/command-lines.ts';
import { writeDiagnosis } from '../../../src/cli/render/doctor-report.ts';
import type { ToolEvent } from '../../../src/core/events.ts';
import type { Finding } from '../../../src/diagnose/finding.ts';
import { fakeTerminal } from '../../support/fake-terminal.ts';

/** What `doctor` prints of a diagnosis. */

const commandLines = new CommandLines({ command: 'doctor', given: {}, argv: ['doctor', 'orders-api'] });

interface Printed {
  readonly stdout: readonly string[];
  readonly notes: readonly Extract<ToolEvent, { readonly type: 'note' }>[];
}
function print(diagnosis: Diagnosis, terminal = fakeTerminal()): Printed {
  const notes: Extract<ToolEvent, { readonly type: 'note' }>[] = [];
  const report = (event: ToolEvent): void => {
    if (event.type === 'note') notes.push(event);
  };
  const settings = { output: 'table', color: false } as Parameters<typeof writeDiagnosis>[1]['settings'];
  writeDiagnosis(diagnosis, { terminal, settings, commandLines, report }, { allPaths: false });
  return { stdout: terminal.stdout.text.split('\n').slice(0, -1), notes };
}

const register = {
  kind: 'register-task-definition',
  taskDefinition: 'orders:42',
  changes: { containers: [{ name: 'app', initProcess: true }] },
} as const;
const deploy = {
  kind: 'redeploy-service',
  cluster: 'demo',
  service: 'orders-api',
  family: 'orders',
  enableExecuteCommand: true,
} as const;
const initOff: Finding = {
  id: 'init-process-off',
  severity: 'warning',
  evidence: { taskDefinition: 'orders:42', containers: ['app'] },
  fixes: [[register, deploy]],
};
const execOff: Finding = {
  id: 'exec-not-enabled',
  severity: 'blocking',
  evidence: { cluster: 'demo', task: '1', container: 'app', service: 'orders-api', serviceEnabled: false },
  fixes: [[deploy]],
};
const SUBJECT = { cluster: 'demo', service: 'orders-api', task: '1f0e9d8c7b6a45948372615049382716' };

describe('changes that replace the tasks', () => {
  it('are shown after all findings where several need them, with the findings named', () => {
    const { stdout } = print(diagnosisOf(SUBJECT, [execOff, initOff]));
    expect(stdout.map((line) => line.slice(0, 40))).toEqual([
      'BLOCKED exec-not-enabled: exec is off in',
      '  → the deployment at the end',
      'WARNING init-process-off: orders:42 runs',
      '  → the deployment at the end',
      'AT THE END, because it replaces the runn',
      expect.stringMatching(/^ {2}aws ecs register-task-definition/),
      expect.stringMatching(/^ {2}terraform: /),
      expect.stringMatching(/^ {2}aws ecs update-service /),
      expect.stringMatching(/^ {2}terraform: /),
    ]);
    expect(stdout[4]).toContain('(exec-not-enabled, init-process-off)');
  });

  it('stay whole on a terminal, with the comment in lines of its own', () => {
    const { stdout } = print(diagnosisOf(SUBJECT, [execOff]), fakeTerminal({ stdout: true, columns: 60 }));
    const at = stdout.findIndex((line) => line.startsWith('  aws ecs update-service '));
    expect(stdout[at]).toMatch(/ --force-new-deployment$/);
    expect(stdout[at + 1]).toMatch(/^ {4}# a new deployment/);
  });

  it('are shown below the finding that needs them alone', () => {
    const { stdout } = print(diagnosisOf(SUBJECT, [initOff]));
    expect(stdout.map((line) => line.slice(0, 25))).toEqual([
      'WARNING init-process-off:',
      '  aws ecs register-task-d',
      '  terraform: app: linuxPa',
      '  aws ecs update-service ',
      '  terraform: aws_ecs_serv',
    ]);
  });
});

describe('the advice to stop a task', () => {
  it('says that the service replaces the task, and what is lost with it', () => {
    const { cluster, task } = SUBJECT;
    const agentStopped: Finding = {
      id: 'exec-agent-not-running',
      severity: 'blocking',
      evidence: {
        cluster,
        task,
        container: 'app',
        agent: 'STOPPED',
        agentReason: null,
        stateAgeMs: undefined,
      },
      fixes: [[{ kind: 'stop-task', cluster, task }]],
    };
    const { stdout } = print(diagnosisOf(SUBJECT, [agentStopped]));
    expect(stdout.slice(1)).toEqual([
      `  aws ecs stop-task --cluster demo --task ${task}   # the service starts another task: memory and files of this one are lost`,
    ]);
  });
});

describe('where nothing blocks', () => {
  it.each<[string, Diagnosis['subject'], string, string | undefined]>([
    [
      'a service',
      SUBJECT,
      'no fault was found: ECS Exec into service orders-api, task 1f0e9d8c of cluster demo; checked were the task and its exec agent, task role and execution role, the task definition, the settings of the cluster, your permissions',
      'fargate-connect exec orders-api --cluster demo',
    ],
    [
      'a task',
      { cluster: 'demo', task: SUBJECT.task, container: 'app' },
      'no fault was found: ECS Exec into task 1f0e9d8c, container app of cluster demo; ',
      `fargate-connect exec --cluster demo --task ${SUBJECT.task} --container app`,
    ],
    [
      'a database',
      { database: 'orders-db', status: 'available', port: '5432', iamLogin: 'on', from: 'orders-api' },
      'no fault was found: database orders-db (available, port 5432, IAM login on) from orders-api; ',
      'fargate-connect db orders-db',
    ],
    [
      'a bastion',
      { bastion: 'default', instance: 'i-1' },
      'no fault was found: bastion default (i-1); ',
      'fargate-connect shell',
    ],
    ['a path', { from: 'orders-api', to: 'x:1' }, 'no fault was found: from orders-api to x:1', undefined],
    ['the caller', { account: '1', region: 'r' }, 'no fault was found: account 1, region r', undefined],
  ])('it says for %s what was checked, and what comes next', (_title, subject, message, next) => {
    const { notes, stdout } = print(diagnosisOf(subject, []));
    expect(stdout).toEqual([]);
    expect(notes).toHaveLength(1);
    expect(notes[0]?.message.startsWith(message)).toBe(true);
    expect(notes[0]?.hints).toEqual(next === undefined ? undefined : [next]);
  });

  it('warnings do not keep it from saying so', () => {
    expect(print(diagnosisOf(SUBJECT, [initOff])).notes[0]?.message).toMatch(/^nothing blocks it: ECS Exec/);
    expect(print(diagnosisOf(SUBJECT, [execOff])).notes).toEqual([]);
  });
});
