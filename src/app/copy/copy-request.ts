import { usage } from '../../core/errors.ts';

/** One side of a copy, as typed. Paths are bytes: a name need not be UTF-8. */
export type CopyPlace =
  | { readonly kind: 'local'; readonly path: Uint8Array }
  /** stdin or stdout. */
  | { readonly kind: 'stream' }
  /** `service` is empty where only a path follows the colon: then the settings name the service or the task. */
  | { readonly kind: 'remote'; readonly service: string; readonly path: Uint8Array };

export type CopyRequest =
  | {
      readonly direction: 'up';
      readonly service: string;
      readonly sources: readonly Exclude<CopyPlace, { kind: 'remote' }>[];
      readonly target: Uint8Array;
    }
  | {
      readonly direction: 'down';
      readonly service: string;
      readonly sources: readonly Uint8Array[];
      readonly target: Exclude<CopyPlace, { kind: 'remote' }>;
    };

const FORMS = ['FILE... SERVICE:PATH', 'SERVICE:PATH... FILE|DIR', '- SERVICE:PATH', 'SERVICE:PATH -'];
const expected = { details: { expected: `cp ${FORMS.join(', or cp ')}` } };

/**
 * Reads the arguments of `cp`. An argument with a colon before its first slash is a path in a container. Throws usage
 * `copy-arguments`.
 */
export function parseCopy(words: readonly Uint8Array[], isWindows = false): CopyRequest {
  const places = words.map((word) => parsePlace(word, isWindows));
  const target = places.at(-1);
  if (target === undefined || places.length < 2)
    throw usage('copy-arguments', 'cp needs a source and a target', expected);
  const sources = places.slice(0, -1);
  if (target.kind === 'remote') {
    const local = sources.flatMap((source) => (source.kind === 'remote' ? [] : [source]));
    if (local.length < sources.length)
      throw usage('copy-arguments', 'cp does not copy from one container to another', expected);
    if (local.filter(({ kind }) => kind === 'stream').length > 0 && local.length > 1)
      throw usage('copy-arguments', '- (stdin) cannot be one of several sources', expected);
    return { direction: 'up', service: target.service, sources: local, target: target.path };
  }
  const remote = sources.flatMap((source) => (source.kind === 'remote' ? [source] : []));
  const [first] = remote;
  if (first === undefined)
    throw usage('copy-arguments', 'no argument names a container: a path in one is SERVICE:PATH', expected);
  if (remote.length < sources.length)
    throw usage('copy-arguments', 'the sources are of this machine and of a container', expected);
  const other = remote.find(({ service }) => service !== first.service);
  if (other !== undefined)
    throw usage(
      'copy-arguments',
      `the sources are of two services: ${first.service} and ${other.service}`,
      expected,
    );
  if (target.kind === 'stream' && remote.length > 1)
    throw usage('copy-arguments', 'only one source can be written to - (stdout)', expected);
  return {
    direction: 'down',
    service: first.service,
    sources: remote.map(({ path }) => path),
    target,
  };
}

/** A colon in the ARN of a service is not the one before the path. */
const SERVICE_ARN = /^(arn:[^:/]*:ecs:[^:/]*:[^:/]*:service\/[^:]+):/;

function parsePlace(word: Uint8Array, isWindows: boolean): CopyPlace {
  // One character for each byte, so that positions are those of the bytes.
  const text = Buffer.from(word).toString('latin1');
  if (text === '') throw usage('copy-arguments', 'an argument is empty', expected);
  if (text === '-') return { kind: 'stream' };
  const arn = SERVICE_ARN.exec(text)?.[1];
  if (arn !== undefined) return { kind: 'remote', service: arn, path: word.subarray(arn.length + 1) };
  const colon = text.indexOf(':');
  const slash = text.search(isWindows ? /[/\\]/ : /\//);
  const isDrive = isWindows && /^[A-Za-z]:/.test(text);
  if (colon === -1 || (slash !== -1 && slash < colon) || isDrive) return { kind: 'local', path: word };
  const service = text.slice(0, colon);
  if (!/^[\w-]*$/.test(service))
    throw usage('copy-arguments', `${service} is no name of a service; a file of this machine is ./NAME`, {
      details: { expected: `./${Buffer.from(word).toString('utf8')} for a file of this machine` },
    });
  return { kind: 'remote', service, path: word.subarray(colon + 1) };
}
