import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Topic } from '../../../src/server/groups/topic.ts';

interface Member {
  readonly number: number;
}
const MEMBERS: readonly Member[] = Array.from({ length: 40 }, (_, number) => ({ number }));

test('TP-04 a topic keeps its members in the order of subscribing, in a list or in a set', () => {
  const move = fc.record({ who: fc.nat(MEMBERS.length - 1), asked: fc.boolean() });
  fc.assert(
    fc.property(fc.array(move, { minLength: 30, maxLength: 120 }), (moves) => {
      const topic = new Topic<Member>('news', MEMBERS[0]!);
      let model = [MEMBERS[0]!];
      for (const { who, asked } of moves) {
        const member = MEMBERS[who]!;
        assert.equal(topic.has(member), model.includes(member));
        if (topic.has(member)) {
          topic.delete(member);
          model = model.filter((each) => each !== member);
        } else {
          topic.add(member);
          model.push(member);
        }
        assert.equal(topic.size, model.length);
        assert.deepEqual([...topic.recipients], model);
        if (asked && topic.size > 25) assert.deepEqual([...topic.members], model);
      }
    }),
  );
});

test('TP-05 a member that leaves during a loop does not hide another one, in a list and in a set', () => {
  for (const count of [3, 30]) {
    const topic = new Topic<Member>('news', MEMBERS[0]!);
    for (const member of MEMBERS.slice(1, count)) topic.add(member);
    const seen: number[] = [];
    for (const member of topic.recipients) {
      seen.push(member.number);
      topic.delete(member);
    }
    assert.deepEqual(seen, [...Array(count).keys()]);
    assert.equal(topic.size, 0);
  }
});

test('TP-06 the members of a small topic are live, too', () => {
  const topic = new Topic<Member>('news', MEMBERS[0]!);
  const { members } = topic;
  const seen: number[] = [];
  for (const member of members) {
    seen.push(member.number);
    if (member.number < 20) topic.add(MEMBERS[member.number + 1]!);
  }
  assert.deepEqual(seen, [...Array(21).keys()]);
  assert.equal(topic.name, 'news');
});
