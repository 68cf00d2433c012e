import { afterEach, expect, test } from 'vitest';
import type { MachineTerminal } from '../../../src/sandbox/contracts.ts';
import { type Lab, startLab } from '../support/gateway-lab.ts';
import { RawClient } from '../support/raw-client.ts';

let lab: Lab | undefined;
afterEach(async () => {
  await lab?.close();
});

test('the shell sends no output in its first second', async () => {
  let started = 0;
  lab = await startLab({
    agentPace: 'official',
    machine: (machine) => ({
      ...machine,
      async terminal(options): Promise<MachineTerminal> {
        const terminal = await machine.terminal(options);
        started = Date.now();
        return terminal;
      },
    }),
  });
  const client = await RawClient.open(lab.start({ type: 'InteractiveCommands', command: 'echo hi' }));
  await client.event('output');
  expect(Date.now() - started).toBeGreaterThan(950);
  await client.event('closed');
  expect(client.stdout).toBe('hi\r\n');
  client.close();
});
