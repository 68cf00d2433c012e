import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Lab, startLab } from '../support/gateway-lab.ts';
import { RawClient } from '../support/raw-client.ts';

let lab: Lab;
const clients: RawClient[] = [];

const connect = async (...args: Parameters<typeof RawClient.open>): Promise<RawClient> => {
  const client = await RawClient.open(...args);
  clients.push(client);
  return client;
};

beforeEach(async () => {
  lab = await startLab();
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await lab.close();
});

test('a shell without a handshake echoes, follows the window size, reacts to Ctrl-C and ends with channel_closed', async () => {
  const client = await connect(lab.start({ type: 'Standard_Stream' }));
  const opened = await client.event('opened');
  expect(opened).toMatchObject({ sessionType: undefined, agentVersion: '' });
  client.act((channel, now) => channel.sendSize({ columns: 132, rows: 50 }, now));
  client.send('stty size\r');
  await client.untilOutput('50 132');
  // The signal must reach the program that prints "go": a shell that is just starting a child could miss it.
  client.send(`sh -c 'echo go; exec sleep 100'\r`);
  await client.untilOutput('go\r\n');
  client.send('\u0003');
  // The terminal discards what was typed before the signal took effect.
  await client.until(() => /\^C[^]*\$ $/.test(client.stdout), 'a new prompt');
  client.send('echo "st=$?"\r');
  await client.untilOutput('st=130');
  client.send('exit 5\r');
  expect(await client.event('closed')).toMatchObject({ output: '' });
});

test('a command runs without a shell and its output arrives completely', async () => {
  const client = await connect(
    lab.start({ type: 'InteractiveCommands', command: `/bin/sh -c "echo out; echo err >&2; exit 7"` }),
  );
  await client.event('closed');
  expect(client.stdout).toBe('out\r\nerr\r\n');
  // Messages for the gateway must not reach the client, above all the agent's session state.
  expect(client.events.filter((event) => event.type === 'ignored')).toEqual([]);
});

test('a program that does not exist is reported in channel_closed, without any stream message', async () => {
  const client = await connect(lab.start({ type: 'InteractiveCommands', command: '/bin/nosuch --x' }));
  const closed = await client.event('closed');
  expect(closed.output).toBe(
    '\n----------ERROR-------\nUnable to start command: Failed to start pty: fork/exec /bin/nosuch: no such file or directory\n\n',
  );
  expect(client.events.filter((event) => event.type === 'output')).toEqual([]);
});
