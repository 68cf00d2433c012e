import { fork } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { ChannelDriver } from '../../../src/connect/channel/channel-driver.ts';
import { createOpenSocket } from '../../../src/connect/channel/message-socket.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { DIRECT } from '../../support/direct-agents.ts';
import { elapsedMs, type Measurement, repeat, type Row } from '../row.ts';

const TOTAL_BYTES = 256 * 2 ** 20;
const BAR_MB_PER_SECOND = 200;

export const clientCeiling: Row = {
  name: 'client-ceiling',
  title:
    'MB/s (10^6) that the client alone can take: real WebSocket, digests checked, every message acknowledged',
  run: async ({ runs }) => [
    await measure(32 * 1024, runs, { atLeast: BAR_MB_PER_SECOND }),
    await measure(1024, runs, undefined),
  ],
};

async function measure(
  payloadBytes: number,
  runs: number,
  bar: { readonly atLeast: number } | undefined,
): Promise<Measurement> {
  // At most 65,536 messages, because the cost of small ones is per message.
  const totalBytes = Math.min(TOTAL_BYTES, payloadBytes * 65_536);
  const server = fork(
    resolve(import.meta.dirname, '..', 'frame-server.ts'),
    [String(payloadBytes), String(totalBytes)],
    { execArgv: ['--import', 'tsx'] },
  );
  try {
    const [port] = (await once(server, 'message')) as [number];
    await receive(port, totalBytes);
    const values = await repeat(runs, () => receive(port, totalBytes));
    return {
      what: `messages of ${payloadBytes / 1024} KiB`,
      unit: 'MB/s',
      values,
      ...(bar === undefined ? {} : { bar }),
    };
  } finally {
    server.kill();
  }
}

/** Runs one session from its opening to its last byte; returns MB/s. */
async function receive(port: number, totalBytes: number): Promise<number> {
  const began = performance.now();
  let received = 0;
  let finish: () => void = () => undefined;
  const complete = new Promise<void>((done) => {
    finish = done;
  });
  const driver = new ChannelDriver(
    { sessionId: 'bench', streamUrl: `ws://127.0.0.1:${port}/`, tokenValue: 'token' },
    'bench',
    {
      ssm: {
        resumeSession: () => Promise.resolve(undefined),
        terminateSession: () => Promise.resolve(),
      },
      kms: () => Promise.reject(new Error('nothing is encrypted here')),
      signer: { headers: () => Promise.resolve({}) },
      openSocket: createOpenSocket(DIRECT, systemClock),
      clock: systemClock,
      random: { number: Math.random, bytes: randomBytes, uuid: randomUUID },
      report: () => undefined,
    },
    {
      output(bytes) {
        received += bytes.byteLength;
        if (received >= totalBytes) finish();
      },
    },
  );
  await Promise.all([driver.start(), Promise.race([complete, driver.ended])]);
  const seconds = elapsedMs(began) / 1000;
  await driver.terminate();
  if (received !== totalBytes) throw new Error(`${received} of ${totalBytes} bytes arrived`);
  return totalBytes / 1e6 / seconds;
}
