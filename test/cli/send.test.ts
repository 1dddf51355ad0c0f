import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { waitUntil } from '../../src/testing/index.ts';
import { scriptedServer } from '../client/live.ts';
import { fakeIo } from './fake-io.ts';
import { echo, hawser, server } from './talking.ts';

test('CM-06: sends each message, prints as many answers as expected, and closes with 1000', async (t) => {
  const { server: peer, url } = await echo(t);
  const closes: unknown[] = [];
  peer.on('close', (_, { code, wasClean }) => void closes.push([code, wasClean]));
  const io = fakeIo();
  assert.equal(await hawser(io, 'send', url, 'one', '--expect', '2', 'two', '--', '--three'), 0);
  assert.deepEqual(io.outLines, ['one', 'two']);
  await waitUntil(() => closes.length === 1);
  assert.deepEqual([io.errLines, closes], [[], [[1000, true]]]);
});

test('CM-06: without --expect everything sent is received before the Close', async (t) => {
  const { server: peer, url } = await server(t);
  const received: unknown[] = [];
  peer.on('message', (_, message) => void received.push(message));
  const texts = Array.from({ length: 50 }, (_, i) => `message ${i}`);
  assert.equal(await hawser(fakeIo(), 'send', url, ...texts), 0);
  assert.deepEqual(received, texts);
});

test('CM-06: fewer answers than expected within --wait-ms cause exit 3', async (t) => {
  const { url } = await echo(t);
  const io = fakeIo();
  assert.equal(await hawser(io, 'send', url, 'one', '--expect', '2', '--wait-ms', '100'), 3);
  assert.deepEqual(io.outLines, ['one']);
  assert.match(io.errLines[0]!, /^hawser: 1 of 2 expected messages arrived/);
});

test('CM-06: a peer that closes before it has answered causes exit 3 at once', async (t) => {
  const { server: strict, url } = await server(t);
  strict.on('message', (connection) => connection.close(4000, 'no'));
  const io = fakeIo();
  assert.equal(await hawser(io, 'send', url, 'one', '--expect', '1', '--wait-ms', '600000'), 3);
  assert.match(io.errLines[0]!, /0 of 1 .* code 4000 'no'/);
});

test('CM-06: --binary takes hex digits; --file takes a whole file, or standard input for -', async (t) => {
  const { server: peer, url } = await server(t);
  const received: unknown[] = [];
  peer.on('message', (_, message) => void received.push(message));
  const folder = mkdtempSync(join(tmpdir(), 'hawser-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const [text, binary] = [join(folder, 'text'), join(folder, 'binary')];
  writeFileSync(text, 'zwölf\n');
  writeFileSync(binary, Buffer.of(0xff, 0, 0xfe));
  assert.equal(await hawser(fakeIo(), 'send', url, '00 ff', '--binary', '--file', binary), 0);
  assert.equal(await hawser(fakeIo(), 'send', url, 'first', '--file', text), 0);
  const piped = fakeIo();
  piped.input.end('from a pipe');
  assert.equal(await hawser(piped, 'send', url, '--file', '-'), 0);
  assert.deepEqual(received, [Buffer.of(0, 255), Buffer.of(255, 0, 254), 'first', 'zwölf\n', 'from a pipe']);

  const io = fakeIo();
  assert.equal(await hawser(io, 'send', url, '--file', binary), 1);
  assert.match(io.errLines[0]!, /is not UTF-8 text; send it with --binary/);
  assert.equal(await hawser(fakeIo(), 'send', url, '--file', join(folder, 'none')), 1);
});

test('CM-06 CM-02: with --json each event is one line with a JSON object', async (t) => {
  const { url } = await echo(t);
  const io = fakeIo();
  assert.equal(await hawser(io, 'send', url, '--json', '--binary', 'c0ffee', '--expect', '1'), 0);
  const events = io.outLines.map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    events.map(({ event, type, bytes, hex, code, error }) => [event, type, bytes, hex, code, error]),
    [
      ['open', undefined, undefined, undefined, undefined, undefined],
      ['message', 'binary', 3, 'c0ffee', undefined, undefined],
      ['close', undefined, undefined, undefined, 1000, null],
    ],
  );
});

test('CM-06: messages beyond the high-water mark arrive whole', async (t) => {
  const { server: peer, url } = await server(t, { maxMessageBytes: 4_194_304 });
  let bytes = 0;
  peer.on('message', (_, message) => void (bytes += message.length));
  const folder = mkdtempSync(join(tmpdir(), 'hawser-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const big = join(folder, 'big');
  writeFileSync(big, Buffer.alloc(4_000_000, 7));
  const short = Array.from({ length: 40 }, () => '00'.repeat(20_000));
  assert.equal(await hawser(fakeIo(), 'send', url, '--binary', ...short, '--file', big), 0);
  assert.equal(bytes, 4_000_000 + 40 * 20_000);
});

test('CM-06: without --expect, a peer that closes with an error code causes exit 1', async (t) => {
  const { server: strict, url } = await server(t);
  strict.on('message', (connection) => connection.close(1008, 'no'));
  const io = fakeIo();
  assert.equal(await hawser(io, 'send', url, 'one', '--expect', '0'), 1);
  assert.match(io.errLines[0]!, /^hawser: closed, code 1008 'no' /);
});

test('CM-01 CM-06: SIGINT while connecting or while waiting for answers exits with 130', async (t) => {
  const silent = await scriptedServer(t, () => undefined);
  const early = fakeIo();
  const earlyExit = hawser(early, 'send', silent.url, 'one');
  await waitUntil(() => silent.requests.length === 1);
  early.interrupt();
  assert.equal(await earlyExit, 130);

  const { server: peer, url } = await server(t);
  const io = fakeIo();
  peer.on('message', () => io.interrupt());
  assert.equal(await hawser(io, 'send', url, 'one', '--expect', '1'), 130);
  assert.deepEqual([early.errLines, io.errLines], [[], []]);
});

test('CM-06: a connection that ends without a Close causes exit 1 and one sentence', async (t) => {
  const { server: peer, url } = await server(t);
  peer.on('message', (connection) => connection.terminate());
  const io = fakeIo();
  assert.equal(await hawser(io, 'send', url, 'one'), 1);
  assert.match(io.errLines[0]!, /^hawser: closed without a closing handshake, code 1006 /);
});
