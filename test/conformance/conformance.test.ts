import assert from 'node:assert/strict';
import { test } from 'node:test';
import './handshake.ts';
import './frames.ts';
import './closing.ts';
import { provedMusts } from './exchange.ts';
import { NOT_OF_A_SERVER, SERVER_MUSTS } from './musts.ts';

test('TS-02: every demand of RFC 6455 that a server can break has a test, and no test stands for none', () => {
  assert.deepEqual([...provedMusts()].sort(), Object.keys(SERVER_MUSTS).sort());
  for (const [section, why] of Object.entries(NOT_OF_A_SERVER)) assert.ok(why.length > 20, section);
});
