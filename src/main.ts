#!/usr/bin/env node
import module from 'node:module';
import { compileCacheFolder } from './config/cache-folder.ts';

// Absent where the source is run, which needs no cache.
const version = process.env.FARGATE_CONNECT_VERSION;
const cache = version === undefined ? undefined : compileCacheFolder(process.env, process.platform);
// Node.js has it from 22.1 on, and only says in its answer, which nobody needs, that a folder cannot be written.
const { enableCompileCache } = module as { readonly enableCompileCache?: (folder: string) => unknown };
if (cache !== undefined) enableCompileCache?.(cache);

// Only what is loaded from here on is cached.
const [{ processDeps }, { runCli }, { closeLostTerminals }] = await Promise.all([
  import('./cli/process-deps.ts'),
  import('./cli/run-cli.ts'),
  import('./cli/lost-terminal.ts'),
]);
// Which Node may run is our `engines`; the SDK's advice to upgrade is for us, not for the person at the terminal.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
const status = await runCli(process.argv.slice(2), processDeps(process, version ?? '0.0.0-source'));

// An explicit end: a stuck socket must not hold the person's shell, and Node's own teardown was seen to spin on one for ever.
const flushed = (stream: NodeJS.WriteStream): Promise<void> =>
  new Promise((resolve) => void stream.write('', () => resolve()));
await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
closeLostTerminals(process);
process.exit(status);
