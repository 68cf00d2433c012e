import { once } from 'node:events';
import type { Socket } from 'node:net';
import { SocksClient } from 'socks';

import { CliProcess } from '../../support/cli-process.ts';
import { dial, download, MESSAGE, request, roundTrips, startRemoteProgram } from '../remote-program.ts';
import { elapsedMs, repeat, type Row, within } from '../row.ts';
import { type SandboxProcess, withSandbox } from '../sandbox-process.ts';
import { percentile } from '../statistics.ts';

const MIB = 2 ** 20;
const DOWNLOAD = 32 * MIB;
const REQUESTS = 1000;
const WARM_UP = 3000;
const HOSTS = 200;
const DEADLINE_MS = 240_000;
const TARGET = { host: 'files.internal', port: 8443 };

/** `forward -D`, with a `-L` to the same place in the same process. */
export const socks: Row = {
  name: 'socks',
  title: `through forward -D beside -L, fast agent: ${DOWNLOAD / MIB} MiB, and ${REQUESTS} requests of ${MESSAGE.length} bytes`,
  run: ({ runs }) =>
    withSandbox({ agentPace: 'fast' }, async (sandbox) => {
      const program = await startRemoteProgram();
      const { cli, listener, proxy } = await bothForwards(sandbox, program.port);
      const work = async () => {
        const samples = await repeat(runs, async () => ({
          direct: await measure(() => dial(listener)),
          proxied: await measure(() => dialThrough(proxy)),
        }));
        return (['direct', 'proxied'] as const).flatMap((way) => {
          const name = way === 'direct' ? '-L' : '-D (SOCKS5)';
          return [
            {
              what: `${name}, download`,
              unit: 'MB/s',
              values: samples.map((sample) => sample[way].megabytesPerSecond),
            },
            ...[0.5, 0.99].map((share) => ({
              what: `${name}, one request at p${share * 100}`,
              unit: 'ms',
              values: samples.map((sample) => percentile(sample[way].times, share)),
            })),
          ];
        });
      };
      try {
        return await within(DEADLINE_MS, 'not done', work());
      } finally {
        cli.kill('SIGINT');
        await cli.finished;
        program.close();
      }
    }),
};

/** Not repeated: the pace of sessions decides the time. */
export const socksHosts: Row = {
  name: 'socks-hosts',
  title: `${HOSTS} hosts one after the other through one forward -D`,
  run: () =>
    withSandbox({ agentPace: 'fast' }, async (sandbox) => {
      const program = await startRemoteProgram();
      const { cli, proxy } = await bothForwards(sandbox, program.port);
      const names = Array.from({ length: HOSTS }, (_, index) => `host-${index}.internal`);
      for (const [index, name] of names.entries())
        await sandbox.ask({
          type: 'add-host',
          privateIp: `10.0.${80 + Math.floor(index / 100)}.${10 + (index % 100)}`,
          name,
          port: TARGET.port,
          loopbackPort: program.port,
        });
      const count = async (action: string): Promise<number> =>
        (await sandbox.calls()).filter((call) => call === `ssm:${action}`).length;
      const work = async () => {
        const before = { started: await count('StartSession'), ended: await count('TerminateSession') };
        const began = performance.now();
        let most = 0;
        for (const name of names) {
          const socket = await dialThrough(proxy, name);
          socket.write(request('E'));
          socket.write(MESSAGE);
          await once(socket, 'data');
          socket.destroy();
          const open =
            (await count('StartSession')) -
            before.started -
            ((await count('TerminateSession')) - before.ended);
          most = Math.max(most, open);
        }
        return {
          seconds: elapsedMs(began) / 1000,
          started: (await count('StartSession')) - before.started,
          most,
        };
      };
      try {
        const { seconds, started, most } = await within(DEADLINE_MS, 'not done', work());
        return [
          { what: 'sessions started', unit: '', values: [started], bar: { atMost: HOSTS } },
          // One that is closed for a new one may still be ending.
          { what: 'open at the same time, at most', unit: '', values: [most], bar: { atMost: 21 } },
          { what: 'all hosts', unit: 's', values: [seconds] },
        ];
      } finally {
        cli.kill('SIGINT');
        await cli.finished;
        program.close();
      }
    }),
};

interface Both {
  readonly cli: CliProcess;
  readonly listener: number;
  readonly proxy: number;
}

async function bothForwards(sandbox: SandboxProcess, loopbackPort: number): Promise<Both> {
  const { host, port } = TARGET;
  await sandbox.ask({ type: 'add-host', privateIp: '10.0.79.10', name: host, port, loopbackPort });
  const cli = new CliProcess(
    ['forward', 'orders-api', '--cluster', 'demo', '-L', `0:${host}:${port}`, '-D', '0', '--json'],
    { env: sandbox.env },
  );
  const ports: { listener: number; proxy: number } = { listener: 0, proxy: 0 };
  const [lines] = await cli.until('stdout', /(?:\{.*"forward-ready".*\}\n[^]*){2}/);
  for (const line of lines.trim().split('\n')) {
    const event = JSON.parse(line) as {
      readonly type: string;
      readonly local?: { readonly port: number };
      readonly remote?: object;
    };
    if (event.type !== 'forward-ready' || event.local === undefined) continue;
    ports['proxy' in (event.remote ?? {}) ? 'proxy' : 'listener'] = event.local.port;
  }
  return { cli, ...ports };
}

async function dialThrough(proxy: number, host = TARGET.host): Promise<Socket> {
  const { socket } = await SocksClient.createConnection({
    command: 'connect',
    proxy: { host: '127.0.0.1', port: proxy, type: 5 },
    destination: { host, port: TARGET.port },
    timeout: DEADLINE_MS,
    set_tcp_nodelay: true,
  });
  return socket.on('error', () => undefined);
}

async function measure(
  open: () => Promise<Socket>,
): Promise<{ readonly megabytesPerSecond: number; readonly times: readonly number[] }> {
  await roundTrips(await open(), WARM_UP);
  const times = await roundTrips(await open(), REQUESTS);
  const began = performance.now();
  await download(await open(), DOWNLOAD);
  return { times, megabytesPerSecond: DOWNLOAD / 1e6 / (elapsedMs(began) / 1000) };
}
