import { nameOfArn } from '../../../core/arn.ts';
import type { Clock } from '../../../core/clock.ts';
import { AwsCallError, callAws } from './signed-call.ts';
import type { StandIn, StandInResult } from './stand-in-server.ts';

/**
 * Official programs of the host, by absolute path. If a path is given, the stand-in starts that program in its place.
 */
export interface HostTools {
  readonly aws?: string;
  readonly sessionManagerPlugin?: string;
}

type Answer = Readonly<Record<string, unknown>>;
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const record = (value: unknown): Answer =>
  typeof value === 'object' && value !== null ? (value as Answer) : {};

/** The queries that `ecs_connect.sh` uses; JMESPath in full is not supported. */
const QUERIES: Readonly<Record<string, (answer: Answer) => readonly (readonly unknown[])[]>> = {
  'taskArns[]': (answer) => [list(answer['taskArns'])],
  'serviceArns[]': (answer) => [list(answer['serviceArns'])],
  "tasks[0].containers[].[name,lastStatus,managedAgents[?name=='ExecuteCommandAgent']|[0].lastStatus]": (
    answer,
  ) =>
    list(record(list(answer['tasks'])[0])['containers']).map((item) => {
      const container = record(item);
      const agent = list(container['managedAgents'])
        .map(record)
        .find((candidate) => candidate['name'] === 'ExecuteCommandAgent');
      return [container['name'], container['lastStatus'], agent?.['lastStatus']];
    }),
};

/** For each command of the built-in client: the operation, and its input built from the options. */
const COMMANDS: Readonly<
  Record<
    string,
    { readonly operation: string; input(options: ReadonlyMap<string, readonly string[]>): unknown }
  >
> = {
  'list-tasks': {
    operation: 'ListTasks',
    input: (options) => ({
      cluster: first(options, 'cluster'),
      serviceName: first(options, 'service-name'),
      desiredStatus: first(options, 'desired-status'),
    }),
  },
  'list-services': {
    operation: 'ListServices',
    input: (options) => ({ cluster: first(options, 'cluster') }),
  },
  'describe-tasks': {
    operation: 'DescribeTasks',
    input: (options) => ({ cluster: first(options, 'cluster'), tasks: options.get('tasks') ?? [] }),
  },
  'execute-command': {
    operation: 'ExecuteCommand',
    input: (options) => ({
      cluster: first(options, 'cluster'),
      task: first(options, 'task'),
      container: first(options, 'container'),
      command: first(options, 'command'),
      interactive: true,
    }),
  },
};

const first = (options: ReadonlyMap<string, readonly string[]>, name: string): string | undefined =>
  options.get(name)?.[0];

/**
 * The stand-in `aws`: it starts the host's official client if there is one, and otherwise implements the four `aws
 * ecs` commands that `ecs_connect.sh` uses. In both cases calls are signed with the credentials of the instance's
 * role.
 */
export function createAwsCli(
  environment: () => Readonly<Record<string, string>>,
  tools: HostTools,
  clock: Clock,
): StandIn {
  return async (call): Promise<StandInResult> => {
    if (tools.aws !== undefined) return { run: tools.aws, args: call.args, env: environment() };
    if (call.args.includes('--version'))
      return { code: 0, stdout: 'aws-cli/2.33.15 (stand-in of the fargate-connect sandbox)\n' };
    const [service, name = ''] = call.args;
    const command = COMMANDS[name];
    const options = optionsOf(call.args.slice(2));
    const query = first(options, 'query');
    const render = query === undefined ? undefined : QUERIES[query];
    if (service !== 'ecs' || command === undefined || (query !== undefined && render === undefined))
      return {
        code: 252,
        stderr: `aws: the sandbox has no official AWS CLI to run this: ${call.args.slice(0, 2).join(' ')}\n`,
      };
    const env = environment();
    const ecs = (operation: string, input: unknown): Promise<Answer> =>
      callAws(env, clock.now(), {
        service: 'ecs',
        target: `AmazonEC2ContainerServiceV20141113.${operation}`,
        input,
      });
    try {
      const answer = await ecs(command.operation, command.input(options));
      if (command.operation !== 'ExecuteCommand')
        return {
          code: 0,
          stdout:
            render === undefined ? `${JSON.stringify(answer, undefined, 4)}\n` : textRows(render(answer)),
        };
      const described = await ecs('DescribeTasks', {
        cluster: first(options, 'cluster'),
        tasks: [first(options, 'task')],
      });
      call.io.stdout(
        '\nThe Session Manager plugin was installed successfully. Use the AWS CLI to start a session.\n\n',
      );
      return startPlugin(answer, targetOf(described, first(options, 'container')), env);
    } catch (error) {
      if (!(error instanceof AwsCallError)) throw error;
      return {
        code: 254,
        stderr: `\nAn error occurred (${error.code}) when calling the ${command.operation} operation: ${error.message}\n`,
      };
    }
  };
}

/** `--name value…` and flags; a value may be missing. */
function optionsOf(args: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const options = new Map<string, string[]>();
  let values: string[] = [];
  let single = false;
  for (const word of args) {
    if (word.startsWith('--') && !(single && values.length === 0)) {
      const [name = '', value] = word.slice(2).split(/=(.*)/s);
      values = value === undefined ? [] : [value];
      // The value of --command may itself begin with dashes.
      single = name === 'command';
      options.set(name, values);
    } else values.push(word);
  }
  return options;
}

/** Formats `--output text`: one line for each row, tabs between columns, None for missing values. */
function textRows(rows: readonly (readonly unknown[])[]): string {
  return rows
    .map((row) => `${row.map((value) => (typeof value === 'string' ? value : 'None')).join('\t')}\n`)
    .join('');
}

function targetOf(described: Answer, container: string | undefined): string {
  const task = record(list(described['tasks'])[0]);
  const found = list(task['containers'])
    .map(record)
    .find((candidate) => candidate['name'] === container);
  const last = (value: unknown): string => (typeof value === 'string' ? nameOfArn(value) : '');
  return `ecs:${last(task['clusterArn'])}_${last(task['taskArn'])}_${last(found?.['runtimeId'])}`;
}

/** Starts the plugin in place of this program, with its secrets in the environment and not in the arguments. */
function startPlugin(answer: Answer, target: string, env: Readonly<Record<string, string>>): StandInResult {
  const session = record(answer['session']);
  const response = {
    SessionId: session['sessionId'],
    StreamUrl: session['streamUrl'],
    TokenValue: session['tokenValue'],
  };
  return {
    run: 'session-manager-plugin',
    args: [
      'AWS_SSM_START_SESSION_RESPONSE',
      env['AWS_REGION'] ?? '',
      'StartSession',
      '',
      JSON.stringify({ Target: target }),
      env['AWS_ENDPOINT_URL'] ?? '',
    ],
    env: { ...env, AWS_SSM_START_SESSION_RESPONSE: JSON.stringify(response) },
  };
}
