import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { runCommandLine } from '../../src/cli/commands.ts';
import { connect } from '../../src/client/index.ts';
import { waitUntil } from '../../src/testing/index.ts';
import { readResults, resultsTable, withTable } from '../../tools/conformance-pages.ts';
import { assertOnRecord, COMMAND, FOLDER, resultsOf } from '../conformance/record.ts';
import { fakeIo } from '../cli/fake-io.ts';

test('TS-05 CM-09: the client of Hawser passes the whole suite with --strict, as docs/conformance records', async () => {
  const io = fakeIo();
  const exit = runCommandLine([...COMMAND, '--listen', '0'], io, '0.0.0');
  const line = (await waitUntil(() => io.outLines[0])) ?? assert.fail();
  const { url } = JSON.parse(line) as { readonly url: string };
  for (let done = false; !done; ) {
    try {
      const connection = await connect(url, { perMessageDeflate: true });
      connection.on('message', (message) => connection.send(message));
      done = (await connection.closed).code === 4_321;
    } catch {
      // A handshake that must fail.
    }
  }
  assert.equal(await exit, 0);
  assertOnRecord(resultsOf(io), 'hawser-client.json');
});

test('CM-09: the table of docs/conformance fits the results (node tools/conformance-results.js)', () => {
  const page = readFileSync(join(FOLDER, 'README.md'), 'utf8');
  const results = readResults(FOLDER);
  assert.ok(results.length >= 8);
  assert.equal(page, withTable(page, resultsTable(results)));
});
