import { type InstanceLaunch, type Machine, MachineError } from '../../src/sandbox/contracts.ts';
import type { SandboxInstanceHost } from '../../src/sandbox/machines/instance-host.ts';

/** The agent is online after so many reads of the console, and the boot script has ended after so many. */
const READS_UNTIL_ONLINE = 2;
const READS_UNTIL_READY = 5;

interface Boot {
  reads: number;
  online(): void;
}

/**
 * Instances without programs, for tests of the order of API calls: whoever reads the console sees the lines of
 * userdata/bastion.sh. The boot advances with each read and not with time, so that `up` makes the same calls on a busy
 * machine. The real boot script costs more processor time than `up` itself; test/contract/provision/up-down.test.ts and
 * test/sandbox/machines/instance-host.test.ts run it.
 *
 * @param connect opens the TCP connections of these instances; absent = they reach nothing
 */
export function reportedBoots(connect?: Machine['connect']): SandboxInstanceHost {
  const boots = new Map<string, Boot>();
  return {
    async boot(launch) {
      launch.startAgent?.({ ssm: undefined, ssmmessages: undefined });
      const isOnline = await new Promise<boolean>((resolve) => {
        boots.set(launch.instanceId, { reads: 0, online: () => resolve(true) });
        launch.signal?.addEventListener('abort', () => resolve(false), { once: true });
      });
      return {
        machine: isOnline ? machineOf(launch, connect) : undefined,
        userDataExitCode: 0,
        stop: () => Promise.resolve(),
      };
    },
    consoleOutput(instanceId) {
      const boot = boots.get(instanceId);
      if (boot === undefined) return '';
      boot.reads++;
      if (boot.reads >= READS_UNTIL_ONLINE) boot.online();
      const lines = ['preparing bastion', ...(boot.reads < READS_UNTIL_READY ? [] : ['ready'])];
      return lines.map((line) => `fargate-connect: ${line}\r\n`).join('');
    },
    callsOf: () => [],
    rootOf: () => undefined,
    onConsole: () => undefined,
    close: () => Promise.resolve(),
  };
}

function machineOf({ instanceId }: InstanceLaunch, connect?: Machine['connect']): Machine {
  const none = (): Promise<never> =>
    Promise.reject(new MachineError('not-found', 'this instance has no programs'));
  return {
    kind: 'instance',
    target: instanceId,
    terminal: none,
    process: none,
    connect: connect ?? none,
    resolve: connect === undefined ? none : () => Promise.resolve(['127.0.0.1']),
  };
}
