import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { SafeEmitter } from '../../../src/connection/emitter.ts';
import type { Connection, Logger, ServerEvents, ServerOptions } from '../../../src/index.ts';
import { PreparedMessage } from '../../../src/protocol/outgoing/prepared-message.ts';
import type { ConnectionIds } from '../../../src/server/groups/broadcast.ts';
import type { DeliverRelayed, Relay, Relayed, RelayedDelivery } from '../../../src/server/groups/relay.ts';
import type { Position } from '../../../src/server/groups/topic.ts';
import { ServerCore } from '../../../src/server/server-core.ts';
import { shutDown, shutdownSettings } from '../../../src/server/shutdown.ts';
import {
  duplexPair,
  eventLoopTurns,
  RawClient,
  VirtualClock,
  waitUntil,
} from '../../../src/testing/index.ts';
import { Fields } from '../../../src/protocol/handshake/fields.ts';
import { nextText, upgradeRequest } from '../live.ts';

type Note =
  | { readonly is: 'subscribe' | 'unsubscribe'; readonly topic: string }
  | {
      readonly is: 'message';
      readonly topic: string;
      readonly bytes: Uint8Array;
      readonly isText: boolean;
      readonly except: ConnectionIds;
      readonly position: Position;
    };

/** Joins two servers by a message channel. Each sends only topics that have subscribers on the other. */
class PortRelay implements Relay {
  readonly #port: MessagePort;
  /** Topics with subscribers on the other server. */
  readonly wanted = new Set<string>();
  /** Messages sent to the other server. */
  sent = 0;
  #deliver!: DeliverRelayed;

  constructor(port: MessagePort) {
    this.#port = port.on('message', (note: Note) => this.#received(note));
  }

  start(deliver: DeliverRelayed): void {
    this.#deliver = deliver;
  }

  subscribe(topic: string): void {
    this.#send({ is: 'subscribe', topic });
  }

  unsubscribe(topic: string): void {
    this.#send({ is: 'unsubscribe', topic });
  }

  publish(topic: string, message: PreparedMessage, except: ConnectionIds): Promise<Relayed> {
    if (!this.wanted.has(topic)) return Promise.resolve({ ok: true });
    const position = { epoch: 'first', offset: ++this.sent };
    const bytes = Uint8Array.from(message.payload);
    this.#send({ is: 'message', topic, bytes, isText: message.isText, except, position });
    return Promise.resolve({ ok: true, position });
  }

  #send(note: Note): void {
    this.#port.postMessage(note, []);
  }

  #received(note: Note): void {
    if (note.is === 'message') {
      const message = new PreparedMessage(note.bytes, { binary: !note.isText });
      this.#deliver(note.topic, message, note.except, note.position);
    } else if (note.is === 'subscribe') this.wanted.add(note.topic);
    else this.wanted.delete(note.topic);
  }
}

interface Node {
  readonly core: ServerCore<unknown>;
  readonly emitter: SafeEmitter<ServerEvents<unknown>>;
  readonly errors: Error[];
  readonly join: () => Promise<{ readonly raw: RawClient; readonly connection: Connection }>;
}

/** A server with a relay, on its own clock and without a network. */
function node(t: TestContext, relay: Relay, options: ServerOptions = {}): Node {
  const clock = new VirtualClock();
  const core = new ServerCore<unknown>({ clock, ...options }, undefined, [], relay);
  const emitter = new SafeEmitter<ServerEvents<unknown>>(core);
  core.emitter = emitter;
  const errors: Error[] = [];
  emitter.on('error', (error) => void errors.push(error));
  const clients: RawClient[] = [];
  t.after(async () => {
    for (const raw of clients) raw[Symbol.dispose]();
    await eventLoopTurns(3);
    await shutDown(core, shutdownSettings(undefined), undefined);
    assert.deepEqual(
      [core.groups.topics.size, core.groups.topics.subscriptions, clock.pendingTimers],
      [0, 0, 0],
    );
  });
  return {
    core,
    emitter,
    errors,
    join: async () => {
      const wire = duplexPair();
      const raw = RawClient.over(wire.client);
      const request = upgradeRequest();
      const head = {
        method: 'GET',
        target: '/',
        httpVersion: '1.1',
        fields: Fields.fromRaw(request.rawHeaders),
      };
      const connection = await core.upgrade(wire.server, head, Buffer.alloc(0), request);
      assert.ok(connection);
      await raw.nextHead();
      clients.push(raw);
      return { raw, connection };
    },
  };
}

