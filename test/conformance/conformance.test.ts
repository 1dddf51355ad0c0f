import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asked, assertPassed } from './asked.ts';
import { provedMusts, must } from './exchange.ts';
import './inside.ts';
import { NOT_OF_A_SERVER, SERVER_MUSTS } from './musts.ts';
import { assertOnRecord } from './record.ts';

test('TS-05 CM-09: Hawser’s server passes the whole suite strictly, as recorded', async () => {
  const { results, exit } = await asked();
  assertOnRecord(results, 'hawser-server.json');
  assert.equal(exit, 0);
});

for (const [id, { cases }] of Object.entries(SERVER_MUSTS)) {
  if (cases !== undefined) must(id, `conform ${cases.join(', ')}`, () => assertPassed(cases));
}

test('TS-02: every demand of RFC 6455 on a server has a test, and every test names a demand', () => {
  assert.deepEqual([...provedMusts()].sort(), Object.keys(SERVER_MUSTS).sort());
  for (const [section, why] of Object.entries(NOT_OF_A_SERVER)) assert.ok(why.length > 20, section);
});
