import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkTopic } from '../../../src/options/topic-name.ts';
import { type TopicHolder, TopicTable } from '../../../src/server/groups/topics.ts';

const LIMITS = { maxTopics: 100, maxTopicsPerConnection: 100 };
const holder = (): TopicHolder => ({ topicSet: undefined });

test('TP-01 subscribe returns whether the topic is new, unsubscribe whether it was subscribed', () => {
  const table = new TopicTable(LIMITS);
  const one = holder();
  assert.equal(table.unsubscribe(one, 'news'), false);
  assert.equal(table.subscribe(one, 'news'), true);
  assert.equal(table.subscribe(one, 'news'), false);
  assert.deepEqual([...one.topicSet!], ['news']);
  assert.equal(table.unsubscribe(holder(), 'news'), false);
  assert.equal(table.unsubscribe(one, 'news'), true);
  assert.equal(table.unsubscribe(one, 'news'), false);
  assert.equal(one.topicSet, undefined);
});

test('TP-01 topics are limited per subscriber and in total', () => {
  const table = new TopicTable({ maxTopics: 3, maxTopicsPerConnection: 2 });
  const [one, two] = [holder(), holder()];
  assert.deepEqual(
    ['a', 'b', 'c'].map((topic) => table.subscribe(one, topic)),
    [true, true, false],
  );
  assert.deepEqual(
    ['c', 'd', 'a'].map((topic) => table.subscribe(two, topic)),
    [true, false, true],
  );
  assert.equal(table.size, 3);
  assert.equal(table.unsubscribe(one, 'b'), true);
  assert.equal(table.unsubscribe(two, 'a'), true);
  assert.equal(table.subscribe(two, 'd'), true, 'a freed place is usable at once');
});

const GOOD = [
  'a',
  ' ',
  'chat/room 1',
  'ü'.repeat(128),
  '€'.repeat(85),
  'x'.repeat(256),
  '😀'.repeat(64),
  '__proto__',
  'constructor',
  'error',
  '*',
  '﻿',
];
const BAD = [
  '',
  'x'.repeat(257),
  'ü'.repeat(129),
  '€'.repeat(86),
  '😀'.repeat(65),
  'a\nb',
  '\0',
  '\u007f',
  '\u0085',
  '\ud800',
  'a\udc00b',
  undefined,
  null,
  5,
  {},
  ['a'],
  Symbol('a'),
];
test('TP-02 a topic is 1 to 256 bytes of UTF-8 without control characters', () => {
  for (const topic of GOOD) assert.doesNotThrow(() => checkTopic(topic), topic);
  for (const topic of BAD)
    assert.throws(() => checkTopic(topic), { name: 'MisuseError', code: 'ERR_ARGUMENT' });
});

test('TP-02 an invalid name throws in every call that uses it, and changes nothing', () => {
  const table = new TopicTable(LIMITS);
  const one = holder();
  for (const topic of BAD as string[]) {
    assert.throws(() => table.subscribe(one, topic), TypeError);
    assert.throws(() => table.unsubscribe(one, topic), TypeError);
    assert.throws(() => table.find(topic), TypeError);
    assert.equal(table.subscriberCount(topic), 0);
  }
  assert.equal(table.size, 0);
  assert.equal(one.topicSet, undefined);
});

test('SE-29 names of Object.prototype are ordinary topics', () => {
  const table = new TopicTable(LIMITS);
  const one = holder();
  for (const topic of ['__proto__', 'constructor', 'toString', 'error']) {
    assert.equal(table.subscriberCount(topic), 0);
    assert.equal(table.find(topic), undefined);
    assert.equal(table.subscribe(one, topic), true);
    assert.deepEqual([...table.subscribers(topic)], [one]);
  }
  table.unsubscribeAll(one);
  assert.equal(table.size, 0);
});

test('TP-02 names are compared exactly', () => {
  const table = new TopicTable(LIMITS);
  const one = holder();
  for (const topic of ['a', 'A', 'a ', '\u00e9', 'e\u0301', '*'])
    assert.equal(table.subscribe(one, topic), true);
  assert.equal(table.size, 6);
});

