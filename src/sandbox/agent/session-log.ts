import { formatArn } from '../../core/arn.ts';
import type { SeedExecLogging } from '../seed-shapes.ts';
import type { LogStore } from '../world/log-store.ts';
import type { AgentRole } from './agent-role.ts';

/**
 * Transcripts of sessions. The agent reads their settings before the session begins and uploads them after its end,
 * both with its own role (amazon-ssm-agent: session/shell/shell.go, cloudwatchlogsservice.go, s3util.go).
 */

export interface SessionLogOptions {
  readonly logging: SeedExecLogging;
  readonly store: LogStore;
  readonly role: AgentRole;
  readonly sessionId: string;
  readonly region: string;
  readonly accountId: string;
}

/** The part of one session's transcript beyond this is not kept. */
const MAX_BYTES = 4 * 1024 * 1024;
const notEncrypted = (what: string, choice: string): string =>
  `We couldn't start the session because encryption is not set up on the selected ${what}. ` +
  `Either encrypt the ${choice} or choose an option to enable logging without encryption.`;

export class SessionLog {
  readonly #options: SessionLogOptions;
  readonly #parts: Uint8Array[] = [];
  #bytes = 0;

  constructor(options: SessionLogOptions) {
    this.#options = options;
  }

  /** Why the session must not begin, as the user reads it; undefined if it may begin. */
  validate(): string | undefined {
    const { logging, role, store } = this.#options;
    const { cloudWatchLogGroupName: group, s3BucketName: bucket } = logging;
    // The agent treats a refused DescribeLogGroups as a group that does not exist, and such a group as one that is
    // not encrypted.
    if (group !== undefined && logging.cloudWatchEncryptionEnabled) {
      const isEncrypted = this.#seesGroups() && store.isGroupEncrypted(group) === true;
      if (!isEncrypted) return notEncrypted('CloudWatch Logs log group', 'log group');
    }
    if (bucket !== undefined && logging.s3EncryptionEnabled) {
      const refusal = role.refusal(
        's3:GetEncryptionConfiguration',
        formatArn({ service: 's3', resource: bucket }),
      );
      const error =
        refusal === undefined
          ? store.isBucketEncrypted(bucket) === undefined
            ? 'NoSuchBucket: The specified bucket does not exist\n\tstatus code: 404'
            : undefined
          : 'AccessDenied: Access Denied\n\tstatus code: 403';
      if (error !== undefined)
        return `Couldn't start the session because we are unable to validate encryption on Amazon S3 bucket. Error: ${error}`;
      if (store.isBucketEncrypted(bucket) !== true) return notEncrypted('Amazon S3 bucket', 'bucket');
    }
    return undefined;
  }

  record(bytes: Uint8Array): void {
    if (this.#bytes >= MAX_BYTES) return;
    this.#bytes += bytes.byteLength;
    this.#parts.push(bytes);
  }

  /** Writes the transcript. Only the agent's own log shows a refusal here. */
  upload(): void {
    const text = Buffer.concat(this.#parts).toString('utf8');
    const { logging, role, store, sessionId } = this.#options;
    const { cloudWatchLogGroupName: group, s3BucketName: bucket, s3KeyPrefix: prefix } = logging;
    if (bucket !== undefined) {
      const key = [prefix, `${sessionId}.log`].filter((part) => part !== undefined && part !== '').join('/');
      if (
        role.refusal('s3:PutObject', formatArn({ service: 's3', resource: `${bucket}/${key}` })) === undefined
      )
        store.putObject(bucket, key, text);
    }
    if (group === undefined || !this.#seesGroups()) return;
    const stream = this.#arn(`${group}:log-stream:${sessionId}`);
    if (role.refusal('logs:CreateLogStream', stream) !== undefined) return;
    store.createStream(group, sessionId);
    // The real agent also calls DescribeLogStreams for a sequence token, and goes on without one: PutLogEvents needs
    // none any more.
    if (role.refusal('logs:PutLogEvents', stream) === undefined) store.putEvents(group, sessionId, text);
  }

  #seesGroups(): boolean {
    return this.#options.role.refusal('logs:DescribeLogGroups', this.#arn(':log-stream:')) === undefined;
  }

  #arn(group: string): string {
    const { region, accountId } = this.#options;
    return formatArn({ service: 'logs', region, account: accountId, resource: `log-group:${group}` });
  }
}
