#!/usr/bin/env node
import { processDeps } from './cli/process-deps.ts';
import { runCli } from './cli/run-cli.ts';

// Which Node may run is our `engines`; the SDK's advice to upgrade is for us, not for the person at the terminal.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
const version = process.env.FARGATE_CONNECT_VERSION ?? '0.0.0-source';
process.exitCode = await runCli(process.argv.slice(2), processDeps(process, version));

/** Whatever still holds the event loop after clean-up (a second Ctrl-C, a stuck socket) must not hold the person's shell. */
const LINGER_MS = 100;
setTimeout(() => process.exit(), LINGER_MS).unref();
