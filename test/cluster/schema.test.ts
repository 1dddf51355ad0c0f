import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  clientFrameFault,
  type Frame,
  GROUPS,
  SCHEMA_SKIP,
  schemaIsValid,
  serverFrameFault,
  stepsOf,
} from './vectors.ts';

/** Values for the names of vectors, by the beginning of the name. */
const SAMPLES: readonly (readonly [name: string, value: unknown])[] = [
  ['$epoch', 'k3Fq'],
  ['$since', 1_790_000_000_000],
  ['$id', 's1'],
  ['$', 'text'],
];

const sampled = (frame: Frame): unknown =>
  JSON.parse(JSON.stringify(frame), (_, value: unknown) =>
    typeof value === 'string' && value.startsWith('$')
      ? SAMPLES.find(([name]) => value.startsWith(name))![1]
      : value,
  );

test('HI-01: the schema is a valid schema', { skip: SCHEMA_SKIP }, () => assert.ok(schemaIsValid()));

/** The schema refuses this topic, too; the server answers with another code than for malformed frames. */
const NO_TOPIC = 'A topic name with a control character is refused';

for (const { group, vectors } of GROUPS) {
  test(`HI-01: the schema accepts every frame of the vectors, ${group}`, { skip: SCHEMA_SKIP }, () => {
    for (const { title, steps } of vectors) {
      for (const step of stepsOf(steps)) {
        if ('sends' in step && title !== NO_TOPIC)
          assert.equal(clientFrameFault(sampled(step.sends)), undefined, title);
        if ('gets' in step) assert.equal(serverFrameFault(sampled(step.gets)), undefined, title);
      }
    }
  });
}

/** JSON Schema cannot express this rule. */
const NOT_OF_THE_SCHEMA = ['A lone surrogate'];

test('HI-01: the schema refuses every malformed frame of the vectors', { skip: SCHEMA_SKIP }, () => {
  let refused = 0;
  for (const { title, steps } of GROUPS.find(({ group }) => group === 'malformed')!.vectors) {
    for (const step of steps) {
      if (!('sendsText' in step) || step.sendsText === '{' || NOT_OF_THE_SCHEMA.includes(title)) continue;
      assert.notEqual(clientFrameFault(JSON.parse(step.sendsText)), undefined, title);
      refused++;
    }
  }
  assert.ok(refused >= 12);
});

/** Frames that no vector has, and whether they are valid. */
const MORE: readonly (readonly [from: 'client' | 'server', frame: Frame, isValid: boolean])[] = [
  ['server', { op: 'lost', topic: 'news', epoch: 'Zx90', offset: 0 }, true],
  ['server', { op: 'lost', topic: 'news', epoch: 'Zx90' }, false],
  ['server', { op: 'message', data: 'to the client' }, true],
  ['server', { op: 'message', offset: 4, data: 'an offset without a topic' }, false],
  ['server', { op: 'message', topic: 'news', data: 'x', data64: 'eA==' }, false],
  ['server', { op: 'error', id: 3, code: 'busy', message: 'Wait.', retryAfterMs: 250 }, true],
  ['server', { op: 'error', id: 3, code: 'unavailable', outcome: 'unknown' }, true],
  ['server', { op: 'error', id: 3, code: 'unavailable', outcome: 'perhaps' }, false],
  ['server', { op: 'error', id: 3, code: 'because' }, false],
  ['server', { op: 'ok', id: 1, topic: 'news', epoch: 'k3Fq' }, false],
  ['server', { op: 'subscribe', id: 1, topic: 'news' }, false],
  ['client', { op: 'hello', v: 1, connection: 'c1', pingMs: 1 }, false],
  ['client', { op: 'publish', id: 1, topic: 'news', data: 'x', colour: 'red' }, true],
];

for (const [from, frame, isValid] of MORE) {
  test(`HI-01: the schema ${isValid ? 'accepts' : 'refuses'} ${JSON.stringify(frame)} of a ${from}`, {
    skip: SCHEMA_SKIP,
  }, () => {
    const fault = (from === 'client' ? clientFrameFault : serverFrameFault)(frame);
    assert.equal(fault === undefined, isValid, fault);
  });
}
