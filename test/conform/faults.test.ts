import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCommandLine } from '../../src/cli/commands.ts';
import { fakeIo } from '../cli/fake-io.ts';
import { referenceServer } from './reference-server.ts';

/** Faults of servers, the case that must find each, and its verdict if it is not `fail`. */
const FAULTS: readonly (readonly [fault: string, id: string, verdict?: string])[] = [
  ['wrong-accept', 'handshake.accept'],
  ['answers-without-upgrade', 'handshake.accept'],
  ['sends-a-length', 'handshake.accept'],
  ['head-in-one-packet', 'handshake.head.cut'],
  ['exact-tokens', 'handshake.upgrade.forms'],
  ['accepts-methods', 'handshake.method'],
  ['accepts-http-1.0', 'handshake.http-version'],
  ['accepts-no-host', 'handshake.host'],
  ['accepts-no-upgrade', 'handshake.upgrade.missing'],
  ['accepts-no-connection', 'handshake.connection.missing'],
  ['accepts-version-12', 'handshake.version.12'],
  ['names-no-version', 'handshake.version.other'],
  ['accepts-no-key', 'handshake.key.missing'],
  ['accepts-bad-key', 'handshake.key.wrong'],
  ['accepts-two-keys', 'handshake.key.twice'],
  ['chooses-unoffered', 'handshake.protocol.unoffered'],
  ['extends-unasked', 'handshake.extension.unknown'],
  ['accepts-bad-extensions', 'handshake.extension.malformed'],
  ['loses-pipelined', 'handshake.pipelined', 'informational'],
  ['masks', 'framing.text'],
  ['text-as-binary', 'framing.text'],
  ['compresses-unasked', 'framing.text'],
  ['drops-empty', 'framing.order'],
  ['accepts-rsv', 'framing.rsv.2'],
  ['accepts-opcodes', 'framing.opcode.3'],
  ['fails-with-1000', 'framing.opcode.3', 'non-strict'],
  ['fails-silently', 'framing.rsv.1', 'non-strict'],
  ['goes-on', 'framing.after-failure'],
  ['sends-long-lengths', 'lengths.message.125'],
  ['truncates', 'lengths.message.65536'],
  ['accepts-long-lengths', 'lengths.not-shortest', 'non-strict'],
  ['accepts-length-sign', 'lengths.sign'],
  ['accepts-unmasked', 'masking.wrong.text'],
  ['accepts-interleaved', 'fragmentation.interleaved'],
  ['accepts-lone-continuation', 'fragmentation.continuation.lone'],
  ['drops-fragments-at-ping', 'fragmentation.ping-between'],
  ['reverses-fragments', 'fragmentation.two'],
  ['keeps-fragments', 'fragmentation.twice'],
  ['accepts-fragmented-control', 'control.fragmented.ping'],
  ['accepts-long-control', 'control.long.ping'],
  ['no-pong', 'control.ping'],
  ['wrong-pong', 'control.ping'],
  ['late-pong', 'control.ping.order', 'non-strict'],
  ['answers-pongs', 'control.pong.unasked'],
  ['ignores-utf8', 'utf8.invalid.never.ff'],
  ['accepts-surrogates', 'utf8.invalid.surrogate.first'],
  ['accepts-overlong', 'utf8.invalid.overlong.2'],
  ['late-utf8', 'utf8.early.never.ff', 'non-strict'],
  ['utf8-by-fragment', 'utf8.valid.greek'],
  ['checks-binary', 'utf8.binary'],
  ['no-close', 'close.answer'],
  ['never-ends', 'close.answer'],
  ['closes-with-1000', 'close.code.1001', 'non-strict'],
  ['closes-with-1005', 'close.empty'],
  ['answers-after-close', 'close.nothing-after'],
  ['accepts-close-codes', 'close.code.1005'],
  ['accepts-close-codes', 'close.code.999', 'non-strict'],
  ['accepts-close-codes', 'close.code.1016', 'non-strict'],
  ['accepts-one-byte-body', 'close.body.one-byte'],
  ['accepts-bad-reason', 'close.reason.ff'],
  ['accepts-rsv1-on-continuation', 'deflate.rsv1.continuation'],
  ['ignores-garbage', 'deflate.garbage'],
  ['ignores-window', 'deflate.window.9'],
  ['forgets-context', 'deflate.takeover'],
  ['accepts-bad-offers', 'deflate.offer.bad'],
  ['inflates-anything', 'attack.bomb', 'non-strict'],
];

interface Result {
  readonly id: string;
  readonly verdict: string;
  readonly because: string;
  readonly label: string;
}

async function conform(
  url: string,
  ...flags: string[]
): Promise<{ exit: number; results: Result[]; errors: string[] }> {
  const io = fakeIo();
  const exit = await runCommandLine(['conform', url, '--json', ...flags], io, '0.0.0');
  const results = io.outLines
    .map((line) => JSON.parse(line) as Result & { readonly event: string })
    .filter(({ event }) => event === 'result');
  return { exit, results, errors: io.errLines };
}

test('CM-09: the reference server without a fault passes', async () => {
  await using server = await referenceServer();
  const { results, errors } = await conform(server.url, '--timeout-ms', '60000');
  const imperfect = results.filter(({ verdict }) => verdict === 'fail' || verdict === 'non-strict');
  assert.deepEqual(imperfect, [], JSON.stringify(imperfect, undefined, 1));
  assert.deepEqual(errors, []);
  assert.ok(results.length > 300 && results.filter(({ verdict }) => verdict === 'pass').length > 300);
});

for (const [fault, id, verdict = 'fail'] of FAULTS) {
  test(`CM-09: the suite catches a server with the fault '${fault}', in ${id}`, async () => {
    await using server = await referenceServer(fault);
    const { exit, results } = await conform(server.url, '--only', id, '--timeout-ms', '500');
    const found = results.find((one) => one.id === id);
    assert.equal(found?.verdict, verdict, JSON.stringify(found, undefined, 1));
    assert.ok(found.because.length > 10);
    assert.equal(exit, verdict === 'fail' ? 3 : 0);
  });
}
