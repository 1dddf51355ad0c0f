import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { prng } from '../../fuzz/prng.ts';
import {
  MAX_ANSWER_BYTES,
  writeAnswer,
  writeAsk,
  writeBroadcast,
  writeRefusal,
} from '../../src/cluster/request-messages.ts';
import { PreparedMessage } from '../../src/protocol/outgoing/prepared-message.ts';
import { TopicHub } from '../../fuzz/topic-hub.ts';
import { seededRandom, VirtualClock } from '../../src/testing/index.ts';
import { jobs, madeStats, TestNode } from './recorded.ts';

const LIMITS = { deadlineMs: 2_000, signal: undefined };

/** A node with one open question, number 1, and what it tells others. */
async function asking() {
  const clock = new VirtualClock();
  const hub = new TopicHub(clock, prng(1));
  const engine = hub.engine();
  const told: string[] = [];
  engine.tell = async (to, bytes) => {
    told.push(`${to === 'all' ? 'all' : to.node}: ${Buffer.from(bytes).toString('latin1')}`);
  };
  const one = new TestNode({ clock, engine, random: seededRandom(1), history: [], nodeId: 'me' });
  hub.nodes.set('peer', { info: Buffer.from('{}'), untilMs: Infinity });
  await one.pass(50, 10);
  let answers: unknown;
  void one.node.others.ask('stats', '', LIMITS).then(({ values, missing }) => {
    answers = [Object.fromEntries(values), missing];
  });
  await one.pass(50, 10);
  const question = told.splice(0);
  return { one, told, question, answers: () => answers };
}

const say = ({ one }: Awaited<ReturnType<typeof asking>>, words: string | Uint8Array): string[] => {
  one.node.control(Buffer.from(words as string));
  return one.owner.faults.splice(0).map(({ message }) => message.replace(/^.*?: /, ''));
};

test('SC-09 a question and its answers are a line and a body', async () => {
  const state = await asking();
  assert.deepEqual(state.question, ['all: ask me 1 stats 2000\n']);
  assert.deepEqual(say(state, 'ask peer 7 subscriber-count 500\nnews'), []);
  assert.deepEqual(say(state, 'ask peer 8 teleport 500\nanything'), []);
  assert.deepEqual(say(state, 'ask me 9 stats 500\n'), [], 'its own question came back');
  await jobs();
  assert.deepEqual(state.told, ['peer: answer me 7 ok\n1', 'peer: answer me 8 unsupported\n']);
  assert.deepEqual(say(state, writeAnswer('peer', 1, madeStats('ignored'))), []);
  await jobs();
  assert.deepEqual(state.answers(), [{ peer: madeStats('peer') }, []]);
  assert.deepEqual(say(state, writeAnswer('peer', 1, madeStats('late'))), [], 'a late answer is no fault');
});

test('SC-09 a node that does not know the question is missing at once', async () => {
  const state = await asking();
  assert.deepEqual(say(state, writeRefusal('peer', 1, 'unsupported')), []);
  await jobs();
  assert.deepEqual(state.answers(), [{}, ['peer']]);
});

