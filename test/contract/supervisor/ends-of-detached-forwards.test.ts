import { TerminateInstancesCommand } from '@aws-sdk/client-ec2';
import { EventEmitter, once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { StartRequest } from '../../../src/app/supervisor/control-messages.ts';
import type { ForwardProcess } from '../../../src/app/supervisor/detached-forward.ts';
import { type ControlConnection, Supervisor } from '../../../src/app/supervisor/supervisor.ts';
import {
  listDetached,
  startDetached,
  type SupervisorAccess,
} from '../../../src/app/supervisor/supervisor-client.ts';
import { runCli } from '../../../src/cli/run-cli.ts';
import { controlSocket, supervisorAccess } from '../../../src/cli/supervisor/supervisor-access.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { cli, hurried } from '../../support/cli-in-process.ts';
import { until } from '../../support/eventually.ts';
import { FakeSignals, fakeDeps } from '../../support/fake-deps.ts';
import { reportedBoots } from '../../support/reported-boots.ts';
import { sandboxClients } from '../../support/sandbox-clients.ts';
import { testSandbox } from '../../support/test-sandbox.ts';

/** Detached forwards end with the lease of their bastion, and when their person signs out. */

const database = createServer((socket) => {
  socket.on('error', () => undefined);
  socket.on('data', (bytes) => socket.write(bytes));
});
beforeAll(() => new Promise<void>((resolve) => void database.listen(0, '127.0.0.1', resolve)));
afterAll(() => void database.close());

const sandbox = testSandbox({
  timing: { instancePendingMs: 10, instanceShutdownMs: 10, profilePropagationMs: 15 },
  machines: {
    instanceHost: reportedBoots(async () => {
      const socket = connect((database.address() as AddressInfo).port, '127.0.0.1');
      await once(socket, 'connect');
      return socket;
    }),
  },
});

const requestOf = (argv: readonly string[]): StartRequest => ({
  type: 'start',
  name: 'orders',
  identity: 'same',
  argv,
  cwd: '/',
  env: {},
  listeners: 1,
});

/** The command line in this process, as the process of a forward. */
function processOf(argv: readonly string[]): ForwardProcess {
  const signals = new FakeSignals();
  return {
    pid: process.pid,
    stop: () => signals.raise('SIGTERM'),
    watch(onLine, onEnd) {
      const lines = (): ((text: string) => void) => {
        let seen = 0;
        return (text) => {
          const end = text.lastIndexOf('\n') + 1;
          const complete = text.slice(seen, end).split('\n').slice(0, -1);
          seen = end;
          for (const line of complete) onLine(line);
        };
      };
      void cli(argv, {
        env: sandbox().env,
        clock: hurried(300),
        signals,
        onStdout: lines(),
        onStderr: lines(),
      }).then(({ status }) => onEnd({ exitStatus: status, reason: `exit status ${status}` }));
    },
  };
}

/** A supervisor that is reached without a socket. */
function accessTo(supervisor: Supervisor): SupervisorAccess {
  return {
    clock: systemClock,
    path: 'none',
    ensure: () => Promise.resolve(),
    connect() {
      const [ours, theirs] = [new EventEmitter(), new EventEmitter()];
      const end = (own: EventEmitter, other: EventEmitter): ControlConnection => ({
        write: (line) => void setImmediate(() => other.emit('bytes', Buffer.from(line))),
        end: () =>
          void setImmediate(() => {
            own.emit('close');
            other.emit('close');
          }),
        onBytes: (listener) => void own.on('bytes', listener),
        onClose: (listener) => void own.once('close', listener),
      });
      supervisor.accept(end(theirs, ours));
      return Promise.resolve(end(ours, theirs));
    },
  };
}

it('the end of the lease of its bastion ends a forward, whose reason stays in the list', async () => {
  const up = await cli(['up', '--cluster', 'demo', '--db', 'orders-db', '--yes'], {
    env: sandbox().env,
    clock: hurried(300),
  });
  expect(up.status, up.stderr).toBe(0);
  const access = accessTo(
    new Supervisor({
      clock: systemClock,
      version: '9',
      pid: process.pid,
      startProcess: ({ argv }) => processOf(argv),
      log: () => ({ path: 'none', write: () => undefined }),
    }),
  );
  const argv = 'forward -L 0:orders-db --via bastion --json --no-input --report-traffic'.split(' ');
  const { forward } = await startDetached(requestOf(argv), access, () => undefined);
  expect([forward.state, forward.listeners.map(({ via }) => via)]).toEqual(['open', ['bastion']]);
  // What lease.sh does at the end of the lease.
  const { ec2 } = sandboxClients(sandbox().env);
  const target = forward.listeners[0]?.target ?? '';
  await ec2.send(new TerminateInstancesCommand({ InstanceIds: [target] }));
  await until(async () => (await listDetached(access))[0]?.state === 'ended');
  expect(await listDetached(access)).toMatchObject([
    {
      name: 'orders',
      exitStatus: 3,
      reason: 'no bastion default runs in eu-west-1',
      listeners: [{ open: 0 }],
    },
  ]);
}, 120_000);

it.each(['SIGTERM', 'SIGHUP'] as const)(
  'signing out, which sends %s to the supervisor, ends its forwards and removes its socket',
  async (signal) => {
    const folder = mkdtempSync(join(tmpdir(), 'fc-sign-out-'));
    try {
      const env = { XDG_RUNTIME_DIR: folder, XDG_STATE_HOME: join(folder, 'state') };
      const signals: string[] = [];
      const deps = fakeDeps({
        env,
        startPiped: () => {
          let ended: Parameters<ForwardProcess['watch']>[1] = () => undefined;
          return {
            pid: 4_242,
            stop(name) {
              signals.push(name);
              ended({ exitStatus: 0, reason: 'exit status 0' });
            },
            watch(onLine, onEnd) {
              ended = onEnd;
              const local = { host: '127.0.0.1', port: 8_080 };
              const ready = {
                type: 'forward-ready',
                local,
                remote: { host: 'db', port: 5 },
                via: 'task',
                target: 't',
              };
              setImmediate(() => onLine(JSON.stringify(ready)));
            },
          };
        },
      });
      const supervisor = runCli(['__supervise', '--no-input'], { ...deps, clock: systemClock });
      const { path } = controlSocket(env);
      await until(() => existsSync(path));
      const access = supervisorAccess({ env, clock: systemClock, startDetached: undefined });
      await startDetached(requestOf(['forward', 'orders']), access, () => undefined);
      deps.signals.raise(signal);
      await supervisor;
      expect(signals).toEqual(['SIGTERM']);
      expect(existsSync(path)).toBe(false);
      expect(await listDetached(access)).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
