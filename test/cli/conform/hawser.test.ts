import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { runCommandLine } from '../../../src/cli/commands.ts';
import { connect } from '../../../src/client/index.ts';
import { WebSocketServer } from '../../../src/index.ts';
import { waitUntil } from '../../../src/testing/index.ts';
import { type KeptResult, readResults, resultsTable, withTable } from '../../../tools/conformance-pages.ts';
import { type FakeIo, fakeIo } from '../fake-io.ts';

const FOLDER = join(import.meta.dirname, '..', '..', '..', '..', 'docs', 'conformance');
/** Waits are long, so that a busy machine is no fault: whoever passes answers at once. */
const COMMAND = ['conform', '--json', '--strict', '--timeout-ms', '60000'];

/** Compares what the suite found with what is on record: nothing but choices of ours, each known. */
function assertOnRecord(io: FakeIo, file: string): void {
  const results = io.outLines
    .map((line) => JSON.parse(line) as { event: string; id: string; verdict: string; because: string })
    .filter(({ event }) => event === 'result');
  // Results come as they are done.
  const findings = (list: readonly { readonly id: string; readonly verdict: string }[]): string[] =>
    list
      .filter(({ verdict }) => verdict !== 'pass')
      .map(({ id, verdict }) => `${verdict}: ${id}`)
      .sort();
  const kept = JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as KeptResult;
  const detail = JSON.stringify(
    results.filter(({ verdict }) => verdict !== 'pass').map(({ id, because }) => [id, because]),
  );
  assert.deepEqual(findings(results), findings(kept.findings), detail);
  assert.equal(results.length, kept.cases);
  assert.equal(kept.counts.fail + kept.counts['non-strict'] + kept.counts.skipped, 0);
}

test('TS-05 CM-09: Hawser’s server passes the whole suite, strictly, and the record says the same', async (t) => {
  const server = new WebSocketServer({ allowedOrigins: '*', perMessageDeflate: true });
  server.on('message', (connection, message) => connection.send(message));
  const { port } = await server.listen(0, '127.0.0.1');
  t.after(() => server.shutdown({ timeoutMs: 2_000 }));
  const io = fakeIo();
  const exit = await runCommandLine([...COMMAND, `ws://127.0.0.1:${port}/`], io, '0.0.0');
  assertOnRecord(io, 'hawser-server.json');
  assert.equal(exit, 0);
});

test('TS-05 CM-09: Hawser’s client passes the whole suite, strictly, and the record says the same', async () => {
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
      // A handshake that had to fail.
    }
  }
  assert.equal(await exit, 0);
  assertOnRecord(io, 'hawser-client.json');
});

test('CM-09: the table of docs/conformance says what the results say (node tools/conformance-results.js)', () => {
  const page = readFileSync(join(FOLDER, 'README.md'), 'utf8');
  const results = readResults(FOLDER);
  assert.ok(results.length >= 8);
  assert.equal(page, withTable(page, resultsTable(results)));
});
