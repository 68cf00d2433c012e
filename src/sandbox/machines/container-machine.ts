import { nameOfArn } from '../../core/arn.ts';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type ContainerLaunch, type ContainerMachine, MachineError } from '../contracts.ts';
import type { NetworkPlace, VpcNetwork } from '../world/vpc-network.ts';
import { privateDnsName } from '../world/vpc-network.ts';
import type { Confinement } from './confinement.ts';
import { ContainerNames } from './container-names.ts';
import { createMachineRoot, findProgram, SYSTEM_PATH } from './machine-root.ts';
import { startProcess } from './process.ts';
import { installHostPrograms } from './stand-ins/host-programs.ts';
import { splitCommand } from './split-command.ts';
import { startTerminal, type Program } from './terminal.ts';

/**
 * A container: real processes in a directory of their own. As in Fargate the agent starts a command without a shell
 * (split into words); without a command it starts `/bin/sh`.
 */
export function createContainerMachine(
  launch: ContainerLaunch,
  network: VpcNetwork,
  confinement?: Confinement,
): ContainerMachine {
  const root = createMachineRoot('container');
  const app = join(root.path, 'app');
  const home = join(root.path, 'root');
  for (const directory of [app, home, join(root.path, 'tmp')]) mkdirSync(directory, { recursive: true });
  for (const [name, content, mode] of filesOf(launch)) root.write(name, content, mode);
  const searchPath = [installHostPrograms(root), ...SYSTEM_PATH];
  const env = root.environment(environmentOf(launch, home, searchPath));
  const place: NetworkPlace = { privateIp: launch.privateIp, securityGroupIds: launch.securityGroupIds };

  // Only a confined container has an /etc/hosts of its own.
  const names =
    confinement === undefined
      ? undefined
      : new ContainerNames(network, place, (hosts) => root.write('etc/hosts', hosts));
  const confined = (program: Program): Program => confinement?.wrap(program, root.path) ?? program;

  const programOf = (words: readonly string[]): Program => {
    const [name = '', ...args] = words;
    const file = findProgram(name, searchPath, app);
    if (file === undefined) throw new MachineError('not-found', notStarted(name));
    return confined({ file, args, cwd: app, env });
  };

  return {
    kind: 'container',
    target: launch.target,
    async terminal({ command, columns, rows }) {
      await names?.open();
      return startTerminal(programOf(splitCommand(command ?? '/bin/sh')), { columns, rows });
    },
    async process(command) {
      await names?.open();
      return startProcess(programOf(splitCommand(command)));
    },
    async startMain() {
      await names?.open();
      const [name = '', ...args] = launch.container.command;
      const file = findProgram(name, searchPath, app);
      return file === undefined ? undefined : startProcess(confined({ file, args, cwd: app, env }));
    },
    connect: (host, port) => network.connect(host, port, place),
    resolve: async (host) => network.resolve(host, place),
    stop: async () => {
      names?.close();
      await root.remove();
    },
  };
}

/**
 * The message of the official agent (transcript b4) for a program that cannot be started, without its beginning
 * `Unable to start command: `.
 */
function notStarted(name: string): string {
  return name.includes('/')
    ? `Failed to start pty: fork/exec ${name}: no such file or directory`
    : `Failed to start pty: exec: "${name}": executable file not found in $PATH`;
}

/**
 * The variables that the container agent and the task definition set in a container. The value of a secret without a
 * source is a placeholder that names it.
 */
function environmentOf(
  launch: ContainerLaunch,
  home: string,
  searchPath: readonly string[],
): Record<string, string> {
  const runtimeId = launch.target.slice(launch.target.lastIndexOf('_') + 1);
  const secrets = launch.container.secretNames.map((name) => [
    name,
    launch.secrets?.[name] ?? `sandbox-secret-${name.toLowerCase()}`,
  ]);
  return {
    PATH: searchPath.join(':'),
    HOME: home,
    HOSTNAME: privateDnsName(launch.privateIp, launch.region),
    PS1: `${launch.container.name}:$ `,
    AWS_EXECUTION_ENV: 'AWS_ECS_FARGATE',
    AWS_REGION: launch.region,
    AWS_DEFAULT_REGION: launch.region,
    AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: `/v2/credentials/${runtimeId.slice(0, 8)}-0000-4000-8000-${runtimeId.slice(8, 20)}`,
    ECS_CONTAINER_METADATA_URI: `http://169.254.170.2/v3/${runtimeId}`,
    ECS_CONTAINER_METADATA_URI_V4: `http://169.254.170.2/v4/${runtimeId}`,
    ECS_AGENT_URI: `http://169.254.170.2/api/${runtimeId}`,
    ...launch.container.environment,
    ...Object.fromEntries(secrets),
  };
}

type File = readonly [name: string, content: string, mode?: number];

function filesOf(launch: ContainerLaunch): readonly File[] {
  const { container, taskDefinition } = launch;
  const task = nameOfArn(launch.taskArn);
  return [
    // Distributions set PS1 again for interactive bash; .bashrc in the home directory is read last.
    ['root/.bashrc', `PS1='${container.name}:\\$ '\n`],
    [
      'app/config.json',
      `${JSON.stringify({ service: launch.service, container: container.name, ports: container.ports, feature: { newCheckout: false } }, undefined, 2)}\n`,
    ],
    ['app/VERSION', `${container.image}\n`],
    ['app/start.sh', `#!/bin/sh\nexec ${container.command.join(' ') || 'sleep infinity'}\n`, 0o755],
    [
      'app/log/app.log',
      [
        `INFO  ${taskDefinition.family}:${taskDefinition.revision} container ${container.name} starting`,
        ...container.ports.map((port) => `INFO  listening on 0.0.0.0:${port}`),
        'WARN  connection pool: 9 of 10 busy',
        'ERROR order 7 stuck: payment provider timed out after 30000 ms',
        '',
      ].join('\n'),
    ],
    ['etc/hostname', `${privateDnsName(launch.privateIp, launch.region)}\n`],
    ['etc/ecs-task', `${launch.cluster}/${task}\n`],
  ];
}
