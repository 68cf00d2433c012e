import { describe, expect, it } from 'vitest';
import {
  bastionFindings,
  needsConsole,
  type ObservedBastion,
} from '../../../src/diagnose/bastion/running.ts';
import { sentenceOf } from '../../../src/diagnose/sentences.ts';

const MINUTE = 60_000;
const NOW = 100 * MINUTE;

const ONLINE = { pingStatus: 'Online', lastPingAt: NOW - 1_000 } as const;
const LOST = { pingStatus: 'ConnectionLost', lastPingAt: NOW - 12 * MINUTE } as const;

const observed = (change: Partial<ObservedBastion> = {}): ObservedBastion => ({
  name: 'orders',
  instanceId: 'i-1',
  state: 'running',
  launchedAt: NOW - 10 * MINUTE,
  installs: true,
  agent: ONLINE,
  isInterrupted: false,
  replacement: undefined,
  consoleOutput: undefined,
  ...change,
});

const sentences = (change: Partial<ObservedBastion>): readonly string[] =>
  bastionFindings(observed(change), NOW).map((finding) => `${finding.id}: ${sentenceOf(finding)}`);

describe('a bastion without a finding', () => {
  it.each<readonly [string, Partial<ObservedBastion>]>([
    ['is online', {}],
    ['is still booting', { agent: null, launchedAt: NOW - 4 * MINUTE }],
    [
      'still prints the lines of its boot',
      { agent: null, launchedAt: NOW - 4 * MINUTE, consoleOutput: 'fargate-connect: preparing\r\n' },
    ],
    ['has an agent whose state may not be read', { agent: undefined, isInterrupted: undefined }],
    ['does not run', { state: 'shutting-down', agent: LOST, isInterrupted: true }],
  ])('%s', (_, change) => {
    expect(sentences(change)).toEqual([]);
  });
});

describe('a bastion with a finding', () => {
  it.each<readonly [string, Partial<ObservedBastion>, string]>([
    [
      'is interrupted, and nothing replaces it yet',
      { isInterrupted: true },
      'bastion-interrupted: EC2 interrupts i-1 within two minutes: a running forward replaces it',
    ],
    [
      'is interrupted and replaced',
      { isInterrupted: true, replacement: 'i-2' },
      'bastion-interrupted: EC2 interrupts i-1 within two minutes: i-2 takes its place',
    ],
    ['has lost its agent', { agent: LOST }, 'agent-lost: the agent of i-1 has lost its connection 12m ago'],
    [
      'has lost its agent at an unknown time',
      { agent: { pingStatus: 'ConnectionLost', lastPingAt: undefined } },
      'agent-lost: the agent of i-1 has lost its connection',
    ],
    [
      'has no agent after five minutes',
      { agent: null, launchedAt: NOW - 5 * MINUTE },
      'agent-not-online: the agent of i-1 did not come online in time',
    ],
    [
      'reports that its boot script failed, however young it is',
      {
        agent: null,
        launchedAt: NOW - MINUTE,
        consoleOutput: 'fargate-connect: FAILED rpm refused session-manager-plugin\r\n',
      },
      "boot-failed: the bastion's boot script failed: rpm refused session-manager-plugin",
    ],
    [
      'reports that its agent was denied an action',
      {
        agent: null,
        consoleOutput:
          'fargate-connect: FAILED agent refused: User: arn:aws:sts::1:assumed-role/dev/i-1 is not authorized to perform: ssmmessages:CreateControlChannel\r\n',
      },
      'agent-denied: the agent of i-1 was refused: its role dev may not call ssmmessages:CreateControlChannel',
    ],
  ])('%s', (_, change, sentence) => {
    expect(sentences(change)).toEqual([sentence]);
  });

  it('that is interrupted without an agent has both', () => {
    expect(bastionFindings(observed({ isInterrupted: true, agent: LOST }), NOW).map(({ id }) => id)).toEqual([
      'bastion-interrupted',
      'agent-lost',
    ]);
  });
});

it.each([
  [ONLINE, 'running', false],
  [LOST, 'running', true],
  [null, 'running', true],
  [null, 'pending', false],
  [undefined, 'running', false],
] as const)('agent %j in state %s: the console can tell more: %j', (agent, state, expected) => {
  expect(needsConsole({ agent, state })).toBe(expected);
});
