import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Connection, MisuseError } from '../../src/index.ts';
import {
  binary,
  close,
  continuation,
  eventLoopTurns,
  frame,
  ping,
  text,
  waitUntil,
} from '../../src/testing/index.ts';
import { closeCode, live, nextText } from '../server/live.ts';

test('EV-06: text arrives as a string, binary as a Buffer to keep; connection listeners run before server listeners', async (t) => {
  const { server, join } = live(t);
  const { raw, connection } = await join();
  const seen: unknown[] = [];
  server.on('message', (from, message) => void seen.push(['server', from === connection, message]));
  connection.on('message', (message) => void seen.push(['connection', message]));
  raw.send(Buffer.concat([text('é'), binary(Buffer.of(1, 2))]));
  await waitUntil(() => seen.length === 4);
  assert.deepEqual(seen, [
    ['connection', 'é'],
    ['server', true, 'é'],
    ['connection', Buffer.of(1, 2)],
    ['server', true, Buffer.of(1, 2)],
  ]);
});

test('EV-06: later input does not change a delivered binary message', async (t) => {
  const { server, join } = live(t);
  const { raw } = await join();
  const kept: Buffer[] = [];
  server.on('message', (_, message) => void kept.push(message as Buffer));
  for (let i = 0; i < 200; i++) raw.send(binary(Buffer.alloc(100, i)));
  await waitUntil(() => kept.length === 200);
  kept.forEach((message, i) => assert.ok(message.every((byte) => byte === (i & 0xff))));
});

test('BP-09: a listener that returns a promise delays the next message of its connection only', async (t) => {
  const { server, join } = live(t);
  const [slow, quick] = [await join(), await join()];
  const log: string[] = [];
  let release = (): void => {};
  server.on('message', (connection, message) => {
    log.push(String(message));
    if (connection !== slow.connection) return undefined;
    return new Promise<void>((resolve) => {
      release = resolve;
    });
  });
  slow.raw.send(Buffer.concat([text('s1'), text('s2'), text('s3')]));
  await waitUntil(() => log.length === 1);
  quick.raw.send(Buffer.concat([text('q1'), text('q2')]));
  await waitUntil(() => log.length === 3);
  assert.deepEqual(log, ['s1', 'q1', 'q2']);
  release();
  await waitUntil(() => log.length === 4);
  release();
  await waitUntil(() => log.length === 5);
  release();
  assert.deepEqual(log, ['s1', 'q1', 'q2', 's2', 's3']);
});

test('BP-09: maxConcurrentMessages allows several pending handlers', async (t) => {
  const { server, join } = live(t, { maxConcurrentMessages: 3 });
  const { raw } = await join();
  let running = 0;
  let most = 0;
  let done = 0;
  server.on('message', async () => {
    most = Math.max(most, ++running);
    await eventLoopTurns(3);
    running--;
    done++;
  });
  for (let i = 0; i < 10; i++) raw.send(text(String(i)));
  await waitUntil(() => done === 10);
  assert.equal(most, 3);
});

test('BP-10: a slow handler causes back-pressure on the peer, and no message is lost', async (t) => {
  const { server, join } = live(t, { receiveAheadBytes: 10_000 });
  const { raw, connection } = await join();
  let release: (() => void) | undefined;
  const seen: number[] = [];
  server.on('message', (_, message) => {
    seen.push((message as Buffer).readUInt32BE());
    if (release !== undefined) return undefined;
    return new Promise<void>((resolve) => {
      release = resolve;
    });
  });
  const payload = Buffer.alloc(1_000);
  for (let i = 0; i < 500; i++) {
    payload.writeUInt32BE(i);
    raw.send(binary(payload));
  }
  await waitUntil(() => release);
  await eventLoopTurns(20);
  assert.ok(connection.bytesReceived < 100_000, `${connection.bytesReceived} bytes read ahead`);
  release!();
  await waitUntil(() => seen.length === 500);
  assert.deepEqual(
    seen,
    Array.from({ length: 500 }, (_, i) => i),
  );
});

