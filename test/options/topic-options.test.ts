import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HistorySettings } from '../../src/options/topic-options.ts';
import { refusal, resolve } from './option-cases.ts';

const matching = (match: unknown, ...topics: string[]): boolean[] => {
  const [rule] = resolve({ history: { match } }).history as [HistorySettings];
  return topics.map((topic) => rule.match(topic));
};

test('HI-03 a rule matches a topic, a prefix, a whole name by pattern, or by function', () => {
  assert.deepEqual(matching('a', 'a', 'ab', 'b'), [true, false, false]);
  assert.deepEqual(matching('a*', 'a', 'ab', 'b'), [true, true, false]);
  assert.deepEqual(matching('*', '', 'x'), [true, true]);
  assert.deepEqual(matching('a*b', 'a*b', 'axb'), [true, false], 'a star in the middle is a star');
  assert.deepEqual(matching(/a|bc/gy, 'a', 'a', 'bc', 'abc'), [true, true, true, false]);
  assert.deepEqual(
    matching((topic: string) => topic.length === 2, 'a', 'ab'),
    [false, true],
  );
  assert.throws(() => matching(() => Promise.resolve(true), 'a'), {
    code: 'ERR_ARGUMENT',
    message: /returned a promise/,
  });
});

test('HI-03 HI-07 one rule or a list: defaults are filled in, and the result is frozen', () => {
  const { history, presence } = resolve({
    history: { match: 'a', maxMessages: 5 },
    presence: [{ match: 'a', graceMs: 0 }, { match: 'b' }],
  });
  const [{ match, ...limits }] = history as [HistorySettings];
  assert.equal(match('a'), true);
  assert.deepEqual(limits, {
    maxMessages: 5,
    maxBytes: 1_048_576,
    ttlMs: 300_000,
    positionTtlMs: 86_400_000,
  });
  assert.deepEqual(
    presence.map(({ maxMembers, graceMs }) => [maxMembers, graceMs]),
    [
      [1_000, 0],
      [1_000, 5_000],
    ],
  );
  assert.ok(Object.isFrozen(history) && Object.isFrozen(history[0]));
});

test('GN-05 a wrong rule names its member, its value and what is allowed', () => {
  for (const [options, says] of [
    [{ history: {} }, /^history\.match is undefined; it must be a topic, a prefix/],
    [{ history: { match: '' } }, /^history\.match is ""; it must be/],
    [{ history: [{ match: 'a' }, { match: 5 }] }, /^history\[1\]\.match is 5; it must be/],
    [{ history: [5] }, /^history\[0\] is 5; it must be an object/],
    [
      { history: { match: 'a', maxMessage: 5 } },
      /no option history\.maxMessage .*nearest is history\.maxMessages/,
    ],
    [
      { history: { match: 'a', maxMessages: 0 } },
      /^history\.maxMessages is 0; it must be a whole number from 1/,
    ],
    [{ history: { match: 'a', ttlMs: false } }, /^history\.ttlMs is false/],
    [{ presence: { match: 'a', graceMs: -1 } }, /^presence\.graceMs is -1; it must be .* from 0/],
    [{ presence: { match: 'a', maxBytes: 1 } }, /no option presence\.maxBytes/],
  ] as const)
    assert.match(refusal(options), says);
});

const METHODS = 'start stop publish interest read positions enter leave members beat tell reconnect'.split(
  ' ',
);
const engine = (more: object): object =>
  Object.assign(Object.fromEntries(METHODS.map((name) => [name, () => undefined])), more);

test('SC-01 cluster takes an object with the methods of an engine, and options that it can serve', () => {
  const able = { name: 'own', capabilities: { history: true, presence: true } };
  const given = engine(able);
  assert.equal(resolve({ cluster: given, requireEngine: true, history: { match: '*' } }).cluster, given);
  assert.match(
    refusal({ cluster: engine({ ...able, tell: undefined }) }),
    /^cluster is an object; .* methods start, stop/,
  );
  assert.match(refusal({ cluster: engine({}) }), /an engine with name and capabilities/);
  const unable = engine({ name: 'own', capabilities: { history: false, presence: false } });
  assert.match(
    refusal({ cluster: unable, history: { match: '*' } }),
    /^history is .* the engine own, which stores no messages/,
  );
  assert.match(
    refusal({ cluster: unable, presence: { match: '*' } }),
    /^presence is .* the engine own, which knows no members/,
  );
  assert.equal(resolve({ cluster: unable }).cluster, unable);
  assert.match(
    refusal({ requireEngine: true }),
    /^requireEngine is true; it must be false without the option cluster/,
  );
});
