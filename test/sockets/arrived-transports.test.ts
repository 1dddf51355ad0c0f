import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { eventLoopTurns, seededRandom, waitUntil } from '../../src/testing/index.ts';
import { collected, KINDS, Log, type Pair, pairs } from './pairs.ts';

/** Maximum size of one read. */
const READ_BYTES = 196_608;

/** Writes to a peer that does not read until the kernel accepts no more. @returns The number of bytes written. */
async function writeUntilBlocked({ transport }: Pair): Promise<number> {
  let written = 0;
  for (const chunk = Buffer.alloc(100_000); ; ) {
    transport.write([chunk]);
    written += chunk.length;
    // TLS reports a finished write in the next turn.
    if (transport.blocked) await eventLoopTurns(3);
    if (transport.blocked) return written;
  }
}

for (const kind of KINDS) {
  const { name, secure } = kind;
  test(`${name}: small and large data arrives in both directions, written in one piece or several`, async (t) => {
    const { transport, log, peer } = await (await pairs(t, kind))();
    const answer = collected(peer);
    assert.equal(transport.remoteAddress, '127.0.0.1');
    assert.equal(transport.remotePort, peer.localPort);
    const sent = Buffer.from(seededRandom(7).bytes(300_000));
    peer.write(sent);
    await waitUntil(() => log.receivedBytes === sent.length);
    assert.deepEqual(log.bytes, sent);
    transport.write([sent.subarray(0, 10)]);
    transport.write([sent.subarray(10, 11), sent.subarray(11, 70_000), sent.subarray(70_000)]);
    await waitUntil(() => answer.bytes === sent.length);
    assert.deepEqual(Buffer.concat(answer.chunks), sent);
    await waitUntil(() => transport.bufferedBytes === 0);
  });

  test(`${name}: many writes in one turn keep their order, and pending bytes are counted`, async (t) => {
    const { transport, log, peer } = await (await pairs(t, kind))();
    const answer = collected(peer);
    const random = seededRandom(11);
    const sent: Buffer[] = [];
    let most = 0;
    const some = (): void => {
      for (let i = 0; i < 40; i++) {
        const chunk = Buffer.from(random.bytes(Math.floor(random.fraction() ** 4 * 40_000)));
        sent.push(chunk);
        transport.write(i % 3 === 0 ? [chunk.subarray(0, 5), chunk.subarray(5)] : [chunk]);
      }
      most = Math.max(most, transport.bufferedBytes);
    };
    log.onReceived = some;
    for (let i = 0; i < 10; i++) {
      peer.write('x');
      await waitUntil(() => log.receivedBytes === i + 1);
    }
    const all = Buffer.concat(sent);
    await waitUntil(() => answer.bytes === all.length);
    assert.deepEqual(Buffer.concat(answer.chunks), all);
    assert.ok(most <= all.length);
    if (secure) assert.ok(most > 0, 'TLS accepts one write per turn');
    await waitUntil(() => transport.bufferedBytes === 0);
  });

  test(`${name}: two connections that are read alternately do not receive bytes of each other`, async (t) => {
    const next = await pairs(t, kind);
    const [one, two] = [await next(), await next()];
    for (let i = 0; i < 50; i++) {
      one.peer.write(`one ${i};`);
      two.peer.write(`two ${i};`);
      await waitUntil(() => two.log.bytes.toString().endsWith(`two ${i};`));
    }
    await waitUntil(() => one.log.bytes.toString().endsWith('one 49;'));
    assert.equal(one.log.bytes.toString(), Array.from({ length: 50 }, (_, i) => `one ${i};`).join(''));
    assert.equal(two.log.bytes.toString(), Array.from({ length: 50 }, (_, i) => `two ${i};`).join(''));
  });

  test(`${name}: BP-02: a write that the kernel does not accept is pending and counted; it arrives, and later writes too`, async (t) => {
    const pair = await (await pairs(t, kind))();
    const { transport, log, peer } = pair;
    peer.pause();
    const written = await writeUntilBlocked(pair);
    const blockedBytes = transport.bufferedBytes;
    assert.ok(blockedBytes > 0 && blockedBytes <= 200_000, String(blockedBytes));
    const { writableCalls } = log;
    transport.write([Buffer.from('be'), Buffer.from('hind')]);
    assert.equal(transport.bufferedBytes, blockedBytes + 6);
    await eventLoopTurns(5);
    assert.equal(log.writableCalls, writableCalls);
    assert.ok(transport.blocked);
    const got = collected(peer);
    peer.resume();
    await waitUntil(() => got.bytes === written + 6);
    await waitUntil(() => log.writableCalls > writableCalls && transport.bufferedBytes === 0);
    assert.equal(transport.blocked, false);
    assert.equal(Buffer.concat(got.chunks).subarray(-6).toString(), 'behind');
  });

  test(`${name}: a blocked owner is told when it may write again`, async (t) => {
    const { transport, log, peer } = await (await pairs(t, kind))();
    const got = collected(peer);
    const chunk = Buffer.alloc(70_000, 'x');
    let left = 200;
    const more = (): void => {
      while (left > 0 && transport.bufferedBytes < 200_000 && !transport.blocked) {
        transport.write([chunk]);
        left--;
      }
    };
    log.onWritable = more;
    more();
    await waitUntil(() => got.bytes === 200 * chunk.length);
    assert.equal(left, 0);
  });

  test(`${name}: written memory is referenced until it has been sent`, async (t) => {
    const pair = await (await pairs(t, kind))();
    const { transport, peer } = pair;
    peer.pause();
    const before = await writeUntilBlocked(pair);
    for (let i = 0; i < 50; i++) transport.write([Buffer.alloc(20_000, i), Buffer.alloc(1, 0xff)]);
    globalThis.gc?.();
    const got = collected(peer);
    peer.resume();
    await waitUntil(() => got.bytes === before + 50 * 20_001);
    const bytes = Buffer.concat(got.chunks).subarray(before);
    for (let i = 0; i < 50; i++) {
      assert.ok(bytes.subarray(i * 20_001, i * 20_001 + 20_000).every((byte) => byte === i));
      assert.equal(bytes[i * 20_001 + 20_000], 0xff);
    }
  });

  test(`${name}: writes of several pieces on several connections in one turn do not mix`, async (t) => {
    const next = await pairs(t, kind);
    const all = [await next(), await next(), await next()];
    const random = seededRandom(13);
    // Sizes up to and above the maximum of one turn.
    const sizes = [2, 16_384, 65_536, 131_067, 131_068, 131_073, 300_000];
    const sent = all.map(() => [] as Buffer[]);
    const got = all.map(({ peer }) => collected(peer));
    for (const size of sizes) {
      for (const [i, { transport }] of all.entries()) {
        const pieces = [random.bytes(4), random.bytes(size), random.bytes(1)].map((piece) =>
          Buffer.from(piece),
        );
        sent[i]!.push(...pieces);
        transport.write(pieces);
      }
      const due = Buffer.concat(sent[0]!).length;
      await waitUntil(() => got.every(({ bytes }) => bytes === due));
    }
    for (const [i, { chunks }] of got.entries())
      assert.ok(Buffer.concat(chunks).equals(Buffer.concat(sent[i]!)));
  });

  test(`${name}: end() sends pending bytes, then half-closes; the peer's half stays open`, async (t) => {
    const pair = await (await pairs(t, kind))();
    const { transport, log, peer } = pair;
    peer.allowHalfOpen = true;
    peer.pause();
    const written = await writeUntilBlocked(pair);
    transport.end();
    transport.write([Buffer.alloc(10)]);
    const got = collected(peer);
    let ended = false;
    peer.on('end', () => {
      ended = true;
    });
    peer.resume();
    await waitUntil(() => ended);
    assert.equal(got.bytes, written);
    peer.write('still here');
    await waitUntil(() => log.bytes.toString() === 'still here');
    assert.deepEqual(log.ends, []);
    peer.end();
    await waitUntil(() => log.ends.length > 0);
    assert.ok(log.ended);
    assert.deepEqual(log.ends, [undefined]);
  });

  test(`${name}: end() right after a write, in a turn in which data arrived`, async (t) => {
    const { transport, log, peer } = await (await pairs(t, kind))();
    const got = collected(peer);
    log.onReceived = () => {
      transport.write([Buffer.from('last ')]);
      transport.write([Buffer.from('words')]);
      transport.end();
    };
    peer.write('x');
    let ended = false;
    peer.on('end', () => {
      ended = true;
    });
    await waitUntil(() => ended);
    assert.equal(Buffer.concat(got.chunks).toString(), 'last words');
    peer.end();
    await waitUntil(() => log.ends.length > 0);
    assert.deepEqual(log.ends, [undefined]);
  });

  test(`${name}: after the peer half-closes, writes still reach it until end()`, async (t) => {
    const { transport, log, peer } = await (await pairs(t, kind))();
    peer.allowHalfOpen = true;
    const got = collected(peer);
    peer.end('last');
    await waitUntil(() => log.ended);
    assert.equal(log.bytes.toString(), 'last');
    transport.write([Buffer.from('answer')]);
    transport.resume();
    transport.end();
    transport.end();
    await waitUntil(() => log.ends.length > 0);
    assert.deepEqual(log.ends, [undefined]);
    assert.equal(Buffer.concat(got.chunks).toString(), 'answer');
  });

  test(`${name}: no data is delivered while paused, and all of it after resume()`, async (t) => {
    const { transport, log, peer } = await (await pairs(t, kind))();
    log.onReceived = () => transport.pause();
    peer.write('first');
    await waitUntil(() => log.receivedBytes > 0);
    peer.write('second');
    await eventLoopTurns(20);
    assert.equal(log.bytes.toString(), 'first');
    transport.pause();
    transport.resume();
    transport.resume();
    await waitUntil(() => log.bytes.toString() === 'firstsecond');
  });

  test(`${name}: no data is delivered if it is paused in the turn in which it was created`, async (t) => {
    const pause = (created: Pair['transport']): void => created.pause();
    const { transport, log, peer } = await (
      await pairs(t, {
        ...kind,
        take: (server, opened) =>
          kind.take(server, (newLog, newTransport) => {
            newTransport.pause();
            opened(newLog, newTransport);
          }),
        ...(kind.dial === undefined ? {} : { dial: (port, newLog) => kind.dial!(port, newLog, pause) }),
      })
    )();
    peer.write('x'.repeat(1_000));
    await eventLoopTurns(20);
    assert.equal(log.receivedBytes, 0);
    transport.resume();
    await waitUntil(() => log.receivedBytes === 1_000);
  });

  test(`${name}: after a pause during a large transfer at most the current read is delivered`, async (t) => {
    const { transport, log, peer } = await (await pairs(t, kind))();
    log.onReceived = () => transport.pause();
    peer.write(Buffer.alloc(8_000_000, 'x'));
    await waitUntil(() => log.receivedBytes > 0);
    await eventLoopTurns(50);
    // One read.
    assert.ok(log.receivedBytes <= 200_000, String(log.receivedBytes));
    log.onReceived = () => {};
    transport.resume();
    await waitUntil(() => log.receivedBytes === 8_000_000);
  });

  test(`${name}: a reset is reported once, as an error with the code of the system`, async (t) => {
    const { transport, log, peer, raw } = await (await pairs(t, kind))();
    peer.write('x');
    await waitUntil(() => log.receivedBytes > 0);
    raw.resetAndDestroy();
    await waitUntil(() => log.ends.length > 0);
    assert.equal((log.ends[0] as NodeJS.ErrnoException).code, 'ECONNRESET');
    transport.write([Buffer.from('y')]);
    transport.pause();
    transport.resume();
    transport.end();
    transport.destroy();
    await eventLoopTurns(5);
    assert.equal(log.ends.length, 1);
    assert.equal(transport.bufferedBytes, 0);
  });

  test(`${name}: a reset while bytes are pending is reported once, as an error, and the bytes are dropped`, async (t) => {
    const pair = await (await pairs(t, kind))();
    const { transport, log, peer, raw } = pair;
    peer.pause();
    await writeUntilBlocked(pair);
    transport.write([Buffer.alloc(1_000)]);
    raw.resetAndDestroy();
    await waitUntil(() => log.ends.length > 0);
    assert.match((log.ends[0] as NodeJS.ErrnoException).code!, /^(ECONNRESET|EPIPE)$/);
    await eventLoopTurns(5);
    assert.deepEqual([log.ends.length, transport.bufferedBytes], [1, 0]);
  });

  test(`${name}: destroy() with pending bytes or inside a read is reported once, later, without an error`, async (t) => {
    const pair = await (await pairs(t, kind))();
    const { transport, log, peer } = pair;
    peer.pause();
    await writeUntilBlocked(pair);
    transport.write([Buffer.alloc(1_000)]);
    const { writableCalls } = log;
    log.onReceived = () => {
      transport.destroy();
      assert.deepEqual(log.ends, []);
    };
    peer.write('x');
    await waitUntil(() => log.ends.length > 0);
    await eventLoopTurns(5);
    assert.deepEqual(log.ends, [undefined]);
    assert.equal(transport.bufferedBytes, 0);
    assert.equal(log.writableCalls, writableCalls);
  });

  test(`${name}: destroy() right after a write, in a turn in which data arrived`, async (t) => {
    const { transport, log, peer } = await (await pairs(t, kind))();
    peer.resume();
    log.onReceived = () => {
      transport.write([Buffer.from('answer')]);
      transport.write([Buffer.from('more')]);
      transport.destroy();
      transport.write([Buffer.from('nobody')]);
    };
    peer.write('x');
    await waitUntil(() => log.ends.length > 0);
    await eventLoopTurns(5);
    assert.deepEqual([log.ends, transport.bufferedBytes], [[undefined], 0]);
  });

  test(`${name}: handTo changes the owner, and standFor changes the peer's address`, async (t) => {
    const { transport, log, peer } = await (await pairs(t, kind))();
    const heir = new Log();
    peer.write('x');
    await waitUntil(() => log.receivedBytes > 0);
    assert.equal(transport.handTo(heir), transport);
    transport.standFor('192.0.2.1');
    assert.deepEqual([transport.remoteAddress, transport.remotePort], ['192.0.2.1', 0]);
    peer.write('y');
    await waitUntil(() => heir.bytes.toString() === 'y');
    transport.handTo(log);
  });
}

