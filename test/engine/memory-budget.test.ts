import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changeHeld, type MemoryHolder } from '../../src/engine/memory-budget.ts';
import { MemoryBudget, MisuseError, type ServerOptions } from '../../src/index.ts';
import { binary, continuation, eventLoopTurns, text, waitUntil } from '../../src/testing/index.ts';
import { listening, live, nextText } from '../server/live.ts';

const options = (maxBytes: number): ServerOptions & { readonly memoryBudget: MemoryBudget } => ({
  memoryBudget: new MemoryBudget({ maxBytes }),
  maxBufferedBytes: 100_000_000,
  maxMessageBytes: 10_000_000,
  heartbeat: false,
  idleTimeoutMs: false,
});

test('BP-08: over the budget, the largest holders are closed until usage is 90 %; other connections go on', async (t) => {
  const settings = options(1_000_000);
  const { memoryBudget } = settings;
  const { server, join, errors, closes } = live(t, settings);
  const [large, middle, small, healthy] = [await join(), await join(), await join(), await join()];
  for (const { raw } of [large, middle, small]) raw.pause();
  large.connection.send(Buffer.alloc(500_000));
  middle.connection.send(Buffer.alloc(300_000));
  small.connection.send(Buffer.alloc(150_000));
  await eventLoopTurns(5);
  assert.ok(memoryBudget.usedBytes > 700_000, `${memoryBudget.usedBytes}`);
  assert.deepEqual(errors, []);
  for (let i = 0; i < 4; i++) {
    middle.connection.send(Buffer.alloc(100_000));
    await eventLoopTurns(2);
  }
  // Both hold about the same, so closing either one is enough.
  assert.equal(errors.length, 1);
  assert.equal(Reflect.get(errors.splice(0)[0]!, 'code'), 'ERR_MEMORY_CAP');
  const states = [large, middle, small, healthy].map(({ connection }) => connection.state === 'open');
  assert.equal(states.filter((open) => !open).length, 1);
  assert.deepEqual(states.slice(2), [true, true]);
  assert.ok(memoryBudget.usedBytes <= 900_000, `${memoryBudget.usedBytes}`);
  healthy.connection.send('fine');
  assert.equal(await nextText(healthy.raw), 'fine');
  for (const { raw } of [large, middle, small]) raw[Symbol.dispose]();
  await waitUntil(() => server.connections.size === 1);
  assert.deepEqual(
    closes.filter(({ cause }) => cause === 'memory-cap').map(({ sentCode }) => sentCode),
    [1013],
  );
  healthy.raw[Symbol.dispose]();
  await waitUntil(() => memoryBudget.usedBytes === 0);
});

test('BP-08: connections whose peers read are not closed: bytes that the kernel accepts are written first', async (t) => {
  const settings = options(200_000);
  const { server, join, errors } = await listening(t, settings);
  const clients = [];
  for (let i = 0; i < 20; i++) clients.push(await join());
  // A megabyte in one turn; a fifth of it fits.
  for (const connection of server.connections) {
    for (let i = 0; i < 5; i++) connection.send('x'.repeat(10_000));
  }
  for (const client of clients)
    for (let i = 0; i < 5; i++) assert.equal((await nextText(client)).length, 10_000);
  assert.deepEqual(errors, []);
  await waitUntil(() => settings.memoryBudget.usedBytes === 0);
});

test('BP-08: unfinished messages count in the budget', async (t) => {
  const settings = options(300_000);
  const { server, join, errors, closes } = live(t, settings);
  server.on('message', () => undefined);
  const peers = [await join(), await join(), await join()];
  for (const { raw } of peers) {
    raw.send(binary(Buffer.alloc(60_000), { fin: false }));
    await eventLoopTurns(10);
  }
  assert.ok(settings.memoryBudget.usedBytes >= 180_000, `${settings.memoryBudget.usedBytes}`);
  peers[1]!.raw.send(continuation(Buffer.alloc(200_000), { fin: false }));
  await waitUntil(() => errors.length === 1);
  errors.splice(0);
  assert.deepEqual(
    peers.map(({ connection }) => connection.state === 'open'),
    [true, false, true],
  );
  peers[1]!.raw[Symbol.dispose]();
  await waitUntil(() => closes.length === 1);
  assert.equal(closes[0]!.cause, 'memory-cap');
  for (const at of [0, 2]) peers[at]!.raw.send(continuation('', { fin: true }));
});

test('BP-08 BP-10: undelivered messages count in the budget', async (t) => {
  const settings = { ...options(100_000), receiveAheadBytes: 1_000_000 };
  const { join, errors } = live(t, settings);
  const peer = await join();
  // There is no message listener.
  for (let i = 0; i < 50; i++) peer.raw.send(text('x'.repeat(5_000)));
  await waitUntil(() => errors.length === 1);
  errors.splice(0);
  assert.notEqual(peer.connection.state, 'open');
  assert.ok(peer.connection.droppedMessages > 0);
  peer.raw[Symbol.dispose]();
  await waitUntil(() => settings.memoryBudget.usedBytes === 0);
});