function pair(t: TestContext): { a: Node; b: Node; relays: readonly [PortRelay, PortRelay] } {
  const { port1, port2 } = new MessageChannel();
  const relays = [new PortRelay(port1), new PortRelay(port2)] as const;
  const nodes = { a: node(t, relays[0]), b: node(t, relays[1]), relays };
  t.after(() => port1.close());
  return nodes;
}

const relayedOf = (delivery: object): Promise<Relayed> => (delivery as RelayedDelivery).relayed;

test('TP-03 BC-02 a publish reaches the subscribers of both servers, text and binary, and not the sender', async (t) => {
  const { a, b, relays } = pair(t);
  const [sender, local] = [await a.join(), await a.join()];
  const remote = await b.join();
  for (const { connection } of [sender, local, remote]) connection.subscribe('news');
  await waitUntil(() => relays[0].wanted.has('news') && relays[1].wanted.has('news'));
  const delivery = sender.connection.publish('news', 'grüße');
  const { sent, skipped, failed } = delivery;
  assert.deepEqual([sent, skipped, failed], [1, 1, 0], 'the counts are those of this server');
  assert.deepEqual(await relayedOf(delivery), { ok: true, position: { epoch: 'first', offset: 1 } });
  a.core.groups.publish(undefined, 'news', Buffer.from([0, 255]), undefined);
  for (const { raw } of [local, remote]) {
    const [text, binary] = [await raw.nextFrame(), await raw.nextFrame()];
    assert.deepEqual([text.opcode, text.payload.toString()], [1, 'grüße']);
    assert.deepEqual([binary.opcode, [...binary.payload]], [2, [0, 255]]);
  }
  // The sender gets the second publish, which is the server's own, and nothing before it.
  assert.deepEqual([...(await sender.raw.nextFrame()).payload], [0, 255]);
  await eventLoopTurns(5);
  assert.equal(relays[1].sent, 0, 'a delivered message is not published again');
  assert.equal(sender.raw.received.length, 0);
});

test('TP-05 subscribers of both servers see the publishes of one server in the order of the calls', async (t) => {
  const { a, b, relays } = pair(t);
  const peers = [await a.join(), await b.join()];
  for (const { connection } of peers) connection.subscribe('t');
  await waitUntil(() => relays[0].wanted.has('t') && relays[1].wanted.has('t'));
  for (let i = 0; i < 100; i++) {
    a.core.groups.publish(undefined, 't', `a${i}`, undefined);
    b.core.groups.publish(undefined, 't', `b${i}`, undefined);
    if (i % 9 === 0) await eventLoopTurns(1);
  }
  for (const { raw } of peers) {
    const seen = { a: 0, b: 0 };
    for (let i = 0; i < 200; i++) {
      const text = await nextText(raw);
      const from = text[0] as 'a' | 'b';
      assert.equal(text, `${from}${seen[from]++}`);
    }
  }
});

test('TP-03 except also excludes connections of other servers', async (t) => {
  const { a, b, relays } = pair(t);
  const [one, two] = [await b.join(), await b.join()];
  for (const { connection } of [one, two]) connection.subscribe('t');
  await waitUntil(() => relays[0].wanted.has('t'));
  a.core.groups.publish(undefined, 't', 'x', { except: one.connection.id });
  a.core.groups.publish(undefined, 't', 'y', { except: [one.connection, two.connection] });
  a.core.groups.publish(undefined, 't', 'end', undefined);
  assert.deepEqual(
    [await nextText(one.raw), await nextText(two.raw), await nextText(two.raw)],
    ['end', 'x', 'end'],
  );
});

