import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import { echo } from '../../examples/core/message-port.ts';
import { serve } from '../../examples/core/net-echo.ts';
import { line } from '../../fuzz/drive.ts';
import { OPCODE } from '../../src/protocol/constants.ts';
import { ProtocolConnection } from '../../src/protocol/connection.ts';
import type { ProtocolLimits } from '../../src/protocol/limits.ts';
import { everyCut } from '../../src/testing/cuts.ts';
import { DEFAULT_KEY } from '../../src/testing/frames.ts';
import { duplexPair, eventLoopTurns, EXAMPLE_KEY, readFrames, waitUntil } from '../../src/testing/index.ts';
import { CLOSING } from '../vectors/closing.ts';
import { HEADERS } from '../vectors/headers.ts';
import { MESSAGES } from '../vectors/messages.ts';
import { LIMITS } from '../vectors/row.ts';
import { TEXT } from '../vectors/text.ts';
import { ask, runExample, startExample } from './run-example.ts';

const EVERY_CUT_UP_TO_BYTES = 300;
const REQUEST = Buffer.from(
  `GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${EXAMPLE_KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
);

/** What an echo server sends for the pieces of one connection. */
type Exchange = (pieces: readonly Uint8Array[], limits: ProtocolLimits, frames: number) => Promise<Buffer>;

const overNet: Exchange = async (pieces, limits) => {
  const { client, server } = duplexPair();
  serve(server, limits);
  const chunks: Buffer[] = [];
  client.on('data', (chunk: Buffer) => void chunks.push(chunk)).on('error', () => {});
  client.write(REQUEST);
  for (const piece of pieces) {
    await eventLoopTurns(1);
    client.write(Buffer.from(piece));
  }
  // The pair passes a long message on in several chunks.
  await eventLoopTurns(3 + Math.ceil(Buffer.concat(pieces).length / 1_000));
  client.destroy();
  server.destroy();
  const answer = Buffer.concat(chunks);
  return answer.subarray(answer.indexOf('\r\n\r\n') + 4);
};

const overPort: Exchange = async (pieces, limits, frames) => {
  const { port1, port2 } = new MessageChannel();
  echo(port2, new ProtocolConnection('server', { limits }));
  const chunks: Uint8Array[] = [];
  port1.on('message', (chunk: Uint8Array) => void chunks.push(chunk));
  const closed = new Promise((resolve) => port1.once('close', resolve));
  for (const piece of pieces) port1.postMessage(Uint8Array.from(piece));
  // A MessagePort delivers after an unknown number of turns.
  await waitUntil(() => readFrames(Buffer.concat(chunks)).length >= frames, { deadlineMs: 30_000 });
  await eventLoopTurns(2);
  port1.close();
  await closed;
  return Buffer.concat(chunks);
};

function sent(bytes: Buffer): string[] {
  return readFrames(bytes).map(({ opcode, payload }) => {
    if (opcode === OPCODE.TEXT) return line.text(payload.toString());
    if (opcode === OPCODE.BINARY) return line.data('binary', payload);
    return opcode === OPCODE.PONG ? line.data('> pong', payload) : line.sentClose(payload);
  });
}

for (const [name, exchange] of [
  ['net', overNet],
  ['MessagePort', overPort],
] as const) {
  test(`EX-01: the driver over ${name} of hawser/protocol passes the wire vectors, whole and cut at every position`, async () => {
    for (const row of [...HEADERS, ...MESSAGES, ...TEXT, ...CLOSING]) {
      if (row.closeFirst === true) continue;
      const wire = Buffer.concat(row.wire(DEFAULT_KEY));
      const limits = { ...LIMITS, ...row.limits };
      const expected = row.lines.filter((each) => /^(?:text|binary|>)/.test(each));
      assert.deepEqual(sent(await exchange([wire], limits, expected.length)), expected, row.rule);
      if (wire.length > EVERY_CUT_UP_TO_BYTES) continue;
      const cuts = [...everyCut(wire)].map(async (pieces, at) => {
        assert.deepEqual(
          sent(await exchange([...pieces], limits, expected.length)),
          expected,
          `${row.rule}, cut at ${at + 1}`,
        );
      });
      await Promise.all(cuts);
    }
  });
}

test('EX-01: the examples of hawser/protocol run by themselves', async (t) => {
  const { join } = await runExample(t, 'core/net-echo.ts');
  assert.equal(await ask(await join(), 'ahoy'), 'ahoy');
  const { waitForOutput, exit } = startExample(t, 'core/message-port.ts');
  await waitForOutput(/^echo: Hello$/m);
  assert.deepEqual(await exit, [0, null]);
});
