import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prng } from '../../fuzz/prng.ts';
import { TopicHub } from '../../fuzz/topic-hub.ts';
import { RecoveryRoom } from '../../src/cluster/recovery.ts';
import { resumedRunOf } from '../../src/cluster/hawser-v1/server-frame.ts';
import { PreparedMessage } from '../../src/protocol/outgoing/prepared-message.ts';
import type { PreparedRun } from '../../src/protocol/outgoing/prepared-run.ts';
import { plainRunOf } from '../../src/server/groups/position-follower.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import { jobs, resume, RULE, TestNode } from './recorded.ts';

const CLIENTS = 10_000;
const MAX_BYTES = 16 * 1_048_576;

/** A node that has not seen the topic, and the position before 100 messages of 1 KiB that another node published. */
async function missed(): Promise<{ hub: TopicHub; one: TestNode; epoch: string }> {
  const clock = new VirtualClock();
  const hub = new TopicHub(clock, prng(1));
  const other = new TestNode({ clock, engine: hub.engine() });
  for (let i = 0; i < 100; i++) void other.publish('news', 'x'.repeat(1_024));
  await other.pass(100, 5);
  const { epoch } = hub.stored.get('news')!;
  return { hub, one: new TestNode({ clock, engine: hub.engine() }), epoch };
}

test('HI-08 10,000 resumes of one topic cost one read, and at most 16 MiB are in flight', async () => {
  const { hub, one, epoch } = await missed();
  let inFlight = 0;
  let most = 0;
  let served = 0;
  const runs = new Set<PreparedRun>();
  const unsent: (() => void)[] = [];
  for (let i = 0; i < CLIENTS; i++)
    one.node.resume(
      'news',
      { epoch, offset: 0 },
      {
        runOf: (messages) => {
          runs.add(plainRunOf(messages));
          return messages.plainRun;
        },
        resumed({ recovered, missed: messages, run }, sent) {
          assert.ok(recovered && messages.length === 100);
          const { bytes } = run!;
          inFlight += bytes;
          most = Math.max(most, inFlight);
          served++;
          unsent.push(() => {
            inFlight -= bytes;
            sent();
            sent();
          });
        },
        failed: () => assert.fail('every client is served'),
      },
    );
  await one.pass(30, 5);
  assert.ok(served > 100 && served < 200, `${served} at first`);
  while (unsent.length > 0) unsent.shift()!();
  assert.equal(served, CLIENTS);
  assert.deepEqual([hub.reads, runs.size], [1, 1]);
  assert.ok(most <= MAX_BYTES && most > MAX_BYTES / 2, `${most} bytes`);
});

test('HI-08 all who resume at one position within a second share one run of frames, until the topic gets another message', async () => {
  const one = new TestNode();
  for (let i = 0; i < 10; i++) void one.publish('news', `${i}`);
  await jobs();
  const { epoch } = await one.node.position('news');
  const runs = new Map<PreparedRun, number>();
  const resumeAll = async (offsets: readonly number[]): Promise<void> => {
    for (const offset of offsets)
      one.node.resume(
        'news',
        { epoch, offset },
        {
          runOf: resumedRunOf,
          resumed({ run, missed }, sent) {
            assert.equal(run!.messages.length, missed.length);
            runs.set(run!, (runs.get(run!) ?? 0) + 1);
            sent();
          },
          failed: () => assert.fail('every client is served'),
        },
      );
    await jobs();
  };
  await resumeAll([...Array<number>(500).fill(0), ...Array<number>(300).fill(4)]);
  assert.deepEqual([...runs.values()], [500, 300]);
  const frames = new Set([...runs.keys()].flatMap(({ messages }) => messages));
  assert.equal(frames.size, 10, 'both runs have the same frames');
  await resumeAll([0]);
  await one.pass(1_000);
  await resumeAll([0]);
  void one.publish('news', '10');
  await jobs();
  await resumeAll([0, 0]);
  assert.deepEqual(
    [...runs].map(([{ messages }, clients]) => [messages.length, clients]),
    [
      [10, 501],
      [6, 300],
      [10, 1],
      [11, 2],
    ],
  );
});

