import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Relayed } from '../../../src/server/groups/topic-node.ts';
import { eventLoopTurns } from '../../../src/testing/index.ts';
import { proxyTo } from '../proxy.ts';
import type { TestNode } from '../recorded.ts';
import { CLIENTS, noClients } from './clients.ts';
import { eventsOf, joined, liveNode, nats, textsOf, until } from './live.ts';
import { noNats } from './server.ts';

/** Publishes numbers, four at a time, until it is told to stop. @returns Stops, and returns the results by text. */
function traffic(node: TestNode): () => Promise<ReadonlyMap<string, Relayed>> {
  const results = new Map<string, Relayed>();
  const state = { goes: true };
  const lanes = [0, 1, 2, 3].map(async (lane) => {
    for (let i = 0; state.goes; i++) {
      const text = `${lane} ${i}`;
      results.set(text, await node.publish('news', text));
    }
  });
  return async () => {
    state.goes = false;
    await Promise.all(lanes);
    return results;
  };
}

/** Every message at most once, and those of each lane in order. */
function inOrder(texts: readonly string[]): void {
  assert.equal(new Set(texts).size, texts.length, 'no message arrives twice');
  for (const lane of ['0', '1', '2', '3']) {
    const numbers = texts
      .filter((text) => text.startsWith(`${lane} `))
      .map((text) => Number(text.split(' ')[1]));
    assert.deepEqual(
      numbers,
      [...numbers].sort((a, b) => a - b),
      `order of lane ${lane}`,
    );
  }
}

const published = (results: ReadonlyMap<string, Relayed>): string[] =>
  [...results].filter(([, { ok }]) => ok).map(([text]) => text);

