import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  moveReconnect,
  type ReconnectCause,
  type ReconnectState,
} from '../../../src/client/reconnect/reconnect-states.ts';

const STATES: readonly ReconnectState[] = ['connecting', 'open', 'ending', 'waiting', 'closing', 'closed'];
const LEGAL: ReadonlyMap<string, ReconnectState> = new Map<string, ReconnectState>([
  ['connecting opened', 'open'],
  ['connecting retry', 'waiting'],
  ['connecting stop', 'closing'],
  ['open leaving', 'ending'],
  ['open stop', 'closing'],
  ['ending retry', 'waiting'],
  ['ending stop', 'closing'],
  ['waiting due', 'connecting'],
  ['waiting stop', 'closing'],
  ['closing ended', 'closed'],
]);
const CAUSES: readonly ReconnectCause[] = ['opened', 'leaving', 'retry', 'due', 'stop', 'ended'];

for (const from of STATES) {
  for (const cause of CAUSES) {
    const to = LEGAL.get(`${from} ${cause}`);
    test(`RC-01: ${cause} while ${from}: ${to ?? 'ERR_STATE'}`, () => {
      if (to === undefined) assert.throws(() => moveReconnect(from, cause), { code: 'ERR_STATE' });
      else assert.equal(moveReconnect(from, cause), to);
    });
  }
}
