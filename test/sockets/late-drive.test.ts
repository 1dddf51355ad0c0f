import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { eventLoopTurns, waitUntil } from '../../src/testing/index.ts';
import { SocketTransport } from '../../src/sockets/socket-transport.ts';
import { collected, type Pair, pairs, socketOf, STREAMED_SOCKETS } from './pairs.ts';

// A socket that starts on its streams and switches to its handle when the self-check passes.

const MEGABYTE = Buffer.alloc(1_048_576, 'abcdefghijklmnopqrstuvwxyz0123456789');

interface LatePair extends Pair {
  readonly transport: SocketTransport;
}

for (const kind of STREAMED_SOCKETS) {
  const late = async (t: TestContext): Promise<LatePair> => {
    const pair = await (await pairs(t, kind))();
    assert.ok(pair.transport instanceof SocketTransport);
    assert.ok(!pair.transport.isDriven && pair.transport.needsCopies);
    return pair as LatePair;
  };
  const assertBothWays = async ({ transport, peer, log }: LatePair): Promise<void> => {
    const got = collected(peer);
    const before = log.receivedBytes;
    peer.write('to us');
    transport.write([Buffer.from('to '), Buffer.from('them')]);
    await waitUntil(() => got.bytes >= 7 && log.receivedBytes === before + 5);
    assert.ok(log.bytes.toString().endsWith('to us'));
    assert.ok(Buffer.concat(got.chunks).toString().endsWith('to them'));
  };

  test(`${kind.name}: an idle socket is driven at once, and a second call changes nothing`, async (t) => {
    const pair = await late(t);
    pair.transport.drive();
    pair.transport.drive();
    assert.ok(pair.transport.isDriven && !pair.transport.needsCopies);
    await assertBothWays(pair);
  });

  test(`${kind.name}: the stream finishes a write that the kernel has not accepted before the socket is driven`, async (t) => {
    const { transport, peer, log } = await late(t);
    const got = collected(peer.pause());
    let chunks = 0;
    for (; !transport.blocked && chunks < 64; chunks++) transport.write([MEGABYTE]);
    assert.ok(transport.blocked && transport.bufferedBytes > 0);
    transport.drive();
    assert.ok(!transport.isDriven);
    transport.write([Buffer.from('after')]);
    peer.resume();
    await waitUntil(() => transport.isDriven, { deadlineMs: 20_000 });
    transport.write([Buffer.from(' and later')]);
    const due = chunks * MEGABYTE.length + 15;
    await waitUntil(() => got.bytes === due, { deadlineMs: 20_000 });
    assert.equal(Buffer.concat(got.chunks).subarray(-15).toString(), 'after and later');
    assert.ok(log.writableCalls > 0);
    assert.equal(transport.bufferedBytes, 0);
  });

  test(`${kind.name}: a paused socket with unread data stays on its streams until it has been read`, async (t) => {
    const pair = await late(t);
    const { transport, peer, log } = pair;
    transport.pause();
    peer.write('unread');
    await waitUntil(() => socketOf(transport).readableLength === 6);
    transport.drive();
    assert.ok(!transport.isDriven);
    transport.resume();
    await waitUntil(() => log.bytes.toString() === 'unread');
    transport.write([Buffer.from('a write looks again')]);
    await waitUntil(() => transport.isDriven);
    await assertBothWays(pair);
  });

  test(`${kind.name}: a paused socket stays paused when it is driven`, async (t) => {
    const pair = await late(t);
    const { transport, peer, log } = pair;
    transport.pause();
    transport.drive();
    assert.ok(transport.isDriven);
    peer.write('waits');
    await eventLoopTurns(20);
    assert.equal(log.receivedBytes, 0);
    transport.resume();
    await waitUntil(() => log.bytes.toString() === 'waits');
    transport.end();
    peer.end();
    await waitUntil(() => log.ends.length === 1);
    assert.deepEqual([log.ended, log.ends], [true, [undefined]]);
  });

  test(`${kind.name}: traffic in both directions keeps its order while the socket switches to its handle`, async (t) => {
    const { transport, peer, log } = await late(t);
    const got = collected(peer);
    let sent = 0;
    const due: string[] = [];
    for (let turn = 0; turn < 300; turn++) {
      const piece = `${turn},`.repeat(1 + (turn % 40));
      due.push(piece);
      sent += piece.length;
      transport.write([Buffer.from(piece)]);
      peer.write(piece);
      if (turn === 100) transport.drive();
      if (turn % 3 === 0) await eventLoopTurns(1);
    }
    await waitUntil(() => got.bytes === sent && log.receivedBytes === sent);
    assert.ok(transport.isDriven);
    assert.equal(Buffer.concat(got.chunks).toString(), due.join(''));
    assert.equal(log.bytes.toString(), due.join(''));
  });

  test(`${kind.name}: a socket that other code reads from, or that is ending, is not driven`, async (t) => {
    const pair = await late(t);
    socketOf(pair.transport).on('data', () => undefined);
    pair.transport.drive();
    assert.ok(!pair.transport.isDriven);
    await assertBothWays(pair);
    pair.transport.end();
    pair.transport.drive();
    assert.ok(!pair.transport.isDriven);
    pair.peer.resume().end();
    await waitUntil(() => pair.log.ends.length === 1);
    pair.transport.drive();
    assert.ok(!pair.transport.isDriven);
  });
}
