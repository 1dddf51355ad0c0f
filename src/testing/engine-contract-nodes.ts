import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { readMemberChange } from '../cluster/envelope.ts';
import { bytesOf, type ContractCase } from './engine-contract-context.ts';

const T = 'contract topic ü';

const entries = (read: readonly [string, number, number, string[]]): string[] => read[3];

/** Cases of interest, several nodes, members, control messages and cuts. */
export const NODE_CASES: readonly ContractCase[] = [
  {
    title: 'interest ends when it is removed',
    needs: ['history'],
    async check(c) {
      const node = await c.node();
      await c.settle(node.interest(T));
      await c.settle(node.engine.interest([], [{ kind: 'messages', topic: T }]));
      await c.settle(node.store(T, ['a']));
      await c.arrive();
      assert.deepEqual(node.texts, []);
    },
  },
  {
    title: 'one call adds and removes 512 channels; what is already known changes nothing',
    needs: ['history'],
    async check(c) {
      const node = await c.node();
      const channels = Array.from(
        { length: 256 },
        (_, at) => ({ kind: 'messages', topic: `t${at}` }) as const,
      );
      await c.settle(node.engine.interest(channels, []));
      await c.settle(
        node.engine.interest(
          [...channels.slice(0, 128), { kind: 'messages', topic: T }],
          channels.slice(128),
        ),
      );
      for (const topic of ['t0', 't127', 't128', 't255', T]) await c.settle(node.store(topic, [topic]));
      await c.until('three batches', () => node.texts.length === 3);
      await c.arrive();
      assert.deepEqual(node.texts, ['t0', 't127', T]);
    },
  },
  {
    title: 'the names of topics are compared exactly',
    needs: ['history'],
    async check(c) {
      const node = await c.node();
      for (const topic of ['a*', 'a', 'A?', '[a]']) await c.settle(node.interest(topic));
      for (const topic of ['ab', 'a*', 'A', '[a]', 'a b']) await c.settle(node.store(topic, [topic]));
      await c.until('two batches', () => node.texts.length === 2);
      await c.arrive();
      assert.deepEqual(node.texts, ['a*', '[a]']);
    },
  },
  {
    title: 'every node that is interested gets the messages of the others, in one order',
    needs: ['history', 'joins'],
    async check(c) {
      const nodes = [await c.node(), await c.node()];
      for (const node of nodes) await c.settle(node.interest(T));
      for (let i = 0; i < 10; i++)
        await c.settle(Promise.all(nodes.map((node, at) => node.store(T, [`${at}.${i}a`, `${at}.${i}b`]))));
      for (const node of nodes) await c.until('40 messages', () => node.texts.length === 40);
      assert.deepEqual(nodes[0]!.texts, nodes[1]!.texts);
      assert.deepEqual(
        nodes[0]!.arrivals.map(({ header }) => header.first),
        Array.from({ length: 20 }, (_, at) => at * 2 + 1),
      );
    },
  },
  {
    title: 'four publishers of one topic: every batch stays in one piece, and no offset is used twice',
    needs: ['history', 'joins'],
    async check(c) {
      const nodes = [await c.node(), await c.node(), await c.node(), await c.node()];
      const published = await c.settle(
        Promise.all(
          nodes.map(async (node, at) => {
            const firsts: number[] = [];
            for (let i = 0; i < 8; i++) firsts.push((await node.store(T, [`${at}`, `${at}`, `${at}`])).first);
            return firsts;
          }),
        ),
      );
      assert.deepEqual(
        published.flat().sort((a, b) => a - b),
        Array.from({ length: 32 }, (_, at) => at * 3 + 1),
      );
      const texts = entries(await c.settle(nodes[0]!.read(T)));
      for (let at = 0; at < texts.length; at += 3)
        assert.deepEqual(texts.slice(at, at + 3), Array(3).fill(texts[at]));
    },
  },
  {
    title: 'a history belongs to all nodes: one reads what another stored',
    needs: ['history', 'joins'],
    async check(c) {
      const [a, b] = [await c.node(), await c.node()];
      const { epoch } = await c.settle(a.store(T, ['a']));
      assert.deepEqual(await c.settle(b.read(T)), [epoch, 1, 1, ['a']]);
      assert.deepEqual((await c.settle(b.store(T, ['b']))).first, 2);
      assert.deepEqual(await c.settle(a.engine.positions([T])), [{ epoch, offset: 2 }]);
    },
  },
  {
    title: 'a batch is recognised by its node, too',
    needs: ['history', 'joins'],
    async check(c) {
      const [a, b] = [await c.node(), await c.node()];
      await c.settle(a.batch(T, ['a'], a.history(), 7));
      const other = await c.settle(b.batch(T, ['b'], b.history(), 7, true));
      assert.deepEqual([other!.first, other!.again], [2, false]);
      const again = await c.settle(a.batch(T, ['a'], a.history(), 7, true));
      assert.deepEqual([again!.first, again!.again], [1, true]);
    },
  },
  {
    title: 'scopes do not see each other, nor do nodes without interest get messages',
    needs: ['history', 'joins'],
    async check(c) {
      const [a, b] = [await c.node(), await c.node()];
      await c.settle(b.interest(`${T}2`));
      await c.settle(a.store(T, ['a']));
      await c.arrive();
      assert.deepEqual(b.texts, []);
    },
  },
  {
    title: 'without history a batch has no position, and reaches other nodes in order',
    needs: ['joins'],
    async check(c) {
      const [a, b] = [await c.node(), await c.node()];
      await c.settle(b.interest(T));
      assert.equal(await c.settle(a.batch(T, ['a', 'b'])), undefined);
      assert.equal(await c.settle(a.batch(T, ['c'])), undefined);
      await c.until('three messages', () => b.texts.length === 3);
      assert.deepEqual(b.texts, ['a', 'b', 'c']);
      assert.deepEqual([b.arrivals[0]!.header.first, b.arrivals[0]!.header.epoch], [0, undefined]);
    },
  },
  {
    title: 'without history, interest ends when it is removed, and names of topics are compared exactly',
    needs: ['joins'],
    async check(c) {
      const [a, b] = [await c.node(), await c.node()];
      for (const topic of ['a*', 'a', 'A?', 'a.b', '>', 'gone', '']) await c.settle(b.interest(topic));
      await c.settle(b.engine.interest([], [{ kind: 'messages', topic: 'gone' }]));
      for (const topic of ['ab', 'a*', 'A', 'a.c', 'gone', '>', 'a b', '', 'a.b'])
        await c.settle(a.batch(topic, [`of '${topic}'`]));
      await c.until('four messages', () => b.texts.length === 4);
      await c.arrive();
      assert.deepEqual(b.texts, ["of 'a*'", "of '>'", "of ''", "of 'a.b'"]);
    },
  },
  {
    title: 'without history, entries are bytes: all values, empty ones, and large ones',
    needs: ['joins'],
    async check(c) {
      const [a, b] = [await c.node(), await c.node()];
      await c.settle(b.interest(T));
      const all = Uint8Array.from({ length: 256 }, (_, value) => value);
      const sent = [all, new Uint8Array(0), new Uint8Array(70_000).fill(0x0a)];
      await c.settle(a.engine.publish({ topic: T, node: a.nodeId, seq: 1, again: false, entries: sent }));
      const got = (): Uint8Array[] => b.arrivals.flatMap((arrival) => [...arrival.entries]);
      await c.until('three entries', () => got().length === 3);
      assert.deepEqual(
        got().map((entry) => [...entry]),
        sent.map((entry) => [...entry]),
      );
    },
  },
  {
    title: 'without history, a cut ends the interest, and the engine connects again',
    needs: ['joins', 'disconnect'],
    async check(c) {
      const [a, b] = [await c.node(), await c.node()];
      await c.settle(b.interest(T));
      await c.disconnect(b);
      await c.until('connected()', () => b.connections === 2);
      assert.equal(b.disconnections, 1);
      await c.until('the other node', () => a.connections === a.disconnections + 1);
      await c.settle(a.batch(T, ['a']));
      await c.arrive();
      assert.deepEqual(b.texts, []);
      await c.settle(b.interest(T));
      await c.settle(a.batch(T, ['b']));
      await c.until('the message', () => b.texts.at(-1) === 'b');
    },
  },
  {
    title: 'members are set and removed by field; a value may be set again',
    needs: ['presence'],
    async check(c) {
      const node = await c.node();
      assert.deepEqual(await c.settle(node.engine.members(T, 10)), { count: 0, entries: new Map() });
      await c.settle(
        node.engine.enter(
          T,
          new Map([
            ['n ü', bytesOf('1')],
            ['n b', bytesOf('2')],
          ]),
        ),
      );
      await c.settle(node.engine.enter(T, new Map([['n b', bytesOf('3')]])));
      await c.settle(node.engine.leave(T, ['n ü', 'n unknown']));
      const { count, entries: members } = await c.settle(node.engine.members(T, 10));
      assert.equal(count, 1);
      assert.deepEqual(
        [...members!].map(([field, value]) => [field, Buffer.from(value).toString()]),
        [['n b', '3']],
      );
    },
  },
  {
    title: 'above the maximum only the number of members is read',
    needs: ['presence'],
    async check(c) {
      const node = await c.node();
      await c.settle(node.engine.enter(T, new Map(['a', 'b', 'c'].map((field) => [field, bytesOf(field)]))));
      assert.deepEqual(await c.settle(node.engine.members(T, 2)), { count: 3 });
      assert.equal((await c.settle(node.engine.members(T, 3))).entries!.size, 3);
    },
  },
  {
    title: 'changes of members are delivered to nodes that are interested in them, and not as messages',
    needs: ['presence'],
    async check(c) {
      const node = await c.node();
      await c.settle(node.interest(T, 'members'));
      await c.settle(node.engine.enter(T, new Map([['n ü', bytesOf('1')]])));
      await c.settle(node.engine.leave(T, ['n ü']));
      await c.until('two changes', () => node.arrivals.flatMap((arrival) => arrival.entries).length === 2);
      assert.ok(node.arrivals.every(({ channel }) => channel.kind === 'members' && channel.topic === T));
      const changes = node.arrivals.flatMap((arrival) =>
        arrival.entries.map((entry) => readMemberChange(entry)),
      );
      assert.deepEqual(
        changes.map(({ field, value }) => [field, value && Buffer.from(value).toString()]),
        [
          ['n ü', '1'],
          ['n ü', undefined],
        ],
      );
    },
  },
  {
    title: 'members of other nodes are seen, and their changes delivered',
    needs: ['presence', 'joins'],
    async check(c) {
      const [a, b] = [await c.node(), await c.node()];
      await c.settle(b.interest(T, 'members'));
      await c.settle(a.engine.enter(T, new Map([['a', bytesOf('1')]])));
      await c.until('the change', () => b.arrivals.length === 1);
      assert.equal((await c.settle(b.engine.members(T, 10))).count, 1);
      await c.settle(b.engine.leave(T, ['a']));
      assert.equal((await c.settle(a.engine.members(T, 10))).count, 0);
    },
  },
  {
    title: 'a beat answers with the node itself',
    needs: [],
    async check(c) {
      const node = await c.node();
      const nodes = await c.settle(node.engine.beat(bytesOf('info'), 30_000));
      assert.deepEqual(
        nodes.map((entry) => [entry.node, Buffer.from(entry.info).toString()]),
        [[node.nodeId, 'info']],
      );
    },
  },
  {
    title: 'a node whose beat stops is no longer alive after ttlMs',
    needs: ['joins'],
    async check(c) {
      const [a, b] = [await c.node(), await c.node()];
      await c.settle(a.engine.beat(bytesOf('a'), 1_000));
      const both = await c.settle(b.engine.beat(bytesOf('b'), 60_000));
      assert.deepEqual(both.map(({ node }) => node).sort(), [a.nodeId, b.nodeId].sort());
      await c.pass(1_500);
      assert.deepEqual(
        (await c.settle(b.engine.beat(bytesOf('b'), 60_000))).map(({ node }) => node),
        [b.nodeId],
      );
    },
  },
  {
    title: 'a control message reaches the node that it names',
    needs: [],
    async check(c) {
      const node = await c.node();
      await c.settle(node.engine.tell({ node: node.nodeId }, bytesOf('ü')));
      await c.until('the message', () => node.controls.length === 1);
      assert.deepEqual(node.controls, ['ü']);
      await c.settle(node.engine.tell('all', bytesOf('x')));
      await c.until('the message', () => node.controls.length === 2);
    },
  },
  {
    title: 'a control message to one node reaches no other; one to all reaches all',
    needs: ['joins'],
    async check(c) {
      const [a, b] = [await c.node(), await c.node()];
      await c.settle(a.engine.tell({ node: b.nodeId }, bytesOf('one')));
      await c.settle(a.engine.tell('all', bytesOf('all')));
      await c.until('the messages', () => b.controls.length === 2 && a.controls.length === 1);
      assert.deepEqual([a.controls, b.controls], [['all'], ['one', 'all']]);
    },
  },
  {
    title: 'a cut is reported, calls in flight reject, and the engine connects again; interest has ended',
    needs: ['history', 'disconnect'],
    async check(c) {
      const node = await c.node();
      await c.settle(node.interest(T));
      const inFlight = node.store(T, ['a']).then(
        () => 'answered',
        (error: { readonly code?: string }) => error.code,
      );
      await c.disconnect(node);
      assert.ok(['answered', 'ERR_ENGINE_DOWN'].includes((await c.settle(inFlight))!));
      await c.until('connected()', () => node.connections === 2);
      assert.equal(node.disconnections, 1);
      const before = node.texts.length;
      await c.settle(node.store(T, ['b']));
      await c.arrive();
      assert.equal(node.texts.length, before);
      await c.settle(node.interest(T));
      await c.settle(node.store(T, ['c']));
      await c.until('the message', () => node.texts.at(-1) === 'c');
    },
  },
  {
    title: 'reconnect() reports a cut and connects again',
    needs: ['disconnect'],
    async check(c) {
      const node = await c.node();
      node.engine.reconnect(new Error('the case says so'));
      await c.until('connected()', () => node.connections === 2);
      assert.equal(node.disconnections, 1);
    },
  },
  {
    title: 'without history, nothing is delivered after stop(), and calls reject',
    needs: ['joins'],
    async check(c) {
      const [a, b] = [await c.node(), await c.node()];
      await c.settle(b.interest(T));
      await c.settle(b.engine.stop(1_000));
      await c.settle(a.batch(T, ['a']));
      await c.arrive();
      await assert.rejects(c.settle(b.batch(T, ['a'])), { code: 'ERR_ENGINE_DOWN' });
      await assert.rejects(c.settle(b.interest(T)), { code: 'ERR_ENGINE_DOWN' });
      await assert.rejects(c.settle(b.engine.members(T, 1)), { code: 'ERR_ENGINE_DOWN' });
      assert.deepEqual(b.texts, []);
    },
  },
  {
    title: 'nothing is delivered after stop(), and calls reject',
    needs: ['history'],
    async check(c) {
      const node = await c.node();
      await c.settle(node.interest(T));
      await c.settle(node.engine.stop(1_000));
      await assert.rejects(c.settle(node.store(T, ['a'])), { code: 'ERR_ENGINE_DOWN' });
      await assert.rejects(c.settle(node.engine.positions([T])), { code: 'ERR_ENGINE_DOWN' });
      assert.deepEqual(node.texts, []);
    },
  },
];
