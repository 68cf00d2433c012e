import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { encodeAgentMessage, MESSAGE_TYPE, PAYLOAD_TYPE } from '../../src/protocol/agent-message.ts';
import { drained } from './remote-program.ts';

/**
 * A gateway with almost no cost of its own: it writes agent messages, encoded in advance with their WebSocket frames,
 * to each client that opens a data channel. It reads and discards acknowledgements. It runs as a child process, whose
 * first IPC message is the port.
 */

const [payloadBytes = 0, totalBytes = 0] = process.argv.slice(2).map(Number);
/** RFC 6455 §1.3. */
const ACCEPT_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const BINARY_FRAME = 0x82;
const CHUNK_BYTES = 2 ** 20;

/** A session without handshake: the first output message opens it. */
function encodeSession(): readonly Buffer[] {
  const payload = Buffer.alloc(payloadBytes, 'output ');
  const chunks: Buffer[] = [];
  let pending: Buffer[] = [];
  let length = 0;
  for (let sequenceNumber = 0; sequenceNumber * payloadBytes < totalBytes; sequenceNumber++) {
    const message = encodeAgentMessage({
      messageType: MESSAGE_TYPE.output,
      messageId: '00000000-0000-4000-8000-000000000000',
      createdDate: 1,
      sequenceNumber,
      flags: sequenceNumber === 0 ? 1 : 0,
      payloadType: PAYLOAD_TYPE.output,
      payload,
    });
    const header = Buffer.from([BINARY_FRAME, 126, message.byteLength >> 8, message.byteLength & 0xff]);
    pending.push(header, Buffer.from(message));
    length += header.byteLength + message.byteLength;
    if (length < CHUNK_BYTES) continue;
    chunks.push(Buffer.concat(pending));
    pending = [];
    length = 0;
  }
  return [...chunks, Buffer.concat(pending)];
}

const chunks = encodeSession();
const server = createServer();
server.on('upgrade', (request, socket) => {
  const key = request.headers['sec-websocket-key'] ?? '';
  const accept = createHash('sha1')
    .update(key + ACCEPT_SUFFIX)
    .digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  socket.on('error', () => undefined);
  socket.once('data', () => {
    socket.resume();
    void (async () => {
      for (const chunk of chunks) if (!socket.write(chunk)) await drained(socket);
    })();
  });
});
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
process.on('disconnect', () => process.exit(0));
