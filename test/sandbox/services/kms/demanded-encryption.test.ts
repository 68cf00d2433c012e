import {
  DescribeTasksCommand,
  ECSClient,
  ExecuteCommandCommand,
  ListTasksCommand,
} from '@aws-sdk/client-ecs';
import { SSMClient, StartSessionCommand } from '@aws-sdk/client-ssm';
import { afterEach, expect, test } from 'vitest';
import { testSandbox } from '../../../support/test-sandbox.ts';
import { clientConfig } from '../../support/client-config.ts';
import { RawClient } from '../../support/raw-client.ts';

const sandbox = testSandbox({ demandEncryption: true });
const clients: RawClient[] = [];

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

async function open(session: {
  readonly sessionId?: string | undefined;
  readonly streamUrl?: string | undefined;
  readonly tokenValue?: string | undefined;
}): Promise<RawClient> {
  const { sessionId = '', streamUrl = '', tokenValue = '' } = session;
  const client = await RawClient.open({ sessionId, streamUrl, tokenValue });
  clients.push(client);
  return client;
}

test('with demandEncryption, commands and shells need a data key, but port sessions do not', async () => {
  const ecs = new ECSClient(clientConfig(sandbox().env));
  const ssm = new SSMClient(clientConfig(sandbox().env));
  const { taskArns } = await ecs.send(new ListTasksCommand({ cluster: 'demo', serviceName: 'orders-api' }));
  const task = taskArns?.[0] ?? '';
  const { tasks } = await ecs.send(new DescribeTasksCommand({ cluster: 'demo', tasks: [task] }));
  const Target = `ecs:demo_${task.split('/').at(-1)}_${tasks?.[0]?.containers?.[0]?.runtimeId}`;
  const exec = await ecs.send(
    new ExecuteCommandCommand({ cluster: 'demo', task, container: 'app', command: 'sh', interactive: true }),
  );
  await (await open(exec.session ?? {})).event('data-key-needed');
  const start = async (DocumentName?: string): Promise<RawClient> => {
    const { SessionId, StreamUrl, TokenValue } = await ssm.send(
      new StartSessionCommand({ Target, DocumentName }),
    );
    return open({ sessionId: SessionId, streamUrl: StreamUrl, tokenValue: TokenValue });
  };
  await (await start()).event('data-key-needed');
  const forward = await start('AWS-StartPortForwardingSession');
  await forward.event('opened');
  expect(forward.events.some((event) => event.type === 'data-key-needed')).toBe(false);
});
