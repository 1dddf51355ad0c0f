import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CloseInfo, Connection, WebSocketServer } from '../../../src/index.ts';
import { close, eventLoopTurns, frame, text, waitUntil } from '../../../src/testing/index.ts';
import { closeCode, listening, live, nextText, type Peer } from '../live.ts';

/** How a connection can end, and what everybody sees of it. */
const ENDINGS: readonly {
  readonly what: string;
  readonly end: (peer: Peer, pass: (ms: number) => Promise<void>) => Promise<void> | void;
  readonly info: Partial<CloseInfo>;
}[] = [
  {
    what: 'the peer closes',
    end: ({ raw }) => raw.send(close(4001, 'bye')),
    info: {
      code: 4001,
      reason: 'bye',
      wasClean: true,
      initiator: 'remote',
      sentCode: 4001,
      cause: 'peer-close',
    },
  },
  {
    what: 'the peer closes without code',
    end: ({ raw }) => raw.send(close()),
    info: { code: 1005, reason: '', wasClean: true, initiator: 'remote', cause: 'peer-close' },
  },
  {
    what: 'the server closes, and the peer answers',
    end: async ({ raw, connection }) => {
      connection.close(4002, 'ours');
      assert.equal(await closeCode(raw), 4002);
      raw.send(close(4002));
    },
    info: { code: 4002, wasClean: true, initiator: 'local', sentCode: 4002, cause: 'local-close' },
  },
  {
    what: 'both close at once',
    end: ({ raw, connection }) => {
      raw.send(close(4003));
      connection.close(4002);
    },
    info: { code: 4003, wasClean: true, initiator: 'local', sentCode: 4002, cause: 'local-close' },
  },
  {
    what: 'the server closes, and the peer does not answer',
    end: async ({ connection }, pass) => {
      connection.close(1000);
      await pass(5_200);
    },
    info: { code: 1006, wasClean: false, initiator: 'local', sentCode: 1000, cause: 'close-timeout' },
  },
  {
    what: 'the server terminates',
    end: ({ connection }) => connection.terminate(),
    info: { code: 1006, wasClean: false, initiator: 'local', sentCode: undefined, cause: 'terminated' },
  },
  {
    what: 'the peer ends TCP without Close',
    end: ({ raw }) => raw.end(),
    info: { code: 1006, wasClean: false, initiator: 'remote', sentCode: undefined, cause: 'transport-end' },
  },
  {
    what: 'the peer resets',
    end: ({ wire }) => wire.reset(),
    info: { code: 1006, wasClean: false, initiator: 'remote', sentCode: undefined, cause: 'transport-error' },
  },
  {
    what: 'the peer breaks a rule and leaves',
    end: async ({ raw }) => {
      raw.send(frame({ opcode: 3 }));
      assert.equal(await closeCode(raw), 1002);
      raw[Symbol.dispose]();
    },
    info: { code: 1006, wasClean: false, initiator: 'local', sentCode: 1002, cause: 'protocol-error' },
  },
  {
    what: 'the peer breaks a rule and stays',
    end: async ({ raw }, pass) => {
      raw.send(text(Buffer.of(0xff)));
      assert.equal(await closeCode(raw), 1007);
      await pass(5_200);
    },
    info: { code: 1006, wasClean: false, initiator: 'local', sentCode: 1007, cause: 'invalid-utf8' },
  },
  {
    what: 'an unfinished message takes too long',
    end: async ({ raw }, pass) => {
      raw.send(text('half', { fin: false }));
      await pass(30_200);
      assert.equal(await closeCode(raw), 1008);
      raw[Symbol.dispose]();
    },
    info: { sentCode: 1008, cause: 'message-timeout', wasClean: false },
  },
];

for (const { what, end, info } of ENDINGS) {
  test(`CL-11 CL-13 TS-08: ${what}: one close event, with code and cause`, async (t) => {
    const { server, join, pass } = live(t, { heartbeat: false, idleTimeoutMs: false });
    const peer = await join();
    const { connection } = peer;
    const events: string[] = [];
    connection.on('close', () => void events.push('connection'));
    server.on('close', () => void events.push('server'));
    await end(peer, (ms) => pass(ms, 100));
    await eventLoopTurns(3);
    peer.raw.end();
    const result = await connection.closed;
    assert.deepEqual({ ...result, ...info }, result);
    await eventLoopTurns(3);
    assert.deepEqual(events, ['connection', 'server']);
    assert.deepEqual(connection.closeInfo, result);
    assert.equal(connection.state, 'closed');
    assert.equal(server.connections.get(connection.id), undefined);

    // ST, CL-10, EV-08: nothing of a connection throws because it is over.
    assert.equal(connection.send('late'), false);
    assert.equal(connection.ping(), false);
    connection.close(1000);
    connection.terminate();
    connection.pause();
    connection.resume();
    assert.equal(connection.subscribe('x'), false);
    assert.equal(connection.unsubscribe('x'), false);
    await assert.rejects(connection.drained(), { code: 'ERR_CLOSED' });
    for await (const message of connection) assert.fail(String(message));
    await eventLoopTurns(2);
    assert.equal(events.length, 2);
  });
}

