import assert from 'node:assert/strict';
import type { ContractCase } from './engine-contract-context.ts';

const T = 'contract topic ü';
const positionOf = ({
  epoch,
  first,
}: {
  epoch: string;
  first: number;
}): { epoch: string; offset: number } => ({
  epoch,
  offset: first,
});

const entries = (read: readonly [string, number, number, string[]]): string[] => read[3];

/** Cases of one node: order, numbers, reads, limits, retries. Topics have characters beyond ASCII, because engines put them into keys. */
export const HISTORY_CASES: readonly ContractCase[] = [
  {
    title:
      'a batch is delivered to a node that is interested, in order and in one piece, its own node included',
    needs: ['history'],
    async check(c) {
      const node = await c.node();
      await c.settle(node.interest(T));
      const { epoch, first, again } = await c.settle(node.store(T, ['a', 'b', 'ü']));
      await c.until('the batch', () => node.texts.length === 3);
      assert.deepEqual([first, again], [1, false]);
      assert.deepEqual(node.texts, ['a', 'b', 'ü']);
      const [{ channel, header }] = node.arrivals as [(typeof node.arrivals)[0]];
      assert.deepEqual(channel, { kind: 'messages', topic: T });
      assert.deepEqual(header, { node: node.nodeId, seq: 1, epoch, first: 1 });
    },
  },
  {
    title: 'offsets begin at 1 and have no gaps; the epoch of a new history is the candidate',
    needs: ['history'],
    async check(c) {
      const node = await c.node();
      const one = await c.settle(node.store(T, ['a'], { candidateEpoch: 'Candidate_1' }));
      const two = await c.settle(node.store(T, ['b', 'c'], { candidateEpoch: 'Candidate_2' }));
      const three = await c.settle(node.store(T, ['d']));
      assert.deepEqual([one.epoch, two.epoch, three.epoch], ['Candidate_1', 'Candidate_1', 'Candidate_1']);
      assert.deepEqual([one.first, two.first, three.first], [1, 2, 4]);
    },
  },
  {
    title: 'topics are numbered apart',
    needs: ['history'],
    async check(c) {
      const node = await c.node();
      await c.settle(node.store(T, ['a', 'b']));
      assert.equal((await c.settle(node.store(`${T}2`, ['c']))).first, 1);
      assert.deepEqual(entries(await c.settle(node.read(`${T}2`))), ['c']);
    },
  },
  {
    title: 'entries are bytes: all values, empty ones, and large ones',
    needs: ['history'],
    async check(c) {
      const node = await c.node();
      await c.settle(node.interest(T));
      const all = Uint8Array.from({ length: 256 }, (_, value) => value);
      const sent = [all, new Uint8Array(0), new Uint8Array(70_000).fill(0x0a)];
      await c.settle(
        node.engine.publish({
          topic: T,
          node: node.nodeId,
          seq: 1,
          again: false,
          entries: sent,
          history: node.history(),
        }),
      );
      await c.until('the batch', () => node.arrivals.length > 0);
      const read = await c.settle(node.engine.read(T, undefined, node.history()));
      for (const got of [node.arrivals.flatMap((arrival) => arrival.entries), read.entries])
        assert.deepEqual(
          got.map((entry) => [...entry]),
          sent.map((entry) => [...entry]),
        );
    },
  },
  {
    title: 'a batch of 64 entries is one arrival',
    needs: ['history'],
    async check(c) {
      const node = await c.node();
      await c.settle(node.interest(T));
      const texts = Array.from({ length: 64 }, (_, at) => `entry ${at}`);
      await c.settle(node.store(T, texts));
      await c.until('the batch', () => node.texts.length === 64);
      assert.equal(node.arrivals.length, 1);
      assert.deepEqual(node.texts, texts);
    },
  },
  {
    title: 'a read without a position gets the whole history',
    needs: ['history'],
    async check(c) {
      const node = await c.node();
      const { epoch } = await c.settle(node.store(T, ['a', 'b', 'c']));
      assert.deepEqual(await c.settle(node.read(T)), [epoch, 3, 1, ['a', 'b', 'c']]);
    },
  },
  {
    title: 'a read gets what follows its position, and nothing at the top',
    needs: ['history'],
    async check(c) {
      const node = await c.node();
      const { epoch } = await c.settle(node.store(T, ['a', 'b', 'c']));
      assert.deepEqual(await c.settle(node.read(T, { epoch, offset: 1 })), [epoch, 3, 2, ['b', 'c']]);
      assert.deepEqual(await c.settle(node.read(T, { epoch, offset: 0 })), [epoch, 3, 1, ['a', 'b', 'c']]);
      assert.deepEqual(await c.settle(node.read(T, { epoch, offset: 3 })), [epoch, 3, 4, []]);
    },
  },
  {
    title: 'a read beyond the top gets nothing, and the top',
    needs: ['history'],
    async check(c) {
      const node = await c.node();
      const { epoch } = await c.settle(node.store(T, ['a', 'b']));
      assert.deepEqual(await c.settle(node.read(T, { epoch, offset: 9 })), [epoch, 2, 3, []]);
    },
  },
  {
    title: 'a read with another epoch gets the whole history',
    needs: ['history'],
    async check(c) {
      const node = await c.node();
      const { epoch } = await c.settle(node.store(T, ['a', 'b']));
      assert.deepEqual(await c.settle(node.read(T, { epoch: 'other', offset: 2 })), [
        epoch,
        2,
        1,
        ['a', 'b'],
      ]);
    },
  },
  {
    title: 'a read of a topic without history begins one, and keeps its epoch',
    needs: ['history'],
    async check(c) {
      const node = await c.node();
      const [epoch, ...rest] = await c.settle(node.read(T));
      assert.deepEqual(rest, [0, 1, []]);
      assert.deepEqual(await c.settle(node.store(T, ['a'])), { epoch, first: 1, again: false });
    },
  },
  {
    title: 'positions come in bulk, in the order of the topics; undefined without history',
    needs: ['history'],
    async check(c) {
      const node = await c.node();
      const a = await c.settle(node.store('a', ['1', '2']));
      const b = await c.settle(node.store('b', ['1']));
      assert.deepEqual(await c.settle(node.engine.positions(['b', 'none', 'a'])), [
        positionOf(b),
        undefined,
        { epoch: a.epoch, offset: 2 },
      ]);
      assert.deepEqual(await c.settle(node.engine.positions([])), []);
    },
  },
  {
    title: 'positions of 500 topics in one call',
    needs: ['history'],
    async check(c) {
      const node = await c.node();
      await c.settle(node.store('topic 499', ['a']));
      const positions = await c.settle(
        node.engine.positions(Array.from({ length: 500 }, (_, at) => `topic ${at}`)),
      );
      assert.equal(positions.length, 500);
      assert.equal(positions[499]?.offset, 1);
    },
  },
  {
    title: 'a history keeps at most maxMessages, the newest',
    needs: ['history'],
    async check(c) {
      const node = await c.node();
      for (const text of ['a', 'b', 'c']) await c.settle(node.store(T, [text], { maxMessages: 2 }));
      const { epoch } = await c.settle(node.store(T, ['d'], { maxMessages: 2 }));
      assert.deepEqual(await c.settle(node.read(T, { epoch, offset: 1 })), [epoch, 4, 3, ['c', 'd']]);
    },
  },
  {
    title: 'a batch with more entries than maxMessages is delivered whole and stored in part',
    needs: ['history'],
    async check(c) {
      const node = await c.node();
      await c.settle(node.interest(T));
      await c.settle(node.store(T, ['a', 'b', 'c'], { maxMessages: 2 }));
      await c.until('the batch', () => node.texts.length === 3);
      assert.deepEqual((await c.settle(node.read(T))).slice(1), [3, 2, ['b', 'c']]);
    },
  },
  {
    title: 'a history keeps at most maxBytes',
    needs: ['history'],
    async check(c) {
      const node = await c.node();
      for (const text of ['aaaa', 'bbbb', 'cccc']) await c.settle(node.store(T, [text], { maxBytes: 9 }));
      assert.deepEqual((await c.settle(node.read(T))).slice(1), [3, 2, ['bbbb', 'cccc']]);
    },
  },
  {
    title: 'messages expire ttlMs after the last publish; the position stays',
    needs: ['history'],
    async check(c) {
      const node = await c.node();
      const { epoch } = await c.settle(node.store(T, ['a'], { ttlMs: 1_000 }));
      await c.pass(600);
      await c.settle(node.store(T, ['b'], { ttlMs: 1_000 }));
      await c.pass(600);
      assert.deepEqual(entries(await c.settle(node.read(T))), ['a', 'b']);
      await c.settle(node.store(T, ['c'], { ttlMs: 300 }));
      await c.pass(900);
      assert.deepEqual(await c.settle(node.engine.read(T, undefined, node.history({ ttlMs: 300 }))), {
        epoch,
        top: 3,
        first: 4,
        entries: [],
      });
      assert.equal((await c.settle(node.store(T, ['d']))).first, 4);
    },
  },
  {
    title: 'a position expires positionTtlMs after its last use; then a new epoch begins',
    needs: ['history'],
    async check(c) {
      const node = await c.node();
      const short = { ttlMs: 500, positionTtlMs: 1_000 };
      const { epoch } = await c.settle(node.store(T, ['a'], short));
      await c.pass(600);
      await c.settle(node.engine.read(T, undefined, node.history(short)));
      await c.pass(600);
      assert.equal((await c.settle(node.store(T, ['b'], short))).epoch, epoch, 'a read renews it');
      await c.pass(1_400);
      assert.deepEqual(await c.settle(node.engine.positions([T])), [undefined]);
      const later = await c.settle(node.store(T, ['c'], short));
      assert.equal(later.first, 1);
      assert.notEqual(later.epoch, epoch);
    },
  },
  {
    title: 'a batch that is sent again is stored once',
    needs: ['history'],
    async check(c) {
      const node = await c.node();
      await c.settle(node.interest(T));
      const first = await c.settle(node.batch(T, ['a', 'b'], node.history(), 7));
      const second = await c.settle(node.batch(T, ['a', 'b'], node.history(), 7, true));
      assert.deepEqual(second, { ...first, again: true });
      await c.arrive();
      assert.deepEqual(node.texts, ['a', 'b']);
      assert.deepEqual(entries(await c.settle(node.read(T))), ['a', 'b']);
    },
  },
  {
    title: 'a batch that is sent again, and was not stored, is stored',
    needs: ['history'],
    async check(c) {
      const node = await c.node();
      await c.settle(node.batch(T, ['a'], node.history(), 7));
      const result = await c.settle(node.batch(T, ['b'], node.history(), 8, true));
      assert.deepEqual([result!.first, result!.again], [2, false]);
    },
  },
  {
    title: 'a batch is recognised by its topic, too',
    needs: ['history'],
    async check(c) {
      const node = await c.node();
      await c.settle(node.batch(T, ['a'], node.history(), 7));
      const other = await c.settle(node.batch(`${T}2`, ['a'], node.history(), 7, true));
      assert.deepEqual([other!.first, other!.again], [1, false]);
    },
  },
  {
    title: 'a batch that is sent again after its history was lost is stored in the new epoch',
    needs: ['history'],
    async check(c) {
      const node = await c.node();
      const short = { ttlMs: 200, positionTtlMs: 300 };
      const { epoch } = (await c.settle(node.batch(T, ['a'], node.history(short), 7)))!;
      await c.pass(700);
      const second = (await c.settle(node.batch(T, ['a'], node.history(), 7, true)))!;
      assert.notEqual(second.epoch, epoch);
      assert.deepEqual([second.first, second.again], [1, false]);
    },
  },
  {
    title: 'publishes of different topics at the same time have their own results',
    needs: ['history'],
    async check(c) {
      const node = await c.node();
      const results = await c.settle(
        Promise.all(Array.from({ length: 64 }, (_, at) => node.store(`topic ${at}`, [`m${at}`]))),
      );
      assert.ok(results.every(({ first }) => first === 1));
      assert.deepEqual(entries(await c.settle(node.read('topic 63'))), ['m63']);
    },
  },
];
