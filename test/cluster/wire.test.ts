import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CONVERSATIONS } from './page-conversations.ts';
import { play } from './play.ts';
import { GROUPS } from './vectors.ts';

for (const { group, vectors } of GROUPS) {
  for (const vector of vectors) test(`HI-01 ${group}: ${vector.title}`, (t) => play(vector, t));
}

for (const vector of CONVERSATIONS) {
  test(`HI-01 EX-03: the conversation of ${vector.title}`, (t) => play(vector, t));
}

test('HI-01: the page has conversations', () => assert.ok(CONVERSATIONS.length >= 5));
