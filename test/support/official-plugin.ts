import { type ChildProcess, spawn } from 'node:child_process';
import { DescribeTasksCommand, ECSClient, ListTasksCommand } from '@aws-sdk/client-ecs';
import { SSMClient, StartSessionCommand } from '@aws-sdk/client-ssm';
import { clientConfig } from '../sandbox/support/client-config.ts';

/** Starts a session to a task of orders-api and runs the official plugin for it, as `aws ssm start-session` does. */
export async function startOfficialPlugin(
  plugin: string,
  env: Readonly<Record<string, string>>,
  documentName: string,
  parameters: Readonly<Record<string, string[]>>,
): Promise<ChildProcess> {
  const ecs = new ECSClient(clientConfig(env));
  const { taskArns } = await ecs.send(new ListTasksCommand({ cluster: 'demo', serviceName: 'orders-api' }));
  const task = taskArns?.[0] ?? '';
  const { tasks } = await ecs.send(new DescribeTasksCommand({ cluster: 'demo', tasks: [task] }));
  const Target = `ecs:demo_${task.split('/').at(-1)}_${tasks?.[0]?.containers?.[0]?.runtimeId}`;
  const { SessionId, StreamUrl, TokenValue } = await new SSMClient(clientConfig(env)).send(
    new StartSessionCommand({ Target, DocumentName: documentName, Parameters: parameters }),
  );
  const response = 'AWS_SSM_START_SESSION_RESPONSE';
  return spawn(
    plugin,
    [
      response,
      env['AWS_REGION'] ?? '',
      'StartSession',
      '',
      JSON.stringify({ Target }),
      env['AWS_ENDPOINT_URL'] ?? '',
    ],
    {
      env: { ...process.env, ...env, [response]: JSON.stringify({ SessionId, StreamUrl, TokenValue }) },
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
}
