import { type AuthorizationCheck, AwsError } from '../../contracts.ts';
import type { LogGroup, LogGroups, LogStream } from '../../world/log-groups.ts';
import { optionalText, requiredText } from '../members.ts';
import { resourceTagContext } from '../tags.ts';

type Input = Readonly<Record<string, unknown>>;

export const invalid = (message: string): AwsError => new AwsError('InvalidParameterException', message);
export const notFound = (what: string): AwsError =>
  new AwsError('ResourceNotFoundException', `The specified ${what} does not exist.`);
export const exists = (what: string): AwsError =>
  new AwsError('ResourceAlreadyExistsException', `The specified ${what} already exists`);

/** Finds the groups and streams that an operation's input names, and the resources of its permission checks. */
export class LogsLookup {
  readonly groups: LogGroups;
  readonly #arn: (resource: string) => string;

  constructor(groups: LogGroups, arn: (resource: string) => string) {
    this.groups = groups;
    this.#arn = arn;
  }

  groupArn(name: string): string {
    return this.#arn(`log-group:${name}`);
  }

  streamArn(group: string, stream: string): string {
    return this.#arn(`log-group:${group}:log-stream:${stream}`);
  }

  /** The name from `logGroupName`, or from `logGroupIdentifier` (a name or an ARN). Both or none is refused. */
  groupName(input: Input): string {
    const name = optionalText(input, 'logGroupName');
    const identifier = optionalText(input, 'logGroupIdentifier');
    if ((name === undefined) === (identifier === undefined))
      throw invalid('Exactly one of LogGroupName and LogGroupIdentifier must be specified.');
    return (name ?? identifier ?? '').replace(/^arn:[^/]*?:log-group:/, '').replace(/:\*$/, '');
  }

  group(input: Input): LogGroup {
    const group = this.groups.group(this.groupName(input));
    if (group === undefined) throw notFound('log group');
    return group;
  }

  stream(input: Input): LogStream {
    const stream = this.group(input).streams.get(
      requiredText(input, 'logStreamName', 'InvalidParameterException'),
    );
    if (stream === undefined) throw notFound('log stream');
    return stream;
  }

  /**
   * IAM checks a stream ARN also where the reference names the group (`log-group:NAME:log-stream:`, with an empty
   * stream for the whole group); so a policy needs `log-group:NAME:*`.
   */
  check(action: string, group: string, stream = ''): readonly AuthorizationCheck[] {
    return [
      {
        action: `logs:${action}`,
        resource: this.streamArn(group, stream),
        context: resourceTagContext(this.groups.group(group)?.tags ?? new Map<string, string>()),
      },
    ];
  }
}