describe('faults', { skip: noNats || noClients, concurrency: 4 }, () => {
  for (const kind of CLIENTS) {
    const { name } = kind;
    const two = async (
      t: Parameters<typeof liveNode>[0],
      url: string,
      far = url,
      options = {},
    ): Promise<[TestNode, TestNode]> => {
      const [a, b] = [liveNode(t, far, kind, options), liveNode(t, url, kind)];
      await joined(a, b);
      return [a, b];
    };

    test(`SC-03 ${name}: the server is killed and restarted under load: down and up once, nothing doubled or out of order`, async (t) => {
      const server = await nats(t);
      const [a, b] = await two(t, server.url);
      const stop = traffic(a);
      await until('traffic', () => textsOf(b).length > 100);
      const before = textsOf(b).length;
      await server.kill();
      await until('engineDown', () => a.node.state === 'down' && b.node.state === 'down');
      await server.run();
      await until('engineUp', () => eventsOf(a, 'up') === 1 && eventsOf(b, 'up') === 1);
      const back = textsOf(b).length;
      await until('traffic', () => textsOf(b).length > back + 100);
      const results = await stop();
      await joined(a, b, 'other');
      inOrder(textsOf(b));
      const arrived = new Set(textsOf(b));
      for (const text of published(results).slice(0, before - 8))
        assert.ok(arrived.has(text), `${text} is there`);
      assert.deepEqual(
        [a, b].map((node) => [eventsOf(node, 'down'), eventsOf(node, 'up')]),
        [
          [1, 1],
          [1, 1],
        ],
      );
    });

    test(`SC-05 ${name}: 20 cuts of the publisher: what counts as published has arrived, once and in order`, async (t) => {
      const server = await nats(t);
      const proxy = await proxyTo(t, server.port);
      const [a, b] = await two(t, server.url, `nats://127.0.0.1:${proxy.port}`);
      const stop = traffic(a);
      for (let cut = 1; cut <= 20; cut++) {
        const before = textsOf(b).length;
        await until('traffic', () => textsOf(b).length > before + 20);
        proxy.cut();
        await until(`cut ${cut}`, () => eventsOf(a, 'down') === cut);
        await until(`the reconnect ${cut}`, () => a.node.state === 'up');
      }
      const results = await stop();
      inOrder(textsOf(b));
      const arrived = new Set(textsOf(b));
      assert.deepEqual(
        published(results).filter((text) => !arrived.has(text)),
        [],
      );
      assert.equal(published(results).length, results.size, 'every message was published after all');
      assert.equal(eventsOf(b, 'down'), 0);
    });

    test(`SC-07 ${name}: the server stalls for less than the deadline: publishes wait, and nothing is reported`, async (t) => {
      const server = await nats(t);
      const [a, b] = await two(t, server.url);
      await server.pause();
      const waits = a.publish('news', 'stalled');
      let settled = false;
      void waits.then(() => (settled = true));
      await eventLoopTurns(100);
      assert.equal(settled, false);
      server.resume();
      assert.equal((await waits).ok, true);
      await until('the message', () => textsOf(b).length === 1);
      assert.equal(eventsOf(a, 'down'), 0);
    });

    test(`SC-07 ${name}: the server stalls beyond the deadline: engineDown once, and what was in flight arrives once`, async (t) => {
      const server = await nats(t);
      const [a, b] = await two(t, server.url, server.url, { deadlineMs: 400 });
      await server.pause();
      const waits = a.publish('news', 'stalled');
      await until('engineDown', () => eventsOf(a, 'down') === 1);
      server.resume();
      assert.equal((await waits).ok, true);
      await until('the message', () => textsOf(b).includes('stalled'));
      await a.publish('news', 'last');
      await until('the last message', () => textsOf(b).includes('last'));
      assert.deepEqual(textsOf(b), ['stalled', 'last']);
      await until('engineUp', () => eventsOf(a, 'up') === 1);
      assert.equal(eventsOf(a, 'down'), 1);
    });

    test(`SC-07 ${name}: a connection that answers nothing for two deadlines is replaced`, async (t) => {
      const server = await nats(t);
      const proxy = await proxyTo(t, server.port);
      const [a, b] = await two(t, server.url, `nats://127.0.0.1:${proxy.port}`, { deadlineMs: 300 });
      const before = proxy.count;
      proxy.stall();
      const waits = a.publish('news', 'through the new connection');
      await until('engineDown', () => eventsOf(a, 'down') === 1);
      assert.equal((await waits).ok, true);
      await until('the message', () => textsOf(b).length === 1);
      assert.equal(proxy.count, before + 1);
      assert.deepEqual([eventsOf(a, 'down'), eventsOf(a, 'up')], [1, 1]);
    });

    test(`SC-03 ${name}: the server drops a slow consumer: it reports a cut, and gets messages again`, async (t) => {
      const server = await nats(t, 'max_pending: 262144\nwrite_deadline: "1s"\nmax_payload: 131072');
      const proxy = await proxyTo(t, server.port);
      const [b, a] = await two(t, server.url, `nats://127.0.0.1:${proxy.port}`);
      a.node.unsubscribe('news');
      await joined(a, b);
      proxy.stall();
      const large = 'x'.repeat(100_000);
      await until('the report of the server', () => {
        void a.publish('news', large);
        return server.said('Slow Consumer');
      });
      proxy.go();
      await until('the cut', () => eventsOf(b, 'down') === 1);
      await until('the reconnect', () => b.node.state === 'up');
      await until('a message', () => {
        void a.publish('news', 'again');
        return textsOf(b).includes('again');
      });
      assert.equal(eventsOf(a, 'down'), 0);
    });

    test(`SC-03 ${name}: start waits for a missing server and reports it once; stop ends the wait`, async (t) => {
      const server = await nats(t);
      await server.kill();
      const [waits, stops] = [
        liveNode(t, server.url, kind, { deadlineMs: 200 }),
        liveNode(t, server.url, kind),
      ];
      await until('the report', () => eventsOf(waits, 'down') === 1);
      assert.match(waits.owner.events[0]!, /no connection to NATS within 200 ms/);
      await stops.node.stop(100);
      await server.run();
      await until('engineUp', () => waits.node.state === 'up');
      assert.deepEqual([eventsOf(waits, 'down'), eventsOf(waits, 'up'), eventsOf(stops, 'up')], [1, 1, 0]);
    });

    test(`SC-03 ${name}: two servers join their nodes; when one dies, its node goes on at the other`, async (t) => {
      const first = await nats(t, 'cluster { name: tests, listen: "127.0.0.1:-1" }');
      await until('the port of the first', () => first.said('Listening for route connections'));
      const second = await nats(
        t,
        `cluster { name: tests, listen: "127.0.0.1:-1", routes: ["nats-route://127.0.0.1:${first.routePort()}"] }`,
      );
      const a = liveNode(t, first.url, kind);
      const b = liveNode(t, [second.url, first.url], kind, {
        connecting: { noRandomize: true, ignoreClusterUpdates: true },
      });
      await joined(a, b);
      await second.kill();
      await until('the cut', () => eventsOf(b, 'down') === 1);
      await until('the other server', () => eventsOf(b, 'up') === 1);
      assert.equal((await b.publish('news', 'from b')).ok, true);
      await until('a message', () => {
        void a.publish('news', 'from a');
        return textsOf(b).includes('from a');
      });
      assert.equal(eventsOf(a, 'down'), 0);
    });
  }
});