test('TP-06 the view shows the table as it changes, and cannot change it', () => {
  const table = new TopicTable(LIMITS);
  const view = table.view((subscriber) => subscriber);
  const [one, two] = [holder(), holder()];
  table.subscribe(one, 'a');
  table.subscribe(two, 'a');
  table.subscribe(two, 'b');
  assert.equal(view.size, 2);
  assert.deepEqual([...view], ['a', 'b']);
  assert.equal(view.subscriberCount('a'), 2);
  assert.equal(view.subscriberCount('none'), 0);
  assert.deepEqual([...view.subscribers('a')], [one, two]);
  assert.deepEqual([...view.subscribers('none')], []);
  assert.deepEqual(Reflect.ownKeys(view), ['size', 'subscriberCount', 'subscribers', Symbol.iterator]);
  assert.equal(Object.isFrozen(view), true);
});

test('TP-04 the table tells of the first and the last member of a topic, after the change', () => {
  const told: string[] = [];
  const table: TopicTable<TopicHolder> = new TopicTable(LIMITS, {
    subscribe: (topic) => void told.push(`${topic} has ${table.subscriberCount(topic)}`),
    unsubscribe: (topic) => void told.push(`${topic} has ${table.subscriberCount(topic)}, of ${table.size}`),
  });
  const [one, two] = [holder(), holder()];
  table.subscribe(one, 'a');
  table.subscribe(two, 'a');
  table.subscribe(two, 'b');
  table.subscribe(two, 'b');
  table.unsubscribe(one, 'a');
  table.unsubscribe(one, 'a');
  assert.deepEqual(told, ['a has 1', 'b has 1']);
  table.unsubscribeAll(two);
  assert.deepEqual(told.slice(2), ['a has 0, of 1', 'b has 0, of 0']);
});

test('TP-04 any series of moves leaves what a plain list of pairs would', () => {
  const move = fc.record({
    who: fc.nat(3),
    topic: fc.constantFrom('a', 'b', 'c', '__proto__'),
    what: fc.constantFrom('subscribe', 'unsubscribe', 'leave'),
  });
  fc.assert(
    fc.property(fc.array(move), (moves) => {
      const limits = { maxTopics: 3, maxTopicsPerConnection: 2 };
      const table = new TopicTable(limits);
      const holders = [holder(), holder(), holder(), holder()];
      let pairs: { who: number; topic: string }[] = [];
      const topics = () => new Set(pairs.map(({ topic }) => topic));
      for (const { who, topic, what } of moves) {
        const has = pairs.some((pair) => pair.who === who && pair.topic === topic);
        if (what === 'leave') {
          const own = pairs.filter((pair) => pair.who === who).map((pair) => pair.topic);
          table.unsubscribeAll(holders[who]!);
          assert.deepEqual([...(holders[who]!.topicSet ?? [])], own, 'what it had is still readable');
          for (const name of own) assert.equal(table.unsubscribe(holders[who]!, name), false);
          holders[who]!.topicSet = undefined;
          pairs = pairs.filter((pair) => pair.who !== who);
        } else if (what === 'unsubscribe') {
          assert.equal(table.unsubscribe(holders[who]!, topic), has);
          pairs = pairs.filter((pair) => pair.who !== who || pair.topic !== topic);
        } else {
          const isRoom = topics().has(topic) || topics().size < limits.maxTopics;
          const isMine = pairs.filter((pair) => pair.who === who).length < limits.maxTopicsPerConnection;
          assert.equal(table.subscribe(holders[who]!, topic), !has && isRoom && isMine);
          if (!has && isRoom && isMine) pairs.push({ who, topic });
        }
        assert.equal(table.subscriptions, pairs.length);
        assert.deepEqual(new Set(table), topics());
        for (const name of topics()) {
          const audience = pairs.filter((pair) => pair.topic === name).map((pair) => holders[pair.who]);
          assert.equal(audience.length, table.subscriberCount(name));
          assert.deepEqual(
            [...table.find(name)!.recipients].map((each) => holders.indexOf(each)),
            pairs.filter((pair) => pair.topic === name).map((pair) => pair.who),
          );
        }
        holders.forEach((each, i) => {
          const own = pairs.filter((pair) => pair.who === i).map((pair) => pair.topic);
          assert.deepEqual(each.topicSet === undefined ? [] : [...each.topicSet], own);
          assert.equal(each.topicSet?.size === 0, false, 'an empty set is not kept');
        });
      }
    }),
  );
});
