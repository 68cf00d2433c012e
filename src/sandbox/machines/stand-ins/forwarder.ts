/**
 * The program behind every stand-in on a bastion: it sends its arguments to the sandbox over a Unix socket and
 * executes the answer (print, start a program of the host in its place, end). It is plain JavaScript because it runs
 * on its own, outside any bundle. Frames in both directions: one letter, four bytes of length, payload; see
 * `StandInServer`.
 */
export const FORWARDER_SOURCE = `'use strict';
const { connect } = require('node:net');
const { spawn } = require('node:child_process');
const { constants } = require('node:os');
const [socketPath, program, ...args] = process.argv.slice(2);
const socket = connect(socketPath);
const send = (type, payload) => {
  const head = Buffer.alloc(5);
  head.write(type, 0, 'latin1');
  head.writeUInt32BE(payload.length, 1);
  socket.write(Buffer.concat([head, payload]));
};
const size = () => ({ columns: process.stdout.columns || 80, rows: process.stdout.rows || 24 });
const end = (code) => {
  if (process.stdin.isTTY) process.stdin.setRawMode(false);
  process.stdin.pause();
  process.exitCode = code;
  socket.destroy();
};
const handlers = {
  O: (payload) => process.stdout.write(payload),
  R: (payload) => process.stderr.write(payload),
  X: (payload) => end(payload[0]),
  T: () => {
    if (process.stdin.isTTY) process.stdin.setRawMode(true);
    process.stdin.on('data', (bytes) => send('I', bytes));
    process.stdin.on('end', () => send('E', Buffer.alloc(0)));
    process.on('SIGWINCH', () => send('S', Buffer.from(JSON.stringify(size()))));
  },
  P: (payload) => {
    const { file, args, env } = JSON.parse(payload);
    for (const name of ['SIGINT', 'SIGQUIT', 'SIGTSTP']) process.on(name, () => undefined);
    const child = spawn(file, args, { stdio: 'inherit', env: { ...process.env, ...env } });
    child.on('error', (error) => { process.stderr.write(program + ': ' + error.message + '\\n'); end(127); });
    child.on('exit', (code, signal) => end(signal ? 128 + constants.signals[signal] : code));
  },
};
let buffer = Buffer.alloc(0);
socket.on('connect', () => send('C', Buffer.from(JSON.stringify({
  program, args, cwd: process.cwd(), terminal: Boolean(process.stdin.isTTY), ...size(),
  sessionResponse: process.env.AWS_SSM_START_SESSION_RESPONSE,
}))));
socket.on('data', (bytes) => {
  buffer = Buffer.concat([buffer, bytes]);
  while (buffer.length >= 5 && buffer.length >= 5 + buffer.readUInt32BE(1)) {
    const length = buffer.readUInt32BE(1);
    const payload = buffer.subarray(5, 5 + length);
    const type = String.fromCharCode(buffer[0]);
    buffer = buffer.subarray(5 + length);
    handlers[type](payload);
  }
});
socket.on('error', () => { process.stderr.write(program + ': the sandbox is gone\\n'); process.exitCode = 1; });
`;
