import assert from 'node:assert/strict';
import { after } from 'node:test';
import { runCommandLine } from '../../src/cli/commands.ts';
import { WebSocketServer } from '../../src/index.ts';
import { fakeIo } from '../cli/fake-io.ts';
import { TRANSPORT } from '../server/transport.ts';
import { COMMAND, type Result, resultsOf } from './record.ts';

let server: WebSocketServer | undefined;
let run: Promise<{ readonly results: readonly Result[]; readonly exit: number }> | undefined;
after(() => server?.shutdown({ timeoutMs: 1_000 }));

async function ask(): Promise<{ readonly results: readonly Result[]; readonly exit: number }> {
  server = new WebSocketServer({ ...TRANSPORT, allowedOrigins: '*', perMessageDeflate: true });
  server.on('message', (connection, message) => connection.send(message));
  const { port } = await server.listen(0, '127.0.0.1');
  const io = fakeIo();
  const exit = await runCommandLine([...COMMAND, `ws://127.0.0.1:${port}/`], io, '0.0.0');
  return { results: resultsOf(io), exit };
}

/** Results of `hawser conform` against Hawser's server; run once. */
export const asked = (): NonNullable<typeof run> => (run ??= ask());

/** Asserts that each of these cases passed. A name that ends in `*` stands for all cases with that prefix. */
export async function assertPassed(cases: readonly string[]): Promise<void> {
  const { results } = await asked();
  for (const name of cases) {
    const some = results.filter(({ id }) =>
      name.endsWith('*') ? id.startsWith(name.slice(0, -1)) : id === name,
    );
    assert.ok(some.length > 0, `no case ${name}`);
    const rest = some.flatMap(({ id, verdict, because }) =>
      verdict === 'pass' ? [] : [`${verdict}: ${id}: ${because}`],
    );
    assert.deepEqual(rest, [], name);
  }
}
