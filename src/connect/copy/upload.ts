import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { text } from '../../core/bytes.ts';
import { failed } from '../../core/errors.ts';
import { localFault, remoteFault } from './copy-faults.ts';
import { baseName, percentB, shownPath } from './copy-paths.ts';
import { CopyProgress, describeBytes } from './copy-progress.ts';
import { BLOCK, call, COPY_STATUS, hasSum } from './copy-script.ts';
import type { CopySessions, PreparedShell } from './copy-sessions.ts';
import { folderInTheWay, folderMissing, type LocalSource, partName } from './local-files.ts';
import { callOn, touchTime } from './remote-files.ts';
import type { Answer } from './remote-shell.ts';
import type { CopiedFile } from './copied-file.ts';

/** Bytes of a stream of unknown length that are sent at a time. */
const STREAM_CHUNK = 1024 * 1024;
/** Bytes in one line for a container that cannot count bytes. */
const BYTES_PER_LINE = 256;

/** What the container has opened for a file. */
interface OpenPart {
  /** Bytes that an earlier session has left there. */
  readonly offset: number;
  readonly path: string;
}

/**
 * Copies one file into the container: to `target` if that is no folder there, else into it. Throws the errors of
 * copy-faults.ts, `copy-damaged`, `copy-changed`, and what ended the session.
 */
export async function uploadFile(
  source: LocalSource,
  target: Uint8Array,
  sessions: CopySessions,
): Promise<CopiedFile> {
  const { clock } = sessions.deps;
  const startedAt = clock.now();
  const shown = shownPath(source.path);
  const progress = new CopyProgress(sessions.deps, `copy ${shown}`, shown, source.size);
  const part = partName(`${source.identity} ${Buffer.from(target).toString('hex')}`);
  let mayResume = true;
  for (;;) {
    const copied = await sessions.survive(async (session) => {
      const opened = await openPart(session, target, baseName(source.path), part, mayResume, source.size);
      progress.skip(opened.offset);
      const hash = await sendFile(session, source, opened.offset, progress, sessions);
      return { ...(await place(session, hash, source, opened)), opened };
    });
    if (copied.isDamaged && mayResume && copied.opened.offset > 0) {
      // The bytes of an earlier run were not those of this file.
      mayResume = false;
      continue;
    }
    if (copied.isDamaged) throw damaged(copied.opened.path);
    const result: CopiedFile = {
      source: shown,
      target: copied.opened.path,
      bytes: source.size,
      sha256: copied.sha256,
      verified: copied.verified,
      resumedAt: copied.opened.offset,
      notKept: copied.notKept,
      ms: clock.now() - startedAt,
    };
    progress.done(describeCopy(result));
    return result;
  }
}

/** Copies a stream of unknown length into a file of the container; it cannot continue after a cut. */
export async function uploadStream(
  stream: Readable,
  target: Uint8Array,
  sessions: CopySessions,
): Promise<CopiedFile> {
  const { clock, random } = sessions.deps;
  const startedAt = clock.now();
  const progress = new CopyProgress(sessions.deps, 'copy -', 'stdin', undefined);
  const session = await sessions.main();
  const part = partName(Buffer.from(random.bytes(16)).toString('hex'));
  const opened = await openPart(session, target, new Uint8Array(0), part, false, 0);
  const hash = createHash('sha256');
  let bytes = 0;
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  const flush = async (): Promise<void> => {
    const chunk = Buffer.concat(waiting);
    [waiting, waitingBytes] = [[], 0];
    bytes += chunk.byteLength;
    hash.update(chunk);
    await take(session, bytes, chunk.byteLength, async (send) => send(chunk), opened.path);
    progress.add(chunk.byteLength);
  };
  for await (const chunk of stream) {
    waiting.push(chunk as Uint8Array);
    waitingBytes += (chunk as Uint8Array).byteLength;
    if (waitingBytes >= STREAM_CHUNK) await flush();
  }
  if (waitingBytes > 0) await flush();
  const placed = await place(session, hash, { mode: undefined, mtime: undefined }, opened);
  if (placed.isDamaged) throw damaged(opened.path);
  const result: CopiedFile = {
    source: '-',
    target: opened.path,
    bytes,
    sha256: placed.sha256,
    verified: placed.verified,
    resumedAt: 0,
    notKept: placed.notKept,
    ms: clock.now() - startedAt,
  };
  progress.done(describeCopy(result));
  return result;
}

/** `12.0 MB in 2.1s…` without the time, which the reporter adds. */
export const describeCopy = ({ bytes, target, verified, resumedAt, notKept }: CopiedFile): string =>
  [
    `${describeBytes(bytes)} to ${target}`,
    ...(resumedAt > 0 ? [`resumed at ${describeBytes(resumedAt)}`] : []),
    verified === 'sha256' ? 'SHA-256 verified' : verified === 'length' ? 'length verified' : 'not verified',
    ...(notKept.length === 0 ? [] : [`not kept: ${notKept.join(', ')}`]),
  ].join(', ');

async function openPart(
  { shell, tools }: PreparedShell,
  target: Uint8Array,
  name: Uint8Array,
  part: string,
  mayResume: boolean,
  size: number,
): Promise<OpenPart> {
  for (const tool of ['mv', 'rm']) if (!tools.tools.has(tool)) throw toolMissing(tool);
  const shown = shownPath(target);
  const open = async (resume: boolean): Promise<OpenPart> => {
    const base = name.byteLength === 0 ? '' : ` "$fc_b"`;
    const assign = `fc_b=$(printf '%b_' '${percentB(name)}'); fc_b=\${fc_b%_}`;
    const words = callOn(target, 'fc_open');
    const answer = await shell.request(
      `${assign}; ${words}${base === '' ? " ''" : base} ${part} ${resume ? 'resume' : 'anew'}`,
    );
    if (answer.status !== 0) throw openFault(answer, shown);
    const [offset = '', ...path] = text(answer.output).split('\n');
    return { offset: Number(offset.trim()), path: path.join('\n').replace(/\n$/, '') };
  };
  const opened = await open(mayResume);
  return opened.offset <= size ? opened : open(false);
}