test('BP-11: pause stops delivery between messages, also inside a handler; resume continues with the next one', async (t) => {
  const { server, join } = live(t);
  const { raw, connection } = await join();
  const seen: string[] = [];
  server.on('message', (from, message) => {
    seen.push(String(message));
    if (message === '2') from.pause();
  });
  raw.send(Buffer.concat([text('1'), text('2'), text('3'), ping(), text('4')]));
  await waitUntil(() => seen.length === 2);
  await eventLoopTurns(5);
  assert.deepEqual(seen, ['1', '2']);
  connection.resume();
  await waitUntil(() => seen.length === 4);
  assert.deepEqual(seen, ['1', '2', '3', '4']);
});

test('EV-07: for await returns messages one by one and ends with the connection', async (t) => {
  const { join } = live(t);
  const { raw, connection } = await join();
  const seen: unknown[] = [];
  raw.send(Buffer.concat([text('1'), binary('2'), text('3'), close(4000)]));
  raw.end();
  for await (const message of connection) seen.push(message);
  assert.deepEqual(seen, ['1', Buffer.from('2'), '3']);
  assert.equal((await connection.closed).code, 4000);
});

test('EV-07: leaving a loop pauses the connection; another loop continues; two loops at a time are misuse', async (t) => {
  const { join } = live(t);
  const { raw, connection } = await join();
  raw.send(Buffer.concat([text('1'), text('2'), text('3')]));
  for await (const message of connection) {
    assert.equal(message, '1');
    assert.throws(
      () => connection[Symbol.asyncIterator](),
      (error) => error instanceof MisuseError && error.code === 'ERR_STATE',
    );
    break;
  }
  await eventLoopTurns(5);
  const rest: unknown[] = [];
  for await (const message of connection) {
    rest.push(message);
    if (rest.length === 2) break;
  }
  assert.deepEqual(rest, ['2', '3']);
});

test('EV-07: a loop over a connection that breaks ends without an error', async (t) => {
  const { join } = live(t);
  const { wire, connection } = await join();
  const loop = (async () => {
    for await (const message of connection) assert.fail(String(message));
  })();
  wire.reset();
  await loop;
  assert.equal((await connection.closed).cause, 'transport-error');
});

for (const how of ['close', 'terminate'] as const) {
  test(`EV-07 CL-13: ${how} after leaving a loop does not wait for unconsumed messages`, async (t) => {
    const { clock, join } = live(t);
    const { raw, connection } = await join();
    for (const word of ['one', 'two', 'three']) raw.send(text(word));
    for await (const message of connection) {
      assert.equal(message, 'one');
      break;
    }
    await waitUntil(() => connection.messagesReceived === 3);
    connection[how]();
    if (how === 'close') raw.send(close(1000));
    raw.end();
    await connection.closed;
    assert.deepEqual([connection.droppedMessages, clock.now()], [2, 0]);
  });
}

test('EV-07: after pause and close, buffered messages can be consumed until the close timeout', async (t) => {
  const { join } = live(t);
  const { raw, connection } = await join();
  const messages: unknown[] = [];
  connection.on('message', (message) => messages.push(message));
  connection.pause();
  raw.send(text('kept'));
  await waitUntil(() => connection.messagesReceived === 1);
  connection.close();
  raw.send(close(1000));
  raw.end();
  await waitUntil(() => connection.state === 'closed');
  connection.resume();
  await connection.closed;
  assert.deepEqual(messages, ['kept']);
});

test('CT-06: ping and pong events carry copies, and pings are still answered', async (t) => {
  const { join } = live(t);
  const { raw, connection } = await join();
  const seen: unknown[] = [];
  connection.on('ping', (payload) => void seen.push(['ping', payload]));
  connection.on('pong', (payload) => void seen.push(['pong', payload]));
  raw.send(Buffer.concat([ping('a'), frame({ opcode: 10, payload: 'b' })]));
  assert.equal((await raw.nextFrame()).opcode, 10);
  await waitUntil(() => seen.length === 2);
  assert.deepEqual(seen, [
    ['ping', Buffer.from('a')],
    ['pong', Buffer.from('b')],
  ]);
});