test('CL-01: messages accepted before close go out first, none after it', async (t) => {
  const { join } = live(t);
  const { raw, connection } = await join();
  assert.equal(connection.send('1'), true);
  connection.close(1000, 'done');
  assert.equal(connection.send('2'), false);
  assert.equal(connection.droppedMessages, 1);
  assert.equal(await nextText(raw), '1');
  assert.equal(await closeCode(raw), 1000);
  raw.send(text('still talking'));
  raw.send(close(1000));
  raw.end();
  const { code, wasClean } = await connection.closed;
  assert.deepEqual([code, wasClean], [1000, true]);
});

test('CL-13: the last messages are delivered before close is', async (t) => {
  const { server, join } = live(t);
  const { raw, connection } = await join();
  const seen: string[] = [];
  server.on('message', async (_, message) => {
    seen.push(String(message));
    await eventLoopTurns(2);
  });
  connection.on('close', () => void seen.push('close'));
  raw.send(Buffer.concat([text('1'), text('2'), close(1000)]));
  raw.end();
  await connection.closed;
  await eventLoopTurns(2);
  assert.deepEqual(seen, ['1', '2', 'close']);
});

for (const [what, fail] of [
  [
    'throws',
    () => {
      throw new Error('as a test');
    },
  ],
  ['rejects', () => Promise.reject(new Error('as a test'))],
] as const) {
  test(`ER-05 EV-04: a message listener that ${what} closes its connection with 1011, and no other`, async (t) => {
    const { server, join, errors } = live(t);
    const [victim, bystander] = [await join(), await join()];
    server.on('message', (connection) => {
      if (connection === victim.connection) return fail();
      connection.send('fine');
      return undefined;
    });
    victim.raw.send(text('x'));
    assert.equal(await closeCode(victim.raw), 1011);
    victim.raw[Symbol.dispose]();
    const info = await victim.connection.closed;
    assert.equal(info.cause, 'handler-error');
    const [error] = errors.splice(0);
    assert.equal((error!.cause as Error).message, 'as a test');
    bystander.raw.send(text('x'));
    assert.equal(await nextText(bystander.raw), 'fine');
  });
}

for (const [how, send] of [
  ['send', (_, connection) => connection.send('third')],
  ['broadcast', (server) => server.broadcast('third').sent === 1],
] as const satisfies readonly (readonly [
  string,
  (server: WebSocketServer, connection: Connection) => boolean,
])[]) {
  test(`§5.5.1 CL-01: no message follows the Close when a drain listener closes during ${how}`, async (t) => {
    const { server, join } = await listening(t, { highWaterMarkBytes: 1_000 });
    const results: boolean[] = [];
    server.on('connection', (connection) => {
      connection.on('drain', () => connection.close(4000));
      connection.send('x'.repeat(600));
      // Over the mark: a drain is due, and the next call writes first.
      assert.equal(connection.send('y'.repeat(600)), false);
      results.push(send(server, connection));
      assert.equal(connection.state, 'closing');
      assert.equal(connection.droppedMessages, 1);
    });
    const client = await join();
    assert.equal(await nextText(client), 'x'.repeat(600));
    assert.equal(await nextText(client), 'y'.repeat(600));
    assert.equal(await closeCode(client), 4000);
    client.send(close(4000));
    client.end();
    await waitUntil(() => server.connections.size === 0);
    assert.equal(client.received.length, 0);
    assert.deepEqual(results, [false]);
  });
}

test('CL-08: after a protocol fault input is discarded, but no more than 1 MiB of it', async (t) => {
  const { join, closes } = live(t, { heartbeat: false, idleTimeoutMs: false });
  const { raw, connection } = await join();
  raw.send(Buffer.concat([frame({ opcode: 3 }), Buffer.alloc(100_000)]));
  await eventLoopTurns(10);
  assert.equal(connection.state, 'closing', 'the peer still gets to read the Close');
  for (let i = 0; i < 12; i++) {
    raw.send(Buffer.alloc(100_000));
    await eventLoopTurns(5);
  }
  await waitUntil(() => closes.length === 1);
  assert.equal(closes[0]!.cause, 'protocol-error');
});

test('HB-02: the socket of a peer that answers no ping is destroyed a second after the last Close', async (t) => {
  const { join, pass, closes } = live(t, { idleTimeoutMs: false, closeTimeoutMs: 60_000 });
  const { wire } = await join();
  for (let i = 0; i < 120 && closes.length === 0; i++) await pass(500);
  assert.deepEqual(
    closes.map(({ cause }) => cause),
    ['ping-timeout'],
  );
  assert.equal(wire.server.destroyed, false);
  await pass(1_200);
  assert.equal(wire.server.destroyed, true);
});
