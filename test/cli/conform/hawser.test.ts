import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WebSocketServer } from '../../../src/index.ts';
import { runCommandLine } from '../../../src/cli/commands.ts';
import { fakeIo } from '../fake-io.ts';

/** Waits are long, so that a busy machine is no fault: whoever passes answers at once. */
const COMMAND = ['conform', '--json', '--strict', '--timeout-ms', '60000'];
/** What of the suite is a matter of choice, and what Hawser chose: limits, and the origin check that a test switches off. */
const CHOICES: readonly RegExp[] = [
  /^handshake\.origin\.foreign$/,
  /^lengths\.message\.(?:4|16)mib$/,
  /^limits\.sum$/,
  /^attack\.fragments\./,
  /^deflate\.truncated$/,
];

test('TS-05 CM-09: Hawser’s server passes the whole suite, strictly', async (t) => {
  const server = new WebSocketServer({ allowedOrigins: '*' });
  server.on('message', (connection, message) => connection.send(message));
  const { port } = await server.listen(0, '127.0.0.1');
  t.after(() => server.shutdown({ timeoutMs: 2_000 }));
  const io = fakeIo();
  const exit = await runCommandLine([...COMMAND, `ws://127.0.0.1:${port}/`], io, '0.0.0');
  const results = io.outLines
    .map((line) => JSON.parse(line) as { event: string; id: string; verdict: string; because: string })
    .filter(({ event }) => event === 'result');
  const imperfect = results.filter(
    ({ id, verdict, because }) =>
      verdict !== 'pass' &&
      !(
        verdict === 'informational' &&
        (because === 'the offer was declined' || CHOICES.some((choice) => choice.test(id)))
      ),
  );
  assert.deepEqual(imperfect, [], JSON.stringify(imperfect, undefined, 1));
  assert.equal(exit, 0);
  assert.ok(results.length > 300);
});