test('TP-01 TP-04 the relay hears of the first and the last subscriber of a topic, also of one that closes', async (t) => {
  const { a, b, relays } = pair(t);
  const [one, two] = [await b.join(), await b.join()];
  const publish = async (): Promise<number> => {
    const before = relays[0].sent;
    await relayedOf(a.core.groups.publish(undefined, 't', 'x', undefined));
    return relays[0].sent - before;
  };
  assert.equal(await publish(), 0);
  one.connection.subscribe('t');
  two.connection.subscribe('t');
  await waitUntil(() => relays[0].wanted.has('t'));
  assert.equal(await publish(), 1);
  one.connection.unsubscribe('t');
  await eventLoopTurns(5);
  assert.equal(await publish(), 1, 'one subscriber is left');
  two.connection.terminate();
  await waitUntil(() => !relays[0].wanted.has('t'));
  assert.equal(await publish(), 0);
});

test('TP-03 a topic knows the position of the message that the relay delivered last', async (t) => {
  const { a, b, relays } = pair(t);
  const { connection, raw } = await b.join();
  connection.subscribe('t');
  assert.equal(b.core.groups.topics.get('t')?.position, undefined);
  await waitUntil(() => relays[0].wanted.has('t'));
  for (const text of ['1', '2', '3']) a.core.groups.publish(undefined, 't', text, undefined);
  for (const text of ['1', '2', '3']) assert.equal(await nextText(raw), text);
  assert.deepEqual(b.core.groups.topics.get('t')?.position, { epoch: 'first', offset: 3 });
});

test('TP-03 where is refused on a server with a relay, before a subscriber gets the message', async (t) => {
  const { a, relays } = pair(t);
  const { connection, raw } = await a.join();
  connection.subscribe('t');
  assert.throws(() => a.core.groups.publish(undefined, 't', 'x', { where: () => true }), {
    name: 'MisuseError',
    code: 'ERR_OPTION',
    message: /where is a function; .* cannot be sent to the other servers/,
  });
  a.core.groups.publish(undefined, 't', 'y', undefined);
  assert.equal(await nextText(raw), 'y');
  assert.equal(relays[0].sent, 0);
});

test('TP-03 ER-05 a relay that throws or rejects fails that call alone, and the log names error and topic', async (t) => {
  const failures: unknown[] = [];
  const ignore = (): void => {};
  const logger: Logger = {
    debug: ignore,
    info: ignore,
    warn: ignore,
    error: (fields, text) => void failures.push([text, { ...fields }]),
  };
  const error = new Error('as a test');
  const fails = (): never => {
    throw error;
  };
  let publish: () => Promise<Relayed> = fails;
  const relay: Relay = { start: () => {}, subscribe: fails, unsubscribe: fails, publish: () => publish() };
  const { core, emitter, errors, join } = node(t, relay, { logger });
  const [one, two] = [await join(), await join()];
  const events: string[] = [];
  emitter.on('subscribe', (_, topic) => void events.push(`subscribe ${topic}`));
  emitter.on('unsubscribe', (_, topic) => void events.push(`unsubscribe ${topic}`));
  emitter.on('close', (connection) => void events.push(`close ${[...connection.topics].join()}`));
  const line = ['relay failed', { err: error, topic: 't' }];

  assert.equal(one.connection.subscribe('t'), true);
  assert.equal(two.connection.subscribe('t'), true);
  assert.deepEqual(failures.splice(0), [line], 'only the first subscriber is told to the relay');
  const thrown = one.connection.publish('t', 'x');
  assert.equal(thrown.sent, 1);
  publish = () => Promise.reject(error);
  const rejected = one.connection.publish('t', 'y');
  for (const delivery of [thrown, rejected])
    assert.deepEqual(await relayedOf(delivery), { ok: false, error });
  assert.deepEqual([await nextText(two.raw), await nextText(two.raw)], ['x', 'y']);
  assert.deepEqual(failures.splice(0), [line, line]);
  two.connection.unsubscribe('t');
  one.connection.terminate();
  await one.connection.closed;
  assert.deepEqual(failures.splice(0), [line]);
  assert.deepEqual(events, ['subscribe t', 'subscribe t', 'unsubscribe t', 'unsubscribe t', 'close t']);
  assert.equal(core.groups.topics.size, 0);
  assert.deepEqual(errors, []);
});
