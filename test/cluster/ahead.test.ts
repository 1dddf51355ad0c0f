import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prng } from '../../fuzz/prng.ts';
import { type HubEngine, TopicHub } from '../../fuzz/topic-hub.ts';
import { seededRandom, VirtualClock } from '../../src/testing/index.ts';
import { jobs, offsetsOf, resume, TestNode } from './recorded.ts';

/** What a node lacks when clients come whose previous node had everything. */
const ROWS: readonly {
  readonly title: string;
  /** Reads that the resumes cause. */
  readonly reads: number;
  /** Called before the messages are published. @returns What lets the node go on after the resumes. */
  readonly behind: (node: TestNode, engine: HubEngine) => Promise<() => void>;
}[] = [
  {
    title: 'its arrivals are still on the way',
    reads: 1,
    behind: async (_node, engine) => {
      engine.arrive = () => {};
      return Promise.resolve(() => {});
    },
  },
  {
    title: 'a read is in flight that began before the messages',
    reads: 1,
    behind: async (node, engine) => {
      engine.cut();
      let answered: () => void;
      const held = new Promise<void>((resolve) => (answered = resolve));
      const read = engine.read.bind(engine);
      engine.read = async (...of) => {
        const answer = await read(...of);
        await held;
        return answer;
      };
      engine.connect();
      engine.arrive = () => {};
      await node.pass(50, 5);
      return () => {
        engine.read = read;
        answered();
      };
    },
  },
];

for (const { title, reads, behind } of ROWS)
  test(`HI-04 clients that are ahead of their new node are recovered, after one read for all of them: ${title}`, async () => {
    const clock = new VirtualClock();
    const hub = new TopicHub(clock, prng(1));
    const [a, b] = [1, 2].map(
      (seed) => new TestNode({ clock, engine: hub.engine(), random: seededRandom(seed) }),
    ) as [TestNode, TestNode];
    a.node.subscribe('news');
    b.node.subscribe('news');
    await a.pass(100, 5);
    const goOn = await behind(b, hub.engines[1]!);
    for (const text of ['one', 'two', 'three']) void a.publish('news', text);
    await a.pass(100, 5);
    assert.deepEqual([offsetsOf(a.owner.delivered), offsetsOf(b.owner.delivered)], [[1, 2, 3], []]);
    const { epoch } = hub.stored.get('news')!;
    const before = hub.reads;
    const resumes = Array.from({ length: 10 }, () => resume(b, 'news', { epoch, offset: 3 }));
    await jobs();
    goOn();
    await a.pass(100, 5);
    for (const { answer } of resumes)
      assert.deepEqual(
        [answer?.result?.recovered, answer?.result?.position, answer?.result?.missed.length],
        [true, { epoch, offset: 3 }, 0],
      );
    assert.equal(hub.reads - before, reads);
    assert.deepEqual(offsetsOf(b.owner.delivered), [1, 2, 3]);
    assert.deepEqual(b.owner.losses, []);
  });
