#!/usr/bin/env node
import { processDeps } from './cli/process-deps.ts';
import { runCli } from './cli/run-cli.ts';

// Which Node may run is our `engines`; the SDK's advice to upgrade is for us, not for the person at the terminal.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
const version = process.env.FARGATE_CONNECT_VERSION ?? '0.0.0-source';
const status = await runCli(process.argv.slice(2), processDeps(process, version));

// An explicit end: a stuck socket must not hold the person's shell, and Node's own teardown was seen to spin on one for ever.
const flushed = (stream: NodeJS.WriteStream): Promise<void> =>
  new Promise((resolve) => void stream.write('', () => resolve()));
await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
process.exit(status);