test('BP-08: two servers may share a budget; the largest connection of both is closed', async (t) => {
  const settings = options(500_000);
  const [one, two] = [live(t, settings), live(t, settings)];
  const [modest, greedy] = [await one.join(), await two.join()];
  for (const { raw } of [modest, greedy]) raw.pause();
  modest.connection.send(Buffer.alloc(200_000));
  greedy.connection.send(Buffer.alloc(300_000));
  await eventLoopTurns(3);
  greedy.connection.send(Buffer.alloc(300_000));
  assert.deepEqual([modest.connection.state, greedy.connection.state], ['open', 'closed']);
  assert.deepEqual([one.errors.splice(0).length, two.errors.splice(0).length], [0, 1]);
});

for (const maxBytes of [0, -1, 1.5, Infinity, Number.NaN, '5', null]) {
  test(`BP-08 GN-02: a budget cannot be ${JSON.stringify(maxBytes)}`, () => {
    assert.throws(
      () => new MemoryBudget({ maxBytes: maxBytes as number }),
      (error) =>
        error instanceof MisuseError && error.code === 'ERR_OPTION' && error.message.includes('maxBytes'),
    );
  });
}

/** A counted holder that records the calls of the budget. */
class Holder implements MemoryHolder {
  heldBytes = 0;
  budgetSlot = -1;
  readonly name: string;
  readonly #budget: MemoryBudget;
  readonly #seen: string[];
  readonly #throws: boolean;

  constructor(name: string, budget: MemoryBudget, seen: string[], throws = false) {
    this.name = name;
    this.#budget = budget;
    this.#seen = seen;
    this.#throws = throws;
  }

  hold(bytes: number): void {
    const change = bytes - this.heldBytes;
    this.heldBytes = bytes;
    changeHeld(this.#budget, this, change);
  }

  relieve(): void {
    this.#seen.push(`relieve ${this.name}`);
    if (this.#throws) throw new Error(this.name);
  }

  shed(): void {
    this.#seen.push(`shed ${this.name}`);
    if (this.#throws) throw new Error(this.name);
    this.hold(0);
  }

  failed(): void {
    this.#seen.push(`failed ${this.name}`);
    this.hold(0);
  }
}

test('BP-08: holders may leave in any order, and the others are still found', () => {
  const budget = new MemoryBudget({ maxBytes: 1_000 });
  const seen: string[] = [];
  const [a, b, c, d, e] = ['a', 'b', 'c', 'd', 'e'].map((name) => new Holder(name, budget, seen)) as [
    Holder,
    Holder,
    Holder,
    Holder,
    Holder,
  ];
  for (const each of [a, b, c, d]) each.hold(100);
  // The last holder moves to the slot of the first and leaves it again; so does the next one.
  a.hold(0);
  d.hold(0);
  b.hold(0);
  assert.deepEqual(
    [a, b, c, d].map(({ budgetSlot }) => budgetSlot >= 0),
    [false, false, true, false],
  );
  d.hold(200);
  a.hold(300);
  b.hold(50);
  a.hold(310);
  assert.equal(budget.usedBytes, 660);
  e.hold(500);
  assert.deepEqual(seen, ['relieve e', 'relieve a', 'relieve d', 'relieve c', 'relieve b', 'shed e']);
  for (const each of [c, a, d, b]) each.hold(0);
  assert.equal(budget.usedBytes, 0);
  seen.splice(0);
  a.hold(2_000);
  assert.deepEqual(seen, ['relieve a', 'shed a'], 'no other holder is asked');
});

test('GN-03 BP-08: a holder that throws gets the error, and the next holders are still asked', () => {
  const budget = new MemoryBudget({ maxBytes: 1_000 });
  const seen: string[] = [];
  const make = (name: string, throws = false): Holder => new Holder(name, budget, seen, throws);
  const [healthy, broken] = [make('healthy'), make('broken', true)];
  healthy.hold(100);
  broken.hold(2_000);
  assert.deepEqual(seen, ['relieve broken', 'failed broken']);
  assert.equal(budget.usedBytes, 100);
  const [large, sheds] = [make('large'), make('sheds')];
  Object.assign(sheds, {
    shed: () => {
      throw new Error('shed');
    },
  });
  seen.splice(0);
  large.hold(880);
  sheds.hold(900);
  assert.deepEqual(seen, ['relieve sheds', 'relieve large', 'relieve healthy', 'failed sheds', 'shed large']);
  assert.equal(budget.usedBytes, 100);
});

test('BP-08: over the budget, growth closes connections, but a holder that shrinks does not', () => {
  const budget = new MemoryBudget({ maxBytes: 1_000 });
  const seen: string[] = [];
  const stubborn = new Holder('stubborn', budget, seen);
  Object.assign(stubborn, { shed: () => void seen.push('shed stubborn') });
  stubborn.hold(3_000);
  stubborn.hold(2_500);
  assert.deepEqual(seen, ['relieve stubborn', 'shed stubborn']);
  assert.equal(budget.episodes, 1);
});
