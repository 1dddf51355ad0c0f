import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { before, test } from 'node:test';
import { MemoryBudget, type WebSocketServer } from '../../src/index.ts';
import { eventLoopTurns, text, waitUntil } from '../../src/testing/index.ts';
import { StreamTransport } from '../../src/sockets/stream-transport.ts';
import { live, type Peer } from '../server/live.ts';
import type { Filled, Report } from './queues-child.ts';

/** Maximum ratio of held to counted bytes. */
const MAX_FACTOR = 2.5;
/** Of 1 MiB: below this, other allocations of the process hide the result. */
const LEAST_COUNTED_BYTES = 100_000;

/** Each queue, and how many of the smallest entries 1 MiB holds at least. */
const QUEUES: readonly (readonly [string, number])[] = [
  ['output of one byte', 300_000],
  ['output of no byte', 400_000],
  ['broadcasts of one byte', 300_000],
  ['broadcasts of 200 bytes', 2_500],
  ['output and broadcasts by turns', 4_000],
  ['pings of the application', 7_000],
  ['plain messages behind a compression', 400_000],
  ['compressed messages behind a compression', 7_000],
  ['bytes behind a compression', 7_000],
  ['broadcasts behind a compression', 300_000],
  ['undelivered texts', 7_000],
  ['undelivered bytes', 7_000],
  ['undelivered empty messages', 7_000],
  ['unfinished messages', 2_000],
  ['fragments of one byte', 300_000],
  ['offline texts', 7_000],
  ['offline bytes', 7_000],
];

let report: Report;

before(
  async () => {
    const child = fork(join(import.meta.dirname, 'queues-child.js'), {
      execArgv: ['--expose-gc'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const [[message]] = (await Promise.all([once(child, 'message'), once(child, 'exit')])) as [
      [Report],
      unknown,
    ];
    report = message;
  },
  { timeout: 120_000 },
);

for (const [queue, least] of QUEUES) {
  test(`BP-04 BP-08 SE-25: ${queue}: a full queue holds at most ${MAX_FACTOR} times what it counts`, () => {
    const { countedBytes, heldBytes, pieces } = report[queue] as Filled;
    const said = `${pieces} pieces count ${countedBytes} and hold ${heldBytes} bytes`;
    assert.ok(countedBytes >= LEAST_COUNTED_BYTES, said);
    assert.ok(heldBytes <= MAX_FACTOR * countedBytes, said);
    assert.ok(pieces >= least, said);
  });
}

test('BP-04 SE-25: every queue that is filled is tested', () => {
  assert.deepEqual(
    Object.keys(report),
    QUEUES.map(([name]) => name),
  );
});

/** Small sends to a peer that does not read, which never reach a limit of their own. */
const OVER_BUDGET: readonly (readonly [string, boolean, (peer: Peer, server: WebSocketServer) => unknown])[] =
  [
    ['output of one byte', false, ({ connection }) => connection.send('x')],
    ['broadcasts of one byte', false, (_, server) => server.broadcast('x')],
    ['pings of the application', false, ({ connection }) => connection.ping()],
    ['empty messages behind a compression', true, ({ connection }) => connection.send('')],
    [
      'empty compressed messages behind a compression',
      true,
      ({ connection }) => connection.send('', { compress: true }),
    ],
  ];

for (const [what, compressed, send] of OVER_BUDGET) {
  test(`BP-08 SE-25: ${what}: the memory budget counts every piece, and closes the connection that holds most`, async (t) => {
    const memoryBudget = new MemoryBudget({ maxBytes: 1_000_000 });
    const { server, join, errors } = live(t, {
      memoryBudget,
      perMessageDeflate: compressed,
      maxBufferedBytes: 100_000_000,
      heartbeat: false,
    });
    const peer = await join(compressed ? { 'Sec-WebSocket-Extensions': 'permessage-deflate' } : {});
    peer.raw.pause();
    if (compressed) peer.connection.send('x'.repeat(500_000));
    else {
      while (peer.connection.bufferedBytes < 100_000) {
        peer.connection.send(Buffer.alloc(10_000));
        await eventLoopTurns(2);
      }
    }
    let pieces = 0;
    for (; peer.connection.state === 'open'; pieces++) {
      send(peer, server);
      assert.ok(pieces < 2_000_000 && memoryBudget.usedBytes <= 1_001_000, `${memoryBudget.usedBytes}`);
    }
    assert.ok(pieces > 2_000, `${pieces}`);
    await waitUntil(() => errors.length === 1);
    assert.equal(Reflect.get(errors.splice(0)[0]!, 'code'), 'ERR_MEMORY_CAP');
    assert.equal(memoryBudget.episodes, 1);
    peer.raw[Symbol.dispose]();
    await waitUntil(() => memoryBudget.usedBytes === 0);
  });
}

test('BP-06 SE-25: a blocked stream gets few writes, however small; the rest stays packed', async () => {
  const pending: (() => void)[] = [];
  const stream = new Duplex({
    read: () => undefined,
    write: (_chunk, _encoding, done) => void pending.push(done),
  });
  let writable = 0;
  const transport = new StreamTransport(stream, {
    received: () => undefined,
    receivedEnd: () => undefined,
    writable: () => void writable++,
    closed: () => undefined,
  });
  let writes = 0;
  for (; !transport.blocked; writes++) {
    assert.ok(writes < 1_000, 'writes without a limit');
    transport.write([Buffer.of(1)]);
  }
  assert.ok(writes <= 16, `${writes}`);
  assert.equal(writable, 0);
  while (pending.length > 0) {
    pending.shift()!();
    await eventLoopTurns(1);
  }
  assert.deepEqual([transport.blocked, transport.bufferedBytes], [false, 0]);
  assert.ok(writable > 0);
  transport.destroy();
});

test('BP-08: a copy of unread bytes counts in full until the last byte is read', async (t) => {
  const memoryBudget = new MemoryBudget();
  const { join } = live(t, { memoryBudget, receiveAheadBytes: 1 });
  const { connection, raw } = await join();
  let handled = 0;
  let release = (): void => {};
  connection.on('message', () => {
    handled++;
    return new Promise<void>((resolve) => {
      release = resolve;
    });
  });
  raw.send(Buffer.concat(Array.from({ length: 1_000 }, () => text('x'))));
  await waitUntil(() => handled === 1);
  const all = memoryBudget.usedBytes;
  assert.ok(all > 6_000, `${all}`);
  const handle = async (messages: number): Promise<void> => {
    for (let i = 0; i < messages; i++) {
      release();
      await eventLoopTurns(1);
    }
  };
  await handle(989);
  assert.equal(handled, 990);
  assert.equal(memoryBudget.usedBytes, all, 'one piece of memory');
  await handle(11);
  await waitUntil(() => memoryBudget.usedBytes === 0);
});
