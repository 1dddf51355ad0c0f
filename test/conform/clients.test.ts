import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCommandLine } from '../../src/cli/commands.ts';
import { waitUntil } from '../../src/testing/index.ts';
import { fakeIo } from '../cli/fake-io.ts';
import { referenceClient } from './reference-client.ts';

/** Faults of clients, the case that must find each, and its verdict if it is not `fail`. */
const FAULTS: readonly (readonly [fault: string, id: string, verdict?: string])[] = [
  ['posts', 'handshake.response.accept'],
  ['names-no-host', 'handshake.response.accept'],
  ['old-version', 'handshake.response.accept'],
  ['short-key', 'handshake.response.accept'],
  ['same-key', 'handshake.response.accept'],
  ['takes-any-status', 'handshake.response.status'],
  ['takes-any-upgrade', 'handshake.response.upgrade'],
  ['takes-any-connection', 'handshake.response.connection'],
  ['takes-any-accept', 'handshake.response.accept.wrong'],
  ['takes-any-protocol', 'handshake.response.protocol'],
  ['takes-any-extension', 'handshake.response.extension'],
  ['loses-behind', 'handshake.response.behind'],
  ['does-not-mask', 'framing.text'],
  ['accepts-masked', 'masking.wrong.text'],
  ['accepts-rsv', 'framing.rsv.2'],
  ['accepts-opcodes', 'framing.opcode.3'],
  ['no-pong', 'control.ping'],
  ['accepts-interleaved', 'fragmentation.interleaved'],
  ['ignores-utf8', 'utf8.invalid.never.ff'],
  ['late-utf8', 'utf8.early.never.ff', 'non-strict'],
  ['closes-with-1000', 'close.code.1001', 'non-strict'],
  ['accepts-close-codes', 'close.code.1005'],
  ['accepts-close-codes', 'close.code.999', 'non-strict'],
  ['accepts-close-codes', 'close.code.1016', 'non-strict'],
];

interface Result {
  readonly event: string;
  readonly id: string;
  readonly verdict: string;
  readonly because: string;
}

async function conform(fault: string, ...flags: string[]): Promise<{ exit: number; results: Result[] }> {
  const io = fakeIo();
  const exit = runCommandLine(['conform', '--listen', '0', '--json', ...flags], io, '0.0.0');
  const line = (await waitUntil(() => io.outLines[0])) ?? assert.fail();
  await referenceClient((JSON.parse(line) as { url: string }).url, fault);
  const code = await exit;
  const results = io.outLines
    .map((one) => JSON.parse(one) as Result)
    .filter(({ event }) => event === 'result');
  return { exit: code, results };
}

test('CM-09: the reference client without a fault passes', async () => {
  const { exit, results } = await conform('', '--timeout-ms', '60000', '--strict');
  const imperfect = results.filter(({ verdict }) => verdict !== 'pass' && verdict !== 'informational');
  assert.deepEqual(imperfect, [], JSON.stringify(imperfect, undefined, 1));
  assert.equal(exit, 0);
  assert.ok(results.length > 280);
});

for (const [fault, id, verdict = 'fail'] of FAULTS) {
  test(`CM-09: the suite catches a client with the fault '${fault}', in ${id}`, async () => {
    const { exit, results } = await conform(fault, '--only', id, '--timeout-ms', '500');
    const found = results.find((one) => one.id === id);
    assert.equal(found?.verdict, verdict, JSON.stringify(found, undefined, 1));
    assert.ok(found.because.length > 10);
    assert.equal(exit, verdict === 'fail' ? 3 : 0);
  });
}

for (const when of ['before it listens', 'while it waits']) {
  test(`CM-01 CM-09: SIGINT ${when} for a client: exit 130`, { timeout: 30_000 }, async () => {
    const io = fakeIo();
    const exit = runCommandLine(['conform', '--listen', '0', '--json'], io, '0.0.0');
    if (when === 'while it waits') await waitUntil(() => io.outLines[0]);
    io.interrupt();
    assert.equal(await exit, 130);
    assert.deepEqual(io.errLines, []);
  });
}