test('SE-22 GN-07: TLS socket: a payload that is detached while it is queued ends only that connection', async (t) => {
  const join = await pairs(t, KINDS.find(({ name }) => name === 'TLS socket')!);
  const [bad, other] = [await join(), await join()];
  const answers = [collected(bad.peer), collected(other.peer)];
  const buffer = new ArrayBuffer(20_000);
  for (const { transport } of [bad, other]) transport.write([Buffer.alloc(1_000)]);
  // TLS accepts one write at a time: these are queued until the first ones are reported as finished.
  bad.transport.write([new Uint8Array(buffer)]);
  other.transport.write([Buffer.alloc(20_000)]);
  const kept = structuredClone(buffer, { transfer: [buffer] });
  await waitUntil(() => bad.log.ends.length === 1 && answers[1]!.bytes === 21_000);
  assert.equal((bad.log.ends[0] as { readonly code?: string } | undefined)?.code, 'ERR_PAYLOAD_DETACHED');
  assert.ok(answers[0]!.bytes <= 1_000 && kept.byteLength === 20_000);
  assert.equal(other.log.ends.length, 0);
});

test('TLS socket: writes during a renegotiation arrive unchanged although their memory is overwritten', async (t) => {
  const kind = KINDS.find(({ name }) => name === 'TLS socket')!;
  const { transport, peer } = await (await pairs(t, kind))({ maxVersion: 'TLSv1.2' });
  const got = collected(peer);
  // Node allows three renegotiations in ten minutes.
  const left = { handshakes: 3 };
  const again = (): void => {
    (peer as TLSSocket).renegotiate({}, (error) => {
      assert.equal(error, null);
      if (--left.handshakes > 0) again();
    });
  };
  again();
  const sent: Buffer[] = [];
  while (left.handshakes > 0) {
    const pieces = [Buffer.from([left.handshakes]), Buffer.alloc(1_000, sent.length)];
    sent.push(...pieces);
    transport.write(pieces);
    await eventLoopTurns(1);
  }
  const all = Buffer.concat(sent);
  await waitUntil(() => got.bytes === all.length);
  assert.ok(Buffer.concat(got.chunks).equals(all));
});

