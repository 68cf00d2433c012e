import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { text } from '../../core/bytes.ts';
import { failed } from '../../core/errors.ts';
import { localFault, remoteFault } from './copy-faults.ts';
import { assignBytes, baseName, percentB, shownPath } from './copy-paths.ts';
import { CopyProgress, describeBytes } from './copy-progress.ts';
import { BLOCK, call, COPY_STATUS, type CopyTools, hasSum } from './copy-script.ts';
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
  const sent = await sendTo(source, target, baseName(source.path), progress, sessions);
  const result: CopiedFile = { source: shown, bytes: source.size, ...sent, ms: clock.now() - startedAt };
  progress.done(describeCopy(result));
  return result;
}

/** Copies one file to `target`, or as `name` into it if it is a folder. */
export async function sendTo(
  source: LocalSource,
  target: Uint8Array,
  name: Uint8Array,
  progress: CopyProgress,
  sessions: CopySessions,
): Promise<Pick<CopiedFile, 'target' | 'sha256' | 'verified' | 'resumedAt' | 'notKept'>> {
  const before = progress.bytes;
  const part = partName(`${source.identity} ${Buffer.from(target).toString('hex')}`);
  for (let mayResume = true; ; mayResume = false) {
    const { opened, isDamaged, ...placed } = await sessions.repeatAfterLoss(async (session) => {
      const open = await openPart(session, target, name, part, mayResume, source.size);
      progress.reset(before + open.offset);
      const hash = await sendFile(session, source, open.offset, progress, sessions);
      return { ...(await place(session, hash, source, open)), opened: open };
    });
    if (!isDamaged) return { ...placed, target: opened.path, resumedAt: opened.offset };
    // Otherwise the bytes of an earlier run were not those of this file.
    if (opened.offset === 0) throw uploadDamaged(opened.path);
  }
}

/**
 * Sends a small file with all its requests at once, so that nothing waits for an answer between them. Resolves with the
 * attributes that could not be set.
 */
export async function sendSmallFile(
  { shell, tools }: PreparedShell,
  content: Uint8Array,
  target: Uint8Array,
  { mode, mtime }: { readonly mode: number; readonly mtime: number },
): Promise<readonly string[]> {
  checkTools(tools);
  const shown = shownPath(target);
  const hash = createHash('sha256').update(content);
  const part = partName(`small ${Buffer.from(target).toString('hex')}`);
  const isCounted = tools.dd === 'counted';
  const opening = shell.request(openRequest(target, new Uint8Array(0), part, false));
  const taking =
    content.byteLength === 0
      ? undefined
      : shell.request(takeRequest(isCounted, content.byteLength, content.byteLength));
  if (taking !== undefined) {
    const sending = shell.write(isCounted ? content : Buffer.concat([linesOf(content), Buffer.from('.\n')]));
    sending.catch(() => undefined);
  }
  const placing = place({ shell, tools }, hash, { mode, mtime }, { offset: 0, path: shown });
  placing.catch(() => undefined);
  taking?.catch(() => undefined);
  const opened = await opening;
  if (opened.status !== 0) throw openFault(opened, shown);
  const taken = await taking;
  if (taken !== undefined && taken.status !== 0) throw remoteFault('write', shown, taken.error);
  const { isDamaged, notKept } = await placing;
  if (isDamaged) throw uploadDamaged(shown);
  return notKept;
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
  if (placed.isDamaged) throw uploadDamaged(opened.path);
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
  checkTools(tools);
  const shown = shownPath(target);
  const open = async (resume: boolean): Promise<OpenPart> => {
    const answer = await shell.request(openRequest(target, name, part, resume));
    if (answer.status !== 0) throw openFault(answer, shown);
    const [offset = '', ...path] = text(answer.output).split('\n');
    return { offset: Number(offset.trim()), path: path.join('\n').replace(/\n$/, '') };
  };
  const opened = await open(mayResume);
  return opened.offset <= size ? opened : open(false);
}

function checkTools({ tools }: CopyTools): void {
  for (const tool of ['mv', 'rm']) if (!tools.has(tool)) throw toolMissing(tool);
}

const openRequest = (target: Uint8Array, name: Uint8Array, part: string, resume: boolean): string =>
  `${assignBytes('fc_b', name)}; ${callOn(target, 'fc_open')} "$fc_b" ${part} ${resume ? 'resume' : 'anew'}`;

const takeRequest = (isCounted: boolean, total: number, length: number): string =>
  isCounted ? call('fc_take', total, Math.floor(length / BLOCK), length % BLOCK) : call('fc_lines', total);

function openFault({ status, error }: Answer, path: string): Error {
  switch (status) {
    case COPY_STATUS.noSuchFolder:
      return folderMissing(path.slice(0, path.lastIndexOf('/') + 1), 'container');
    case COPY_STATUS.folderInTheWay:
      return folderInTheWay(path);
    case COPY_STATUS.linkUnresolved:
      return failed('copy-failed', `${path} is a link that could not be resolved in the container`, {
        details: { path, side: 'container', systemText: error },
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

const uploadDamaged = (path: string): Error =>
  failed('copy-damaged', `what arrived is not what was sent: the SHA-256 of ${path} differs`, {
    details: { path },
  });

const toolMissing = (tool: string): Error =>
  failed('copy-tool-missing', `the image has no ${tool}, which cp needs`, { details: { tool } });
