#!/usr/bin/env node
import module from 'node:module';

// Nothing is imported statically and no function has a name (which needs a helper of the bundler): at each key press, a
// shell starts this module for a completion, and every file that it loads costs time.
let isAnswered = false;
if (process.argv[2] === '__complete') {
  const { completeQuickly, quickCompletionDeps } = await import('./cli/quick-completion.ts');
  isAnswered = await completeQuickly(process.argv.slice(2), quickCompletionDeps(process));
}

if (!isAnswered) {
  const { compileCacheFolder } = await import('./config/cache-folder.ts');
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
  await Promise.all(
    [process.stdout, process.stderr].map(
      (stream) => new Promise<void>((resolve) => void stream.write('', () => resolve())),
    ),
  );
  closeLostTerminals(process);
  process.exit(status);
}
