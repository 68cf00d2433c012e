import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { failed } from '../../core/errors.ts';

/** One PostgreSQL engine with a single session; it runs one call at a time. */
export interface DatabaseEngine {
  /** Runs whole protocol messages and returns the engine's answer. Rejects when the engine has ended. */
  run(messages: Buffer): Promise<Buffer>;
  /** Called once, when the engine ends although it was not told to. */
  onCrash(listener: (error: Error) => void): void;
  stop(): Promise<void>;
}

export interface DatabaseSetup {
  readonly directory: string;
  readonly databaseName: string;
  readonly username: string;
  readonly sql: string;
}

/**
 * The program of the worker thread. It runs in a thread because an engine that boots, or a query that sleeps, would
 * otherwise stop the whole sandbox. It is source text because a worker needs a file or a text to start from, and the
 * bundle is a single file. The role and the database exist only after a first start as `postgres`; the second start,
 * as the owner, takes 0.2 s.
 */
const WORKER_SOURCE = `
const { parentPort, workerData } = require('node:worker_threads');
const { PGlite } = require(workerData.module);
const quote = (name) => '"' + name.replaceAll('"', '""') + '"';
async function start() {
  const { directory, username, databaseName, sql } = workerData;
  const first = new PGlite(directory);
  await first.waitReady;
  if (username !== 'postgres') await first.exec('CREATE ROLE ' + quote(username) + ' LOGIN CREATEDB CREATEROLE');
  await first.exec('CREATE DATABASE ' + quote(databaseName) + ' OWNER ' + quote(username));
  await first.close();
  const engine = new PGlite(directory, { username, database: databaseName });
  await engine.waitReady;
  await engine.exec(sql);
  return engine;
}
const started = start();
started.then(() => parentPort.postMessage({ ready: true }), (error) => { throw error; });
parentPort.on('message', async ({ id, messages }) => {
  const engine = await started;
  try {
    const answer = await engine.runExclusive(() => engine.execProtocolRaw(messages));
    parentPort.postMessage({ id, answer });
  } catch (error) {
    parentPort.postMessage({ id, error: String(error) });
  }
});
`;

interface Answer {
  readonly ready?: true;
  readonly id?: number;
  readonly answer?: Uint8Array;
  readonly error?: string;
}

/**
 * Starts PGlite in a worker thread and runs the seed's SQL; `signal` ends an engine that is still starting. Throws
 * ToolError `sandbox-part-missing` where the package is not installed, and `sandbox-database-failed` when the engine
 * does not start.
 */
export async function startDatabaseEngine(
  setup: DatabaseSetup,
  signal: AbortSignal,
): Promise<DatabaseEngine> {
  const worker = new Worker(WORKER_SOURCE, {
    eval: true,
    workerData: {
      module: enginePackage(),
      directory: join(setup.directory, 'data'),
      databaseName: setup.databaseName,
      username: setup.username,
      sql: setup.sql,
    },
  });
  const pending = new Map<number, { resolve(answer: Buffer): void; reject(error: Error): void }>();
  let nextId = 0;
  let ended: Error | undefined;
  let stopping = false;
  let crashListener: ((error: Error) => void) | undefined;

  const end = (error: Error): void => {
    if (ended !== undefined) return;
    ended = error;
    for (const call of pending.values()) call.reject(error);
    pending.clear();
    if (!stopping) crashListener?.(error);
  };
  const ready = new Promise<void>((resolve, reject) => {
    worker.on('message', (message: Answer) => {
      if (message.ready === true) resolve();
      if (message.id === undefined) return;
      const call = pending.get(message.id);
      pending.delete(message.id);
      if (message.answer !== undefined) call?.resolve(Buffer.from(message.answer));
      else call?.reject(new Error(message.error ?? 'no answer'));
    });
    worker.on('error', (cause) => {
      const error = failed('sandbox-database-failed', `database ${setup.databaseName} of the sandbox ended`, {
        cause,
      });
      end(error);
      reject(error);
    });
    worker.on('exit', (code) => {
      const error = failed(
        'sandbox-database-failed',
        `database ${setup.databaseName} of the sandbox ended with status ${code}`,
      );
      end(error);
      reject(error);
    });
  });
  const abandon = (): void => {
    stopping = true;
    void worker.terminate();
  };
  signal.addEventListener('abort', abandon);
  if (signal.aborted) abandon();
  await ready;
  signal.removeEventListener('abort', abandon);
  return {
    run(messages) {
      if (ended !== undefined) return Promise.reject(ended);
      const id = nextId++;
      return new Promise((resolve, reject) => {
        pending.set(id, { resolve, reject });
        worker.postMessage({ id, messages: new Uint8Array(messages) });
      });
    },
    onCrash(listener) {
      crashListener = listener;
    },
    async stop() {
      stopping = true;
      await worker.terminate();
    },
  };
}

function enginePackage(): string {
  try {
    return createRequire(import.meta.url).resolve('@electric-sql/pglite');
  } catch (cause) {
    throw failed('sandbox-part-missing', 'the sandbox needs the optional package @electric-sql/pglite', {
      cause,
      details: { packages: ['@electric-sql/pglite'] },
    });
  }
}
