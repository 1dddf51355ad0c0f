import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Reaction,
  reactionToClose,
  reactionToStatus,
  retryAfterMs,
} from '../../src/client/reconnect-rules.ts';
import type { CloseCause, CloseInfo } from '../../src/connection/close-info.ts';

const closeOf = (fields: Partial<CloseInfo>): CloseInfo => ({
  code: 1006,
  reason: '',
  wasClean: true,
  initiator: 'remote',
  sentCode: undefined,
  cause: 'peer-close',
  ...fields,
});

const BY_CODE: Readonly<Record<Reaction, readonly number[]>> = {
  'stay-away': [1000, 1002, 1003, 1007, 1009, 1010, 3000, 3999, 4000, 4401, 4999],
  again: [1005, 1011, 1014, 1015],
  'again-spread': [1001, 1006, 1012, 1013],
  'again-if-fresh': [1008],
};
for (const [reaction, codes] of Object.entries(BY_CODE)) {
  for (const code of codes) {
    test(`RC-03: the server closes with ${code}: ${reaction}`, () => {
      assert.equal(reactionToClose(closeOf({ code })), reaction);
    });
  }
}

for (const [cause, sentCode, reaction] of [
  ['local-close', 1000, 'stay-away'],
  ['local-close', 4000, 'stay-away'],
  ['local-close', 1012, 'again-spread'],
  ['terminated', undefined, 'again-spread'],
  ['ping-timeout', 1001, 'again-spread'],
  ['idle-timeout', 1001, 'again-spread'],
  ['write-timeout', undefined, 'again-spread'],
  ['close-timeout', 1000, 'again-spread'],
  ['message-timeout', 1008, 'again-spread'],
  ['slow-consumer', 1013, 'again-spread'],
  ['memory-cap', 1013, 'again-spread'],
  ['protocol-error', 1002, 'stay-away'],
  ['invalid-utf8', 1007, 'stay-away'],
  ['message-too-big', 1009, 'stay-away'],
  ['too-many-fragments', 1008, 'stay-away'],
  ['rate-limit', 1008, 'stay-away'],
] as const satisfies readonly (readonly [CloseCause, number | undefined, Reaction])[]) {
  test(`RC-03: we end it, cause ${cause}, having sent ${sentCode}: ${reaction}`, () => {
    assert.equal(reactionToClose(closeOf({ initiator: 'local', cause, sentCode })), reaction);
  });
}

for (const [status, reaction] of [
  [408, 'again'],
  [429, 'again'],
  [500, 'again'],
  [503, 'again'],
  [599, 'again'],
  [401, 'again-if-fresh'],
  [200, 'stay-away'],
  [301, 'stay-away'],
  [400, 'stay-away'],
  [403, 'stay-away'],
  [404, 'stay-away'],
  [426, 'stay-away'],
  [600, 'stay-away'],
] as const) {
  test(`RC-03: HTTP ${status}: ${reaction}`, () => {
    assert.equal(reactionToStatus(status), reaction);
  });
}

const NOW = Date.UTC(2026, 10, 24, 12, 0, 0);
for (const [value, ms] of [
  ['5', 5_000],
  [' 120 ', 120_000],
  ['0', 0],
  ['86400', 86_400_000],
  ['86401', 86_400_000],
  ['99999999999999999999999', 86_400_000],
  ['Tue, 24 Nov 2026 12:00:30 GMT', 30_000],
  ['Tue, 24 Nov 2026 11:59:30 GMT', 0],
  ['Tue, 24 Nov 2037 12:00:00 GMT', 86_400_000],
  ['-5', 0],
  ['soon', 0],
  ['', 0],
  [undefined, 0],
] as const) {
  test(`RC-02 RFC 9110 §10.2.3: Retry-After ${JSON.stringify(value)} is ${ms} ms`, () => {
    assert.equal(retryAfterMs(value, NOW), ms);
  });
}
