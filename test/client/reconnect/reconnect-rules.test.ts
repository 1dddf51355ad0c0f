import assert from 'node:assert/strict';
import { test } from 'node:test';
import { overruled, type Reaction } from '../../../src/client/reconnect/close-reactions.ts';
import {
  reactionToClose,
  reactionToError,
  reactionToStatus,
} from '../../../src/client/reconnect/reconnect-rules.ts';
import type { CloseCause, CloseInfo } from '../../../src/protocol/close-info.ts';
import { ConnectError, MisuseError } from '../../../src/index.ts';

const closeOf = (fields: Partial<CloseInfo>): CloseInfo => ({
  code: 1006,
  reason: '',
  wasClean: true,
  initiator: 'remote',
  sentCode: undefined,
  cause: 'peer-close',
  ...fields,
});

const BY_CODE: Readonly<Partial<Record<Reaction, readonly number[]>>> = {
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
  ['lifetime', 1001, 'again-spread'],
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
  test(`RC-03: the client closes, cause ${cause}, sent code ${sentCode}: ${reaction}`, () => {
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
  [200, 'again-some'],
  [301, 'again-some'],
  [400, 'again-some'],
  [403, 'stay-away'],
  [405, 'stay-away'],
  [407, 'stay-away'],
  [410, 'stay-away'],
  [404, 'again-some'],
  [426, 'stay-away'],
  [600, 'stay-away'],
] as const) {
  test(`RC-03: HTTP ${status}: ${reaction}`, () => {
    assert.equal(reactionToStatus(status), reaction);
  });
}

const refusal = (code: 'ERR_RESPONSE' | 'ERR_REDIRECT', status?: number) =>
  new ConnectError(code, undefined, { phase: 'response', status });
for (const [what, error, reaction] of [
  ['no answer', new ConnectError('ERR_CONNECT', undefined, { phase: 'tcp' }), 'again'],
  ['no answer in time', new ConnectError('ERR_CONNECT_TIMEOUT', undefined, { phase: 'dns' }), 'again'],
  ['a truncated response', refusal('ERR_RESPONSE'), 'again'],
  ['503', refusal('ERR_RESPONSE', 503), 'again'],
  ['401', refusal('ERR_RESPONSE', 401), 'again-if-fresh'],
  ['404', refusal('ERR_RESPONSE', 404), 'again-some'],
  ['an invalid 101', refusal('ERR_RESPONSE', 101), 'stay-away'],
  ['a redirect', refusal('ERR_REDIRECT', 302), 'again-some'],
  ['a proxy that is down', new ConnectError('ERR_PROXY', undefined, { phase: 'proxy' }), 'again'],
  [
    'a proxy that answers 502',
    new ConnectError('ERR_PROXY', undefined, { phase: 'proxy', status: 502 }),
    'again',
  ],
  [
    'a proxy that answers 403',
    new ConnectError('ERR_PROXY', undefined, { phase: 'proxy', status: 403 }),
    'stay-away',
  ],
  ['407', new ConnectError('ERR_PROXY_AUTH', undefined, { phase: 'proxy', status: 407 }), 'stay-away'],
  [
    '401 of a proxy',
    new ConnectError('ERR_PROXY_AUTH', undefined, { phase: 'proxy', status: 401 }),
    'stay-away',
  ],
  ['an impossible URL', new ConnectError('ERR_URL', undefined, { phase: 'url' }), 'stay-away'],
  ['an impossible option', new MisuseError('ERR_OPTION', 'wrong'), 'stay-away'],
  ['a token service that is down', new Error('no token today'), 'again'],
] as const) {
  test(`RC-03: the attempt fails, ${what}: ${reaction}`, () => {
    assert.equal(reactionToError(error), reaction);
  });
}

for (const [byRule, again, reaction] of [
  ['again', undefined, 'again'],
  ['stay-away', undefined, 'stay-away'],
  ['again-spread', false, 'stay-away'],
  ['again', false, 'stay-away'],
  ['stay-away', true, 'again'],
  ['again-some', true, 'again-spread'],
  ['again-some', undefined, 'again-some'],
  ['again-if-fresh', true, 'again'],
  ['again-spread', true, 'again-spread'],
] as const satisfies readonly (readonly [Reaction, boolean | undefined, Reaction])[]) {
  test(`RC-03: ${byRule} by the rules, and shouldReconnect returns ${again}: ${reaction}`, () => {
    assert.equal(overruled(byRule, again), reaction);
  });
}
