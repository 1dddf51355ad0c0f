import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { ProtocolConnection } from '../../../src/protocol/connection.ts';
import { OPCODE } from '../../../src/protocol/constants.ts';
import { ProtocolMemory } from '../../../src/protocol/memory.ts';
import { MessagesBehind } from '../../../src/protocol/outgoing/messages-behind.ts';
import { Outbox } from '../../../src/protocol/outgoing/outbox.ts';
import { PreparedMessage } from '../../../src/protocol/outgoing/prepared-message.ts';
import { readFrames } from '../../../src/testing/index.ts';

test('FB-12 BP-05: messages behind a stream are dropped from the oldest on, until none is left', () => {
  const behind = new MessagesBehind();
  assert.equal(behind.dropOldest(), 0);
  behind.push(OPCODE.TEXT, 'é', undefined, 2);
  behind.push(OPCODE.BINARY, Buffer.from('abc'), undefined, 3);
  const all = behind.countedBytes;
  const first = behind.dropOldest();
  assert.deepEqual([behind.countedBytes, behind.dropOldest() + first], [all - first, all]);
  assert.deepEqual([behind.countedBytes, behind.dropOldest()], [0, 0]);
});

test('FB-10: three connections with one memory that send one object send the same bytes', () => {
  const memory = new ProtocolMemory();
  const payload = Buffer.from('one payload');
  const connections = [1, 2, 3].map(() => new ProtocolConnection('server', { memory }));
  for (const connection of connections) assert.equal(connection.binary(payload), true);
  for (const connection of connections) {
    const frames = readFrames(Buffer.concat(connection.take()));
    assert.deepEqual(
      frames.map(({ opcode, payload: sent }) => [opcode, String(sent)]),
      [[OPCODE.BINARY, 'one payload']],
    );
  }
});

test('CT-05 BP-05: dropping the queue of a blocked outbox drops a pong that waits alone, and no message', () => {
  const wire = { blocked: true, bufferedBytes: 0, needsCopies: false };
  const outbox = new Outbox(wire, { maxPendingPongs: 4, highWaterMarkBytes: 50_000 }, new ProtocolMemory());
  outbox.control(OPCODE.PONG, Buffer.from('p'));
  assert.notEqual(outbox.waitingBytes, 0);
  assert.deepEqual([outbox.dropWaiting(), outbox.waitingBytes], [0, 0]);
  wire.blocked = false;
  assert.deepEqual(outbox.take(), []);
});

for (const [what, act, rest] of [
  ['a mark', (outbox: Outbox) => outbox.mark(() => undefined), []],
  ['a Close', (outbox: Outbox) => outbox.closeAfterWaiting(Buffer.of(3, 232)), [OPCODE.CLOSE]],
] as const) {
  test(`BP-15: ${what} comes after the messages that are held, and they cannot be replaced afterwards`, () => {
    const wire = { blocked: false, bufferedBytes: 0, needsCopies: false };
    const outbox = new Outbox(wire, { maxPendingPongs: 4 }, new ProtocolMemory());
    const behind = new MessagesBehind(true);
    outbox.behind = behind;
    behind.push(OPCODE.TEXT, 'old', undefined, 3, 'a');
    assert.equal(behind.push(OPCODE.BINARY, Buffer.from('new'), undefined, 3, 'a'), 3);
    behind.pushPrepared(new PreparedMessage('prepared', { key: 'b' }));
    act(outbox);
    assert.equal(outbox.behind, undefined);
    assert.deepEqual([behind.isEmpty, behind.countedBytes], [true, 0]);
    assert.deepEqual(
      readFrames(Buffer.concat(outbox.take())).map(({ opcode }) => opcode),
      [OPCODE.BINARY, OPCODE.TEXT, ...rest],
    );
  });
}

test('BP-15: a mark does not release messages that wait for the end of a fragmented message', () => {
  const wire = { blocked: false, bufferedBytes: 0, needsCopies: false };
  const outbox = new Outbox(wire, { maxPendingPongs: 4 }, new ProtocolMemory());
  outbox.behind = new MessagesBehind();
  outbox.behind.push(OPCODE.TEXT, 'behind', undefined, 6);
  outbox.mark(() => undefined);
  assert.deepEqual(outbox.take(), []);
  assert.equal(outbox.behind.isEmpty, false);
});
