import { singleQuoted } from '../../core/shell-words.ts';
import { failed } from '../../core/errors.ts';

/** Renders userdata/bastion.sh: quotes the parameters, embeds the files, and leaves out the parts that are not wanted. */

/** EC2's limit in bytes, before the encoding in base64. */
export const USER_DATA_LIMIT = 16 * 1024;

/** Contents of the files in userdata/ by name. `bastion.sh` is the one that is rendered. */
export type UserDataFiles = Readonly<Record<string, string>>;

/** The files that `renderUserData` may read. */
export const USER_DATA_FILES = [
  'bastion.sh',
  'ecs_connect.sh',
  'lease.sh',
  'interruption.sh',
  'session-manager-plugin-signing-key.asc',
] as const;

export interface UserDataParameters {
  readonly bastion: string;
  readonly region: string;
  /** Undefined renders the variant for tunnels only, which downloads nothing but security updates. */
  readonly cluster: string | undefined;
  /** Milliseconds since the epoch; or milliseconds after the boot, for a launch template that is used more than once. */
  readonly expiresAt: number | { readonly afterBootMs: number };
  /** 0 = never. */
  readonly idleMinutes: number;
  /**
   * Set for a subnet that reaches AWS over IPv6 only: the instance then uses the metadata service over IPv6, and the
   * agent calls AWS by the dual-stack names below that domain (`ssm.REGION.api.aws`); undefined = the usual names work
   * through NAT64.
   */
  readonly ipv6?: { readonly dualStackDomain: string | undefined } | undefined;
}

/** Puts the value into single quotes, in which bash interprets nothing. Throws `user-data-parameter` on control characters. */
export function shellQuote(value: string): string {
  if (/[\x00-\x1f\x7f]/.test(value)) {
    throw failed('user-data-parameter', `${JSON.stringify(value)} holds a control character`, {
      details: { value: JSON.stringify(value) },
    });
  }
  return singleQuoted(value);
}

/** The end of the lease in seconds since the epoch, as an expression in bash. */
const endOf = (expiresAt: UserDataParameters['expiresAt']): string =>
  typeof expiresAt === 'number'
    ? shellQuote(String(Math.ceil(expiresAt / 1000)))
    : `$(($(date +%s) + ${Math.ceil(expiresAt.afterBootMs / 1000)}))`;

/** Comment lines are removed, because EC2 limits the size of user data. */
const COMMENT = /^ *#(?!!)/;

/** Throws `user-data-file`, `user-data-too-large`, `user-data-parameter`. */
export function renderUserData(files: UserDataFiles, parameters: UserDataParameters): string {
  const { ipv6 } = parameters;
  const domain = ipv6?.dualStackDomain;
  const parts = new Set([
    ...(parameters.cluster === undefined ? [] : ['install']),
    ...(ipv6 === undefined ? [] : ['ipv6']),
    ...(domain === undefined ? [] : ['dual-stack']),
  ]);
  const values: Readonly<Record<string, string>> = {
    FC_BASTION: shellQuote(parameters.bastion),
    FC_REGION: shellQuote(parameters.region),
    FC_CLUSTER: shellQuote(parameters.cluster ?? ''),
    FC_EXPIRES_AT: endOf(parameters.expiresAt),
    FC_IDLE_MINUTES: shellQuote(String(parameters.idleMinutes)),
    ...(domain === undefined ? {} : { FC_DUAL_STACK: shellQuote(domain) }),
  };
  const lines = withoutParts(fileOf(files, 'bastion.sh').split('\n'), parts);
  const rendered = lines
    .flatMap((line) => {
      if (line === '#@parameters') return Object.entries(values).map(([name, value]) => `${name}=${value}`);
      const embedded = /^#@embed (\S+)$/.exec(line)?.[1];
      return embedded === undefined ? [line] : embeddedLines(files, embedded);
    })
    .filter((line) => !COMMENT.test(line))
    .join('\n');
  const size = Buffer.byteLength(rendered);
  if (size > USER_DATA_LIMIT) {
    throw failed('user-data-too-large', `the user data is ${size} bytes, EC2 takes ${USER_DATA_LIMIT}`, {
      details: { size, limit: USER_DATA_LIMIT },
    });
  }
  return rendered;
}

/** Removes the lines between `#@if PART` and `#@end`, which may be nested, unless `parts` has PART; and those two lines. */
function withoutParts(lines: readonly string[], parts: ReadonlySet<string>): readonly string[] {
  const within: string[] = [];
  return lines.filter((line) => {
    const part = /^#@if (\S+)$/.exec(line)?.[1];
    if (part !== undefined) within.push(part);
    else if (line === '#@end') within.pop();
    else return within.every((name) => parts.has(name));
    return false;
  });
}

function embeddedLines(files: UserDataFiles, name: string): readonly string[] {
  const text = fileOf(files, name);
  // A line like a here-document's delimiter would end it early.
  if (/^END_OF_[A-Z_]+$/m.test(text)) {
    throw failed('user-data-file', `userdata/${name} holds a line that ends a here-document`, {
      details: { file: name },
    });
  }
  return text.replace(/\n$/, '').split('\n');
}

function fileOf(files: UserDataFiles, name: string): string {
  const text = files[name];
  if (text !== undefined) return text;
  throw failed('user-data-file', `userdata/${name} is missing from this installation`, {
    details: { file: name },
  });
}