/** Transfers so much that the system enlarges its socket buffers to megabytes. */
async function widen({ log, peer }: Pair, sent: Buffer): Promise<void> {
  for (let rounds = 0; rounds < 5; rounds++) {
    const due = log.receivedBytes + sent.length;
    peer.write(sent);
    await waitUntil(() => log.receivedBytes === due);
  }
}

for (const kind of KINDS.filter(({ name }) => name === 'handle' || name === 'socket')) {
  test(`${kind.name}: BP-14: after two full reads a connection yields to others, and loses no data`, async (t) => {
    const next = await pairs(t, kind);
    const [greedy, modest] = [await next(), await next()];
    const sent = Buffer.from(seededRandom(13).bytes(4_000_000));
    const before: number[] = [];
    greedy.log.onReceived = () => greedy.transport.giveWay();
    await widen(greedy, sent);
    const already = greedy.log.receivedBytes;
    modest.log.onReceived = () => before.push(greedy.log.receivedBytes - already);
    greedy.peer.write(sent);
    modest.peer.write('x');
    await waitUntil(() => greedy.log.receivedBytes === already + sent.length && before.length === 1);
    assert.ok(before[0]! <= 3 * READ_BYTES, `${before[0]} bytes came first`);
    assert.ok(greedy.log.bytes.subarray(already).equals(sent));
  });

  test(`${kind.name}: a connection that is paused or destroyed while it yields stays so`, async (t) => {
    const next = await pairs(t, kind);
    const sent = Buffer.alloc(4_000_000, 'x');
    for (const leaves of [false, true]) {
      const pair = await next();
      const { transport, log, peer } = pair;
      await widen(pair, sent);
      const already = log.receivedBytes;
      let fullReads = 0;
      log.onReceived = (chunk) => {
        transport.giveWay();
        fullReads = chunk.length === READ_BYTES ? fullReads + 1 : 0;
        if (fullReads < 2) return;
        if (leaves) transport.destroy();
        else transport.pause();
      };
      peer.write(sent);
      await waitUntil(() => fullReads === 2);
      const first = log.receivedBytes;
      await eventLoopTurns(5);
      assert.equal(log.receivedBytes, first);
      assert.ok(first < already + sent.length);
      if (leaves) continue;
      log.onReceived = () => transport.giveWay();
      transport.resume();
      await waitUntil(() => log.receivedBytes === already + sent.length);
    }
  });
}
