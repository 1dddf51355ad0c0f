import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { PassThrough } from 'node:stream';
import { runCommandLine } from '../../src/cli/commands.ts';
import { inspect } from '../../src/observe/index.ts';
import { close, pair, text } from '../../src/testing/index.ts';
import { recorded } from '../observe/recorded.ts';
import { type FakeIo, fakeIo, served } from './fake-io.ts';

const HELLO = '81 85 37 fa 21 3d 7f 9f 4d 51 58';

async function inspected(
  args: readonly string[],
  io: FakeIo = fakeIo(),
): Promise<{ exit: number; out: string; err: string }> {
  const exit = await runCommandLine(['inspect', ...args], io, '0.0.0');
  return { exit, out: io.outLines.join('\n'), err: io.errLines.join('\n') };
}

function folder(t: TestContext): (name: string, content: Uint8Array | string) => string {
  const path = mkdtempSync(join(tmpdir(), 'hawser-inspect-'));
  t.after(() => rmSync(path, { recursive: true }));
  return (name, content) => {
    writeFileSync(join(path, name), content);
    return join(path, name);
  };
}

test('CM-10: hex digits are explained field by field, in any of the usual spellings', async () => {
  const spellings = [
    HELLO.split(' '),
    [HELLO],
    [HELLO.replaceAll(' ', '')],
    [HELLO.replaceAll(' ', ':')],
    [HELLO.replaceAll(/(\S\S)/g, '0x$1,')],
  ];
  for (const args of spellings) {
    const { exit, out } = await inspected(args);
    assert.equal(exit, 0);
    assert.match(out, /16-47 {2}masking key {2}37fa213d/);
    assert.match(out, /text message, 5 bytes, unmasked\n {4}Hello/);
  }
});

test('CM-10: violations exit with 3 and name the section', async () => {
  const { exit, out } = await inspected(['83', '01', 'ff']);
  assert.equal(exit, 3);
  assert.match(out, /! ERR_OPCODE, RFC 6455 §5\.2: the opcode is reserved: 0x03/);
});

test('CM-10: a file, standard input and raw bytes are read', async (t) => {
  const file = folder(t);
  const bytes = Buffer.concat([text('from a file'), close(1000, 'bye')]);
  for (const path of [file('raw.bin', bytes), file('hex.txt', `${bytes.toString('hex')}\n`)]) {
    const { exit, out } = await inspected([path, '--list']);
    assert.equal(exit, 0);
    assert.match(out, /1 +0 {2}client {2}text +11 {2}from a file\n +2 +17 {2}client {2}close +5 {2}1000 bye/);
  }
  const io = fakeIo();
  io.input.end(bytes);
  assert.match((await inspected(['-'], io)).out, /from a file/);
  const digits = file('digits.bin', text('x', { mask: false }));
  assert.match((await inspected([digits, '--role', 'client'])).out, /ERR_MASK_MISSING/);
  assert.match((await inspected([file('ascii', '8100'), '--raw'])).out, /opcode +0x8/);
});

test('CM-10 LG-04: captures in both formats give the same frames, as text and as JSON', async (t) => {
  const file = folder(t);
  const joined = await pair();
  joined.server.on('message', () => undefined);
  const captures = (['jsonl', 'pcapng'] as const).map((format) => recorded(joined.server, { format }));
  joined.client.send('Hello');
  await joined.pass(100);
  joined.client.close(1000, '\u001b[31mred');
  await joined.server.closed;
  const outputs = [];
  for (const [i, { bytes }] of captures.entries()) {
    const path = file(`capture-${i}`, bytes());
    const { exit, out } = await inspected([path]);
    assert.equal(exit, 0);
    assert.match(out, new RegExp(`connection ${joined.server.id}`));
    assert.ok(!out.includes('\u001b'));
    for (const line of out.split('\n')) assert.ok(line.length <= 80, line);
    outputs.push(
      out
        .split('\n')
        .filter((line) => /^ +\d+ /.test(line))
        .map((line) => line.replace(/\d+\.\d+/, '')),
    );
    const events = (await inspected([path, '--json'])).out
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual(
      events.map(({ event }) => event),
      ['file', 'connection', 'frame', 'frame', 'frame', 'summary'],
    );
    assert.deepEqual((events[2]!['message'] as Record<string, unknown>)['data'], 'Hello');
    assert.match((await inspected([path, '--frame', '1'])).out, /4-7 {2}opcode +0x1/);
  }
  assert.deepEqual(
    outputs[0]!.map((line) => line.replace(/^ +/, '').replaceAll(/ +/g, ' ')),
    outputs[1]!.map((line) => line.replace(/^ +/, '').replaceAll(/ +/g, ' ')),
  );
});