test('HI-08 the 16 MiB are those of the frames that are sent, also for the first client that needs them', async () => {
  const one = new TestNode();
  for (let i = 0; i < 100; i++) void one.publish('news', 'x');
  await jobs();
  const { epoch } = await one.node.position('news');
  let bytes = 0;
  for (let i = 0; i < CLIENTS; i++)
    one.node.resume(
      'news',
      { epoch, offset: 0 },
      {
        runOf: resumedRunOf,
        resumed: ({ run }) => void (bytes += run!.bytes),
        failed: () => assert.fail('the test ends before a resume times out'),
      },
    );
  await jobs();
  assert.ok(bytes <= MAX_BYTES && bytes > MAX_BYTES / 2, `${bytes} bytes`);
});

test('HI-08 a resume that finds no room for 10 s is told to come again in 500 to 5,000 ms; a cancelled one is not', async () => {
  const { one, epoch } = await missed();
  const resumes = Array.from({ length: 300 }, () => resume(one, 'news', { epoch, offset: 0 }, false));
  await one.pass(50, 5);
  const served = resumes.filter(({ answer }) => answer?.result !== undefined);
  const waiting = resumes.filter(({ answer }) => answer === undefined);
  assert.equal(served.length + waiting.length, 300);
  waiting.pop()!.cancel();
  const small = resume(one, 'news', undefined, false);
  await one.pass(20, 5);
  assert.equal(small.answer, undefined, 'first come, first served');
  await one.pass(10_500);
  const delays = waiting.map(({ answer }) => {
    assert.equal(answer!.failure, 'busy');
    return answer!.retryAfterMs!;
  });
  assert.ok(delays.every((ms) => Number.isInteger(ms) && ms >= 500 && ms <= 5_000));
  assert.ok(new Set(delays).size > delays.length / 2, 'at random');
  for (const { answer } of served) answer!.sent();
  const later = resume(one, 'news', { epoch, offset: 90 }, false);
  await one.pass(20, 5);
  assert.equal(later.answer!.result!.missed.length, 10);
});

test('HI-08 the nodes of a process share the 16 MiB, are served in turns, and one that stops leaves no resume behind', async () => {
  const room = new RecoveryRoom();
  const nodes = [1, 2, 3].map(() => new TestNode({ room }));
  const resumes: ReturnType<typeof resume>[][] = [];
  for (const one of nodes) {
    for (let i = 0; i < 100; i++) void one.publish('news', 'x'.repeat(1_024));
    await jobs();
    const { epoch } = await one.node.position('news');
    resumes.push(Array.from({ length: 200 }, () => resume(one, 'news', { epoch, offset: 0 }, false)));
    await jobs();
  }
  const served = (): number[] =>
    resumes.map((all) => all.filter(({ answer }) => answer?.result !== undefined).length);
  const [first, ...others] = served();
  assert.ok(first! > 100 && first! < 200, `${first} at first`);
  assert.deepEqual(others, [0, 0], 'the first node has all the room');
  void nodes[2]!.node.stop(0);
  await jobs();
  assert.ok(resumes[2]!.every(({ answer }) => answer!.failure === 'busy'));
  for (const { answer } of resumes[0]!.slice(0, 20)) answer!.sent();
  assert.deepEqual(served(), [first! + 10, 10, 0]);
});

test('HI-08 one resume may be larger than the budget, alone', async () => {
  const one = new TestNode({
    history: [{ ...RULE, maxBytes: 40 * 1_048_576 }],
    maxMessageBytes: 30 * 1_048_576,
  });
  void one.node.publish('news', new PreparedMessage(Buffer.alloc(20 * 1_048_576)), undefined, undefined);
  await jobs();
  const { epoch } = await one.node.position('news');
  const [first, second] = [
    resume(one, 'news', { epoch, offset: 0 }),
    resume(one, 'news', { epoch, offset: 0 }),
  ];
  await jobs();
  assert.deepEqual([first.answer?.result?.missed.length, second.answer], [1, undefined]);
  first.answer!.sent();
  assert.equal(second.answer?.result?.missed.length, 1);
});

test('HI-08 resumes of 200 topics: one read each, at most 64 at a time', async () => {
  const clock = new VirtualClock();
  const hub = new TopicHub(clock, prng(1));
  const engine = hub.engine();
  let open = 0;
  let most = 0;
  const read = engine.read.bind(engine);
  engine.read = async (...call) => {
    most = Math.max(most, ++open);
    try {
      return await read(...call);
    } finally {
      open--;
    }
  };
  const one = new TestNode({ clock, engine });
  const resumes = Array.from({ length: 600 }, (_, at) => resume(one, `topic ${at % 200}`, undefined));
  await one.pass(300, 5);
  assert.ok(resumes.every(({ answer }) => answer?.result !== undefined));
  assert.deepEqual([hub.reads, most], [200, 64]);
});
