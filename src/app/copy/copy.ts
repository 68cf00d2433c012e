import type { Settings } from '../../config/settings.ts';
import type { CopiedFile } from '../../connect/copy/copied-file.ts';
import type { CopyRequest } from './copy-request.ts';
import type { CopyDeps, CopySessions } from '../../connect/copy/copy-sessions.ts';
import type { RunRemote } from '../../connect/copy/remote-shell.ts';
import type { Wanted } from '../../connect/target/discover.ts';
import { type ResolvedContainer, resolveContainer, startExec } from '../../connect/target/resolve.ts';
import { usage } from '../../core/errors.ts';
import { refuseWindows } from '../../connect/target/windows.ts';
import { containerPlace, startAt } from '../session/session-place.ts';
import type { Needs } from '../collaborators.ts';
import type { SessionNeeds } from '../session/container-session.ts';
import { channelDeps, resolveOptions, wantedOf, watchTasks } from '../session/session-setup.ts';

export interface CopyOptions {
  readonly request: CopyRequest;
  /** How many sessions may read one file at once. */
  readonly sessions: number;
  /** Links of a folder that lead outside of it are made too. */
  readonly keepLinks: boolean;
}

type CopyNeeds = SessionNeeds & Needs<'scope'> & { readonly settings: Pick<Settings, keyof Wanted> };

/**
 * Copies files into or out of a container through ECS Exec; yields each one when it has its final name. Throws what
 * `resolveContainer`, upload.ts and download.ts throw, `service-needed`, `plugin-unsupported`, `windows-container`.
 */
export async function* copyFiles(options: CopyOptions, deps: CopyNeeds): AsyncGenerator<CopiedFile> {
  const { request } = options;
  if (deps.settings.transport === 'plugin')
    throw usage('plugin-unsupported', 'the plugin changes bytes of what is copied');
  const resolving = await resolveOptions(deps, 'exec');
  const { withWholeName } = await import('../listing/whole-name.ts');
  const wanted = await wantedContainer(request.service, deps);
  const resolved = await withWholeName(wanted, 'container', deps, (whole) =>
    resolveContainer(whole, resolving),
  );
  refuseWindows(resolved.task, resolved.container, 'cp');
  const { CopySessions: Sessions } = await import('../../connect/copy/copy-sessions.ts');
  const { clock, random, report, signal } = deps;
  const runs = await runner(resolved, deps);
  const sessions = new Sessions({ clock, random, report, signal, ...runs });
  // On every exit path, so that no session stays open.
  deps.scope.add(() => sessions.close());
  const open = (): Promise<unknown> =>
    startAt(containerPlace(resolved), deps, () => sessions.repeatAfterLoss(async () => undefined));
  yield* request.direction === 'up'
    ? upload(request, sessions, open, deps)
    : download(request, options, sessions, open, deps);
  await sessions.close();
}

async function wantedContainer(service: string, deps: CopyNeeds): Promise<Wanted> {
  const wanted = wantedOf(deps.settings, service === '' ? undefined : service);
  if (wanted.service !== undefined || wanted.task !== undefined) return wanted;
  if (!deps.settings.input) throw usage('service-needed', 'cp needs a service or a task');
  const { pickContainer } = await import('../listing/pick.ts');
  return pickContainer(deps, wanted);
}

/** Starts sessions into the container, each with pipes as for `exec -- CMD`. */
async function runner(chosen: ResolvedContainer, deps: CopyNeeds): Promise<Pick<CopyDeps, 'run' | 'look'>> {
  const [{ execNonce, execScript }, { runCommandSession }, channel, options, watch] = await Promise.all([
    import('../../connect/session/exec-script.ts'),
    import('../../connect/session/command-session.ts'),
    channelDeps(deps),
    resolveOptions(deps, 'exec'),
    watchTasks(deps),
  ]);
  // All sessions lead to the task that the first one has reached.
  let resolved = chosen;
  const run =
    (command: readonly string[]): RunRemote =>
    async (terminal, signal) => {
      const { command: line, nonce } = execScript(
        command,
        execNonce((length) => deps.random.bytes(length)),
        'pipes',
      );
      const started = await startExec(resolved, line, options);
      resolved = { ...started.resolved, alternative: undefined };
      return runCommandSession({
        session: started.session,
        target: resolved.target,
        container: watch.watch(resolved),
        nonce,
        interactive: false,
        readStdin: true,
        deps: channel,
        terminal,
        signals: { on: () => () => undefined },
        signal,
        report: deps.report,
      });
    };
  return { run, look: () => watch.watch(resolved).look() };
}