test('CM-10 CM-02: colours only at a terminal that allows them, and the text is the same', async () => {
  const plain = await inspected(['81', '02', 'ff', 'fe']);
  const output = new PassThrough();
  const coloured = await inspected(['81', '02', 'ff', 'fe'], fakeIo(true, { output, hasColours: true }));
  const quiet = await inspected(['81', '02', 'ff', 'fe'], fakeIo(true, { output, hasColours: false }));
  assert.ok(coloured.out.includes('\u001b[31m'));
  assert.equal(stripVTControlCharacters(coloured.out), plain.out);
  assert.equal(quiet.out, plain.out);
});

test('CM-10 CM-01: wrong input gets one sentence', async (t) => {
  const file = folder(t);
  const jsonl = '{"capture":1,"id":"a","protocol":"","extensions":"","role":"server","openedAt":""}\n';
  for (const [args, exit, pattern] of [
    [[], 2, /a file or hex digits are missing/],
    [['no-such-file'], 1, /'no-such-file' is neither a file nor pairs of hex digits/],
    [['81', '0'], 2, /'81 0' are not pairs of hex digits/],
    [['81', '--role', 'peer'], 2, /--role is 'peer'; it must be client or server/],
    [['81', '--fields', '--list'], 2, /--fields and --list exclude each other/],
    [[tmpdir()], 1, /EISDIR/],
    [['-', 'x'], 2, /unexpected argument 'x'/],
    [[...HELLO.split(' '), '--frame', '2'], 2, /--frame is 2; the hex digits has frames 1 to 1/],
    [[file('a.jsonl', jsonl), '--role', 'client'], 2, /--role is for hex and raw bytes/],
    [[file('b.jsonl', `${jsonl}{"id":1}\n\n`)], 1, /line 2 of the capture: id is 1; it must be a string/],
    [[file('c.pcapng', Buffer.from('0a0d0d0a00000000', 'hex'))], 1, /has no WebSocket connection/],
  ] as const) {
    const result = await inspected(args);
    assert.equal(result.exit, exit, result.err);
    assert.match(result.err, pattern);
    assert.equal(result.out, '');
  }
  assert.match((await inspected(['--help'])).out, /Usage: hawser inspect <file \| hex>/);
});

test('CM-05 LG-04: connect --capture records a session, in the format of the name', async (t) => {
  const file = folder(t);
  const server = await served('--echo');
  for (const name of ['session.jsonl', 'session.pcapng']) {
    const path = file(name, '');
    const io = fakeIo();
    const exit = runCommandLine(
      ['connect', String(server.url), '--capture', path, '--wait-ms', '50'],
      io,
      '0.0.0',
    );
    io.input.end('Hello\n');
    assert.equal(await exit, 0);
    const { format, connections } = inspect(readFileSync(path));
    assert.equal(format, name.slice(name.lastIndexOf('.') + 1));
    assert.deepEqual(
      connections[0]!.frames.map(({ kind, from }) => `${from} ${kind}`),
      ['client text', 'server text', 'client close', 'server close'],
    );
  }
  const io = fakeIo();
  assert.equal(
    await runCommandLine(['connect', String(server.url), '--capture', '/no/such/folder/x'], io, '0.0.0'),
    1,
  );
  assert.match(io.errLines.join(), /--capture: ENOENT/);
  await server.stop();
});