const { pid: _, ...withoutPid } = madeStats('peer');
for (const [what, message, fault] of [
  ['an unknown word', 'shout peer 1\n', 'a control message is of an unknown kind'],
  ['no word', '', 'a control message is of an unknown kind'],
  ['a question without a line', 'ask peer 7 stats 500', 'the first line of a question is invalid'],
  ['a question of no node', 'ask  7 stats 500\n', 'the first line of a question is invalid'],
  ['a question without a number', 'ask peer 0 stats 500\n', 'the first line of a question is invalid'],
  ['a kind in capitals', 'ask peer 7 STATS 500\n', 'the first line of a question is invalid'],
  [
    'a number that is not safe',
    'ask peer 9999999999999999 stats 500\n',
    'the number of a question is too large',
  ],
  ['a deadline of 97 days', 'ask peer 7 stats 8380800000\n', 'the deadline of a question is too long'],
  [
    'a subject of 257 bytes',
    `ask peer 7 subscriber-count 500\n${'x'.repeat(257)}`,
    'the subject of a question is not a text of at most 256 bytes',
  ],
  [
    'a subject that is not UTF-8',
    Buffer.concat([Buffer.from('ask peer 7 disconnect 500\n'), Buffer.of(0xff)]),
    'the subject of a question is not a text of at most 256 bytes',
  ],
  ['an empty topic', 'ask peer 7 subscriber-count 500\n', 'the subject of subscriber-count is invalid'],
  [
    'a topic of control characters',
    'ask peer 7 subscriber-count 500\n\0',
    'the subject of subscriber-count is invalid',
  ],
  ['no connection', 'ask peer 7 disconnect 500\n', 'the subject of disconnect is invalid'],
  ['a subject too many', 'ask peer 7 stats 500\nnews', 'the subject of stats is invalid'],
  ['a line of 1 MiB', `ask peer 7 ${'x'.repeat(1_048_576)}\n`, 'the first line of a question is invalid'],
  ['an answer of no status', 'answer peer 1 maybe\n1', 'the first line of an answer is invalid'],
  ['an answer that is no JSON', 'answer peer 1 ok\n{', 'an answer is no JSON'],
  [
    'an answer that is not UTF-8',
    Buffer.concat([Buffer.from('answer peer 1 ok\n"'), Buffer.of(0xff, 0x22)]),
    'an answer is no JSON',
  ],
  ['a refusal with a value', 'answer peer 1 failed\n1', 'an answer without a value has one'],
  [
    'an answer of 65,537 bytes',
    `answer peer 1 ok\n"${'x'.repeat(MAX_ANSWER_BYTES - 1)}"`,
    `an answer of ${MAX_ANSWER_BYTES + 1} bytes is over the limit of ${MAX_ANSWER_BYTES}`,
  ],
  ...[
    1,
    null,
    [],
    withoutPid,
    madeStats('peer', { connections: -1 }),
    madeStats('peer', { messagesSent: '1' as never }),
    madeStats('peer', { bytesSent: 1e300 }),
    madeStats('peer', { host: 'x'.repeat(257) }),
    madeStats('peer', { ready: 'yes' as never }),
    madeStats('peer', { reasons: [1 as never] }),
    madeStats('peer', { reasons: Array.from({ length: 17 }, () => 'full') }),
  ].map(
    (value) =>
      [
        `statistics that are ${JSON.stringify(value).slice(0, 60)}…`,
        `answer peer 1 ok\n${JSON.stringify(value)}`,
        'an answer has a value of another type',
      ] as const,
  ),
  ['a broadcast of no node', 'broadcast \n\x81\x01a', 'the first line of a broadcast is invalid'],
  ['a broadcast without a frame', 'broadcast peer\n', 'an entry begins with no frame'],
  [
    'a broadcast of a ping',
    Buffer.concat([Buffer.from('broadcast peer\n'), Buffer.of(0x89, 0)]),
    'an entry begins with no frame',
  ],
  [
    'a broadcast with bytes too many',
    Buffer.concat([writeBroadcast('peer', new PreparedMessage('a').frame), Buffer.of(1, 1, 0x61)]),
    'a broadcast has bytes after its frame',
  ],
  [
    'a broadcast that is not UTF-8',
    Buffer.concat([Buffer.from('broadcast peer\n'), Buffer.of(0x81, 1, 0xff)]),
    'the text of an entry is not UTF-8',
  ],
] as const)
  test(`SE-35 a control message is counted and dropped: ${what}`, async () => {
    const state = await asking();
    const before = state.one.owner.local.broadcasts.length;
    assert.deepEqual(say(state, message), [fault]);
    await jobs();
    assert.deepEqual(
      [state.told, state.answers(), state.one.owner.local.broadcasts.length],
      [[], undefined, before],
    );
  });

test('SE-35 a control message that is cut or changed anywhere is dropped or understood, and never throws', async () => {
  const state = await asking();
  const { one } = state;
  const messages = [
    writeAsk({ from: 'peer', id: 7, kind: 'subscriber-count', deadlineMs: 2_000, subject: 'room:ä' }),
    writeAsk({ from: 'peer', id: 8, kind: 'disconnect', deadlineMs: 2_000, subject: 'c1' }),
    writeAnswer('peer', 1, madeStats('peer')),
    writeRefusal('peer', 1, 'failed'),
    writeBroadcast('peer', new PreparedMessage('hëllo').frame),
    writeBroadcast('peer', new PreparedMessage(Buffer.alloc(200)).frame),
    Buffer.from('probe 1'),
  ];
  let faults = 0;
  const hear = (bytes: Uint8Array): void => {
    one.node.control(bytes);
    faults += one.owner.faults.splice(0).length;
  };
  const random = prng(35);
  for (const message of messages) {
    for (let end = 0; end < message.length; end++) {
      hear(message.subarray(0, end));
      const changed = Buffer.from(message);
      changed[end] = random.int(256);
      hear(changed);
      changed[random.int(message.length)] = random.int(256);
      hear(changed);
    }
    hear(Buffer.concat([message, message]));
  }
  assert.ok(faults > 1_000, `${faults} were dropped`);
  // The node works as before.
  state.told.length = 0;
  await jobs();
  state.told.length = 0;
  assert.deepEqual(say(state, 'ask peer 99 subscriber-count 500\nnews'), []);
  await jobs();
  assert.deepEqual(state.told, ['peer: answer me 99 ok\n1']);
});