async function* upload(
  request: Extract<CopyRequest, { direction: 'up' }>,
  sessions: CopySessions,
  open: () => Promise<unknown>,
  { terminal }: CopyNeeds,
): AsyncGenerator<CopiedFile> {
  const [
    { uploadFile, uploadStream },
    { uploadTree },
    { localSource },
    { folderNeeded },
    { notAFile, remoteStat },
    { baseName, joinPath, shownPath },
  ] = await Promise.all([
    import('../../connect/copy/upload.ts'),
    import('../../connect/copy/upload-tree.ts'),
    import('../../connect/copy/local-files.ts'),
    import('../../connect/copy/copy-faults.ts'),
    import('../../connect/copy/remote-files.ts'),
    import('../../connect/copy/copy-paths.ts'),
  ]);
  const { sources, target } = request;
  // All sources are looked at before the first one is copied.
  const found = await Promise.all(
    sources.map(async (source) =>
      source.kind === 'stream' ? undefined : localSource(Buffer.from(source.path)),
    ),
  );
  for (const source of found) if (source?.kind === 'other') throw notAFile(shownPath(source.path), 'local');
  await open();
  const statOf = (path: Uint8Array) => sessions.repeatAfterLoss(({ shell }) => remoteStat(shell, path));
  /** As `cp -r`: into a folder that exists, else as that name. The content of `dir/.` goes into the target itself. */
  const rootFor = async (path: Buffer): Promise<Uint8Array> => {
    const name = baseName(path);
    const isFolder = name.byteLength > 0 && (await statOf(target))?.kind === 'directory';
    return isFolder ? joinPath(target, name) : target;
  };
  if (found.length > 1) {
    const stat = await statOf(target);
    if (stat?.kind !== 'directory') throw folderNeeded(shownPath(target), 'container');
  }
  for (const source of found)
    yield source === undefined
      ? await uploadStream(terminal.stdin, target, sessions)
      : source.kind === 'directory'
        ? await uploadTree(source, await rootFor(source.path), sessions)
        : await uploadFile(source, target, sessions);
}

async function* download(
  request: Extract<CopyRequest, { direction: 'down' }>,
  { sessions: most, keepLinks }: CopyOptions,
  sessions: CopySessions,
  open: () => Promise<unknown>,
  { terminal }: CopyNeeds,
): AsyncGenerator<CopiedFile> {
  const [
    { downloadFile, downloadStream, remoteSource },
    { downloadTree },
    { isFolder },
    { folderNeeded },
    { notAFile },
    { baseName, joinPath, shownPath },
  ] = await Promise.all([
    import('../../connect/copy/download.ts'),
    import('../../connect/copy/download-tree.ts'),
    import('../../connect/copy/local-files.ts'),
    import('../../connect/copy/copy-faults.ts'),
    import('../../connect/copy/remote-files.ts'),
    import('../../connect/copy/copy-paths.ts'),
  ]);
  const { sources, target } = request;
  if (target.kind === 'local' && sources.length > 1 && !(await isFolder(Buffer.from(target.path))))
    throw folderNeeded(shownPath(target.path), 'local');
  await open();
  for (const path of sources) {
    const source = await remoteSource(path, sessions);
    const isFolderSource = source.stat.kind === 'directory';
    if (target.kind === 'stream') {
      if (isFolderSource) throw notAFile(shownPath(path), 'container');
      yield await downloadStream(source, terminal.stdout, sessions);
      continue;
    }
    const local = Buffer.from(target.path);
    if (!isFolderSource) {
      yield await downloadFile(source, local, most, sessions);
      continue;
    }
    const name = baseName(path);
    const root = name.byteLength > 0 && (await isFolder(local)) ? joinPath(local, name) : local;
    yield await downloadTree(source, root, { most, keepLinks }, sessions);
  }
}
