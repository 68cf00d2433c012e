import { cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { type BenchOptions, meetsBar, type Measurement, type Remark, type Row } from './row.ts';
import { clientCeiling } from './rows/client-ceiling.ts';
import { copy, copySessions } from './rows/copy.ts';
import { cut } from './rows/cut.ts';
import { cutMatrix } from './rows/cut-matrix.ts';
import { database } from './rows/database.ts';
import { execThroughput } from './rows/exec-throughput.ts';
import { firstByte } from './rows/first-byte.ts';
import { forwardLatency } from './rows/forward-latency.ts';
import { forwardThroughput } from './rows/forward-throughput.ts';
import { lists } from './rows/lists.ts';
import { doctor } from './rows/doctor.ts';
import { logs } from './rows/logs.ts';
import { memory } from './rows/memory.ts';
import { provisioning } from './rows/provisioning.ts';
import { sessions } from './rows/sessions.ts';
import { localClose, shortConnections } from './rows/short-connections.ts';
import { size } from './rows/size.ts';
import { socks, socksHosts } from './rows/socks.ts';
import { start } from './rows/start.ts';
import { median, short } from './statistics.ts';

/**
 * `npm run bench -- [NAME…] [--json] [--runs N] [--slow]`: measures the figures of docs/benchmarks.md on this machine.
 */

const ROWS: readonly Row[] = [
  start,
  firstByte,
  execThroughput,
  forwardThroughput,
  clientCeiling,
  forwardLatency,
  sessions,
  memory,
  cut,
  cutMatrix,
  shortConnections,
  localClose,
  socks,
  socksHosts,
  copy,
  copySessions,
  logs,
  lists,
  database,
  doctor,
  provisioning,
  size,
];

const machine = {
  date: new Date().toISOString().slice(0, 10),
  node: process.version,
  cores: cpus().length,
  processor: cpus()[0]?.model.trim() ?? 'unknown',
  memoryGb: Math.round(totalmem() / 2 ** 30),
};

const isMeasurement = (item: Measurement | Remark): item is Measurement => 'values' in item;

function barText({ bar, unit }: Measurement): string {
  if (bar === undefined) return '';
  return 'atLeast' in bar ? `≥ ${short(bar.atLeast)} ${unit}` : `≤ ${short(bar.atMost)} ${unit}`;
}

function line(measurement: Measurement): string {
  const { what, unit, values } = measurement;
  const spread = `${short(Math.min(...values))} – ${short(Math.max(...values))}`;
  const verdict = { true: 'yes', false: 'NO', undefined: '' }[String(meetsBar(measurement))];
  return `| ${what} | ${short(median(values))} ${unit} | ${spread} | ${values.length} | ${barText(measurement)} | ${verdict} |`;
}

function print(row: Row, items: readonly (Measurement | Remark)[]): void {
  console.log(`\n### ${row.name}: ${row.title}\n`);
  const measurements = items.filter(isMeasurement);
  if (measurements.length > 0) {
    console.log('| what | median | spread | n | bar | met |\n|---|---|---|---|---|---|');
    for (const measurement of measurements) console.log(line(measurement));
  }
  for (const item of items) if (!isMeasurement(item)) console.log(`\n${item.remark}`);
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      slow: { type: 'boolean', default: false },
      runs: { type: 'string', default: '5' },
    },
  });
  const unknown = positionals.filter((name) => !ROWS.some((row) => row.name === name));
  const runs = Number(values.runs);
  if (unknown.length > 0 || !Number.isInteger(runs) || runs < 1) {
    console.error(
      unknown.length > 0 ? `no such row: ${unknown.join(', ')}` : '--runs wants a whole number from 1',
    );
    console.error(`rows: ${ROWS.map((row) => row.name).join(', ')}`);
    return 2;
  }
  const options: BenchOptions = { runs, slow: values.slow };
  const chosen = positionals.length === 0 ? ROWS : ROWS.filter((row) => positionals.includes(row.name));
  if (!values.json)
    console.log(
      `${machine.date}, node ${machine.node}, ${machine.cores} × ${machine.processor}, ${machine.memoryGb} GB`,
    );
  let failures = 0;
  const report: unknown[] = [];
  for (const row of chosen) {
    try {
      const items = await row.run(options);
      report.push({ row: row.name, title: row.title, items });
      if (!values.json) print(row, items);
    } catch (error) {
      failures++;
      report.push({ row: row.name, error: String(error) });
      console.error(`\n${row.name} failed:`, error);
    }
  }
  if (values.json) console.log(JSON.stringify({ machine, rows: report }, null, 2));
  return failures === 0 ? 0 : 1;
}

process.exitCode = await main();