function openFault({ status, error }: Answer, path: string): Error {
  switch (status) {
    case COPY_STATUS.noSuchFolder:
      return folderMissing(path, 'container');
    case COPY_STATUS.folderInTheWay:
      return folderInTheWay(path);
    case COPY_STATUS.linkUnresolved:
      return failed('copy-failed', `${path} is a link that could not be resolved in the container`, {
        details: { path, side: 'container', said: error },
      });
    case COPY_STATUS.notAFile:
      return failed('copy-not-a-file', `${path} exists in the container and is not a file`, {
        details: { path, side: 'container' },
      });
    default:
      return remoteFault('write', path, error);
  }
}

/** Sends the file from `offset` on; resolves with the hash of the whole file. */
async function sendFile(
  session: PreparedShell,
  { path, size }: LocalSource,
  offset: number,
  progress: CopyProgress,
  sessions: CopySessions,
): Promise<Hash> {
  const hash = createHash('sha256');
  const shown = shownPath(path);
  try {
    if (offset > 0)
      for await (const chunk of createReadStream(path, { end: offset - 1 })) hash.update(chunk as Uint8Array);
  } catch (error) {
    throw localFault('read', shown, error);
  }
  if (size === offset) return hash;
  await take(
    session,
    size,
    size - offset,
    async (send) => {
      let sent = 0;
      const stream = createReadStream(path, { start: offset, end: size - 1, highWaterMark: 4 * BLOCK });
      try {
        for await (const chunk of stream) {
          const bytes = chunk as Uint8Array;
          hash.update(bytes);
          await send(bytes);
          sent += bytes.byteLength;
          progress.add(bytes.byteLength);
          sessions.progressed();
        }
      } catch (error) {
        throw localFault('read', shown, error);
      }
      if (sent < size - offset)
        throw failed('copy-changed', `${shown} became shorter while it was copied`, {
          details: { path: shown },
        });
    },
    shown,
  );
  return hash;
}

/**
 * Appends `length` bytes, so that the temporary file has `total` bytes. The container's refusal is noticed while bytes
 * are still being sent. If sending fails, the session must be closed, because the container still expects the rest.
 */
async function take(
  { shell, tools }: PreparedShell,
  total: number,
  length: number,
  send: (send: (bytes: Uint8Array) => Promise<void>) => Promise<void>,
  path: string,
): Promise<void> {
  const isCounted = tools.dd === 'counted';
  const answer = shell.request(
    isCounted ? call('fc_take', total, Math.floor(length / BLOCK), length % BLOCK) : call('fc_lines', total),
  );
  let isOver = false;
  const ended = answer.finally(() => {
    isOver = true;
  });
  ended.catch(() => undefined);
  const sending = send(async (bytes) => {
    if (isOver) throw new EndedEarly();
    await Promise.race([shell.write(isCounted ? bytes : linesOf(bytes)), ended]);
  }).then(() => (isCounted ? undefined : shell.write(Buffer.from('.\n'))));
  try {
    await sending;
  } catch (error) {
    if (!(error instanceof EndedEarly)) {
      void shell.close();
      throw error;
    }
  }
  const { status, error } = await ended;
  if (status !== 0) throw remoteFault('write', path, error);
}

/** The container answered before it got all bytes. */
class EndedEarly extends Error {}

function linesOf(bytes: Uint8Array): Uint8Array {
  let lines = '';
  for (let start = 0; start < bytes.byteLength; start += BYTES_PER_LINE)
    lines += `=${percentB(bytes.subarray(start, start + BYTES_PER_LINE))}\n`;
  return Buffer.from(lines);
}

interface Placed {
  readonly isDamaged: boolean;
  readonly sha256: string;
  readonly verified: CopiedFile['verified'];
  readonly notKept: readonly string[];
}

/** Verifies what has arrived, and gives it its final name. */
async function place(
  { shell, tools }: PreparedShell,
  hash: Hash,
  { mode, mtime }: { readonly mode: number | undefined; readonly mtime: number | undefined },
  { path }: OpenPart,
): Promise<Placed> {
  const sha256 = hash.digest('hex');
  const isSummed = hasSum(tools);
  const answer = await shell.request(
    call(
      'fc_place',
      isSummed ? sha256 : '',
      mode === undefined ? '' : mode.toString(8),
      mtime === undefined ? '' : touchTime(mtime),
    ),
  );
  const notKept = text(answer.output).split('\n').filter(Boolean);
  const verified = isSummed ? 'sha256' : 'length';
  if (answer.status === COPY_STATUS.damaged) return { isDamaged: true, sha256, verified, notKept };
  if (answer.status !== 0) throw remoteFault('write', path, answer.error);
  return { isDamaged: false, sha256, verified, notKept };
}

export const damaged = (path: string): Error =>
  failed('copy-damaged', `what arrived is not what was sent: the SHA-256 of ${path} differs`, {
    details: { path },
  });

export const toolMissing = (tool: string): Error =>
  failed('copy-tool-missing', `the image has no ${tool}, which cp needs`, { details: { tool } });
