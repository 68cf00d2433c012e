import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

import { onPath } from '../../support/on-path.ts';
import { elapsedMs, type Measurement, repeat, type Row } from '../row.ts';
import { type SandboxProcess, withSandbox } from '../sandbox-process.ts';

const run = promisify(execFile);
const CLI = resolve(import.meta.dirname, '../../../dist/main.js');

const ID = 'catalog-db';
const SQL = ['--secret', '--', 'psql', '-XAtc', 'select count(*) from products'];

/** From an account without a bastion to the answer of a SQL statement: the command lines that a person types. */
const WAYS: readonly { readonly name: string; readonly commands: readonly (readonly string[])[] }[] = [
  { name: 'through a task', commands: [['db', ID, '--cluster', 'demo', '--service', 'orders-api', ...SQL]] },
  {
    name: 'through a bastion, which is deleted afterwards',
    commands: [
      ['up', '--cluster', 'demo', '--db', ID, '--yes'],
      ['db', ID, '--cluster', 'demo', '--via', 'bastion', ...SQL],
      ['down', '--yes'],
    ],
  },
];

export const database: Row = {
  name: 'database',
  title: 'nothing → the answer of a SQL statement from psql: commands, seconds, API calls',
  run: async ({ runs }) => {
    if (onPath('psql') === undefined) return [{ remark: 'Not measured: psql is not on PATH.' }];
    const home = mkdtempSync(join(tmpdir(), 'bench-database-'));
    try {
      return await withSandbox({ agentPace: 'fast' }, async (sandbox) => {
        // The first one starts the engine of the sandbox's database.
        await perform(sandbox, home, WAYS[0]?.commands[0] ?? []);
        const measured = [];
        for (const way of WAYS) measured.push(...(await measurements(way, sandbox, home, runs)));
        return measured;
      });
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  },
};

async function measurements(
  { name, commands }: (typeof WAYS)[number],
  sandbox: SandboxProcess,
  home: string,
  runs: number,
): Promise<readonly (Measurement | { readonly remark: string })[]> {
  const rounds = await repeat(runs, async () => {
    const all = [];
    for (const command of commands) all.push(await perform(sandbox, home, command));
    return all;
  });
  const at = commands.findIndex(([word]) => word === 'db');
  const untilAnswer = rounds.map((round) =>
    round.slice(0, at + 1).reduce((sum, { seconds }) => sum + seconds, 0),
  );
  const calls = rounds.map((round) => round[at]?.calls ?? []);
  return [
    { what: `${name}: commands, all in one terminal`, unit: 'commands', values: [commands.length] },
    { what: `${name}: until the answer`, unit: 's', values: untilAnswer },
    { what: `${name}: db alone`, unit: 's', values: rounds.map((round) => round[at]?.seconds ?? Number.NaN) },
    { what: `${name}: API calls of db`, unit: 'calls', values: calls.map((list) => list.length) },
    { remark: `${name}, calls of db in order: ${calls[0]?.join(', ') ?? 'none'}.` },
    { remark: `${name}: ${commands.map((words) => `\`${words.join(' ')}\``).join('; ')}.` },
  ];
}

interface Performed {
  readonly seconds: number;
  readonly calls: readonly string[];
}

/** Rejects if the command fails, or if psql has not printed the number of rows. */
async function perform(sandbox: SandboxProcess, home: string, args: readonly string[]): Promise<Performed> {
  const before = (await sandbox.calls()).length;
  const began = performance.now();
  const { stdout } = await run(process.execPath, [CLI, ...args], {
    env: { ...process.env, ...sandbox.env, HOME: home },
  });
  const seconds = elapsedMs(began) / 1000;
  if (args[0] === 'db' && stdout.trim() !== '60') throw new Error(`psql answered ${stdout}`);
  return { seconds, calls: (await sandbox.calls()).slice(before) };
}