test('CL-01: close inside a handler is safe: messages already read are checked and dropped', async (t) => {
  const { server, join } = live(t);
  const { raw, connection } = await join();
  const seen: unknown[] = [];
  server.on('message', (from, message) => {
    seen.push(message);
    from.close(4000);
  });
  raw.send(Buffer.concat([text('1'), text('2'), text('3'), close(4000)]));
  raw.end();
  assert.equal(await closeCode(raw), 4000);
  await connection.closed;
  assert.deepEqual(seen, ['1']);
});

test('EV-04: a message listener added later gets the buffered messages', async (t) => {
  const { join } = live(t);
  const { raw, connection } = await join();
  raw.send(text('early'));
  await eventLoopTurns(5);
  const seen: unknown[] = [];
  connection.on('message', (message) => void seen.push(message));
  await waitUntil(() => seen.length === 1);
  assert.deepEqual(seen, ['early']);
});

test('RL-02 RL-03: a peer over its rate is closed with 1008, and the message over the limit is not delivered', async (t) => {
  const { server, join, closes } = live(t, { rateLimit: { messagesPerSecond: 2, burstMessages: 3 } });
  const seen: unknown[] = [];
  server.on('message', (_, message) => void seen.push(message));
  const { raw, connection } = await join();
  raw.send(Buffer.concat([text('1'), ping(), text('2'), text('3')]));
  assert.equal((await raw.nextFrame()).opcode, 10);
  assert.equal(await closeCode(raw), 1008);
  raw[Symbol.dispose]();
  await connection.closed;
  assert.deepEqual(seen, ['1', '2']);
  assert.deepEqual(
    closes.map(({ cause }) => cause),
    ['rate-limit'],
  );
});

test('RL-03: throttle delays reading and loses no message', async (t) => {
  const { server, clock, join, pass } = live(t, {
    rateLimit: { messagesPerSecond: 10, burstMessages: 5, action: 'throttle' },
    heartbeat: false,
    idleTimeoutMs: false,
  });
  const at: number[] = [];
  server.on('message', () => void at.push(clock.now()));
  const { raw } = await join();
  for (let i = 0; i < 25; i++) raw.send(text(String(i)));
  await pass(5_000, 50);
  assert.equal(at.length, 25);
  // A burst of five, then ten a second. A deadline may pass up to 100 ms early.
  for (const [i, ms] of at.entries()) {
    assert.ok(ms >= Math.max(0, i - 5) * 100 - 100, `message ${i} after ${ms} ms`);
  }
});

test('RL-01: buckets are per connection', async (t) => {
  const { server, join } = live(t, { rateLimit: { bytesPerSecond: 1_000, burstBytes: 1_000 } });
  server.on('message', (connection: Connection, message) => void connection.send(message));
  const [greedy, modest] = [await join(), await join()];
  // Payload and header together empty the bucket.
  greedy.raw.send(binary(Buffer.alloc(992)));
  assert.equal((await greedy.raw.nextFrame()).payload.length, 992);
  greedy.raw.send(text('more'));
  modest.raw.send(text('x'));
  assert.equal(await nextText(modest.raw), 'x');
  assert.equal(await closeCode(greedy.raw), 1008);
});

test('FR-01 FR-08: ten thousand fragments of one byte are one message', async (t) => {
  const { server, join } = live(t);
  const { raw } = await join();
  const seen: unknown[] = [];
  server.on('message', (_, message) => void seen.push(message));
  const fragments = [text('x', { fin: false })];
  for (let i = 0; i < 9_998; i++) fragments.push(continuation('x', { fin: false }));
  raw.send(Buffer.concat([...fragments, continuation('x')]));
  await waitUntil(() => seen.length === 1);
  assert.equal(seen[0], 'x'.repeat(10_000));
});
