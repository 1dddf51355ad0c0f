import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { test, type TestContext } from 'node:test';
import type { Message } from '../../src/index.ts';
import { HistoryFile, MAX_LINE_CHARACTERS, MAX_LINES } from '../../src/cli/history-file.ts';
import { secretsOf } from '../../src/cli/secrets.ts';
import { waitUntil } from '../../src/testing/index.ts';
import { fakeIo } from './fake-io.ts';
import { Screen } from './screen.ts';
import { hawser, server } from './talking.ts';

const UP = '\u001b[A';
const HAS_MODES = process.platform !== 'win32';

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'state', 'hawser');
}
const contentOf = (file: HistoryFile): string[] => readFileSync(file.path, 'utf8').trimEnd().split('\n');

test('CM-05: the history file is private, has the newest lines, and stores no line twice in a row', (t) => {
  const folder = folderOf(t);
  const file = new HistoryFile(folder, []);
  assert.deepEqual(file.load(), []);
  assert.equal(existsSync(folder), false, 'nothing is created before a line is typed');
  for (const line of [
    'one',
    'two',
    'two',
    '',
    ' three',
    'x'.repeat(MAX_LINE_CHARACTERS + 1),
    'a\u001b[2Jb',
    'Grüße',
  ])
    file.add(line);
  assert.deepEqual(contentOf(file), ['one', 'two', 'Grüße']);
  if (HAS_MODES) {
    assert.equal(statSync(file.path).mode & 0o777, 0o600);
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    chmodSync(file.path, 0o644);
  }
  assert.deepEqual(new HistoryFile(folder, []).load(), ['Grüße', 'two', 'one']);
  if (HAS_MODES) assert.equal(statSync(file.path).mode & 0o777, 0o600);
});

test('CM-05: the history file is bounded, from session to session and during one', (t) => {
  const folder = folderOf(t);
  mkdirSync(folder, { recursive: true });
  const file = new HistoryFile(folder, []);
  writeFileSync(file.path, Array.from({ length: 5_000 }, (_, i) => `old ${i}\n\u001b[2J`).join('\n'));
  const loaded = file.load();
  assert.deepEqual(
    [loaded.length, loaded[0], loaded.at(-1)],
    [MAX_LINES, 'old 4999', `old ${5_000 - MAX_LINES}`],
  );
  assert.equal(contentOf(file).length, MAX_LINES);
  for (let i = 0; i < 3 * MAX_LINES; i++) {
    file.add(`new ${i}`);
    assert.ok(i % 500 !== 0 || contentOf(file).length <= 2 * MAX_LINES);
  }
  assert.equal(contentOf(file).at(-1), `new ${3 * MAX_LINES - 1}`);
  assert.deepEqual(readdirSync(folder), ['connect-history']);
  if (HAS_MODES) assert.equal(statSync(file.path).mode & 0o777, 0o600);
});

test('CM-05: sessions side by side both get into the history file', (t) => {
  const folder = folderOf(t);
  const [first, second] = [new HistoryFile(folder, []), new HistoryFile(folder, [])];
  first.load();
  second.load();
  first.add('a');
  second.add('b');
  first.add('c');
  assert.deepEqual(new HistoryFile(folder, []).load(), ['c', 'b', 'a']);
});

/** Command lines, and typed lines that must not be stored for them. */
const SECRET: readonly (readonly [
  url: string,
  flags: Readonly<Record<string, readonly string[]>>,
  typed: string,
])[] = [
  ['ws://a/?token=tok%20en1', {}, '{"auth":"tok en1"}'],
  ['ws://a/?token=tok%20en1', {}, 'tok%20en1'],
  ['ws://user:hunter22@a/', {}, 'login hunter22'],
  ['ws://a/bots/AbCdEf0123456789AbCd/feed', {}, 'AbCdEf0123456789AbCd'],
  ['ws://a/', { header: ['Cookie: theme=dark; session=abc123def'] }, 'session is abc123def'],
  ['ws://a/', { header: ['Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.e30.x'] }, 'eyJhbGciOiJIUzI1NiJ9.e30.x'],
  ['ws://a/', { header: ['X-Key: k3y-v4l'] }, 'key k3y-v4l!'],
  ['ws://a/', { auth: ['me:open sesame'] }, 'open sesame'],
  ['ws://a/', { auth: ['me:open sesame'] }, `Basic ${Buffer.from('me:open sesame').toString('base64')}`],
  ['ws://a/', { protocol: ['token.AbCdEf0123456789'] }, 'token.AbCdEf0123456789'],
  ['ws://a/', { proxy: ['http://me:proxypass@p:1'] }, 'proxypass'],
];

for (const [url, flags, typed] of SECRET) {
  test(`CM-05: with ${url} ${JSON.stringify(flags)} the line '${typed}' is not stored`, (t) => {
    const file = new HistoryFile(folderOf(t), secretsOf(url, new Map(Object.entries(flags))));
    file.add(typed);
    file.add('hello {"type":"subscribe","topic":"news"}');
    assert.deepEqual(contentOf(file), ['hello {"type":"subscribe","topic":"news"}']);
  });
}

/** A session at a terminal that types keys and ends. @returns What the server got, and the screen. */
async function session(
  t: TestContext,
  stateFolder: string | undefined,
  keys: string,
  count: number,
  ...flags: string[]
): Promise<{ readonly messages: readonly Message[]; readonly screen: Screen }> {
  const { server: peer, url } = await server(t);
  const messages: Message[] = [];
  peer.on('message', (_, message) => void messages.push(message));
  const screen = new Screen(80);
  const io = { ...fakeIo(true, { output: screen, hasColours: false }), stateFolder };
  const exit = hawser(io, 'connect', url, ...flags);
  await waitUntil(() => peer.connections.size === 1 && />$/m.test(screen.text));
  io.input.write(keys);
  await waitUntil(() => messages.length === count);
  io.input.write('\u0004');
  assert.equal(await exit, 0);
  return { messages, screen };
}

test('CM-05: the up key brings back lines of earlier sessions; --no-history neither reads nor writes the file', async (t) => {
  const folder = folderOf(t);
  await session(t, folder, 'first\rsecond\r s3cret\r', 3, '-H', 'X-Key: first-key');
  assert.deepEqual((await session(t, folder, `${UP}${UP}\r`, 1)).messages, ['first']);
  const off = await session(t, folder, `${UP}kept out\r`, 1, '--no-history');
  assert.deepEqual(off.messages, ['kept out']);
  assert.deepEqual(contentOf(new HistoryFile(folder, [])), ['first', 'second', 'first']);
});

test('CM-05: a history that cannot be read or written is said once, and the session goes on', async (t) => {
  const folder = folderOf(t);
  mkdirSync(join(folder, 'connect-history'), { recursive: true });
  const { messages, screen } = await session(t, folder, 'one\rtwo\r', 2);
  assert.deepEqual(messages, ['one', 'two']);
  assert.equal(screen.text.match(/! typed lines are not kept for later sessions: EISDIR/g)?.length, 1);
});

test('CM-05: --timestamps puts the time in front of messages and pongs, at a terminal and in a pipe', async (t) => {
  const { server: peer, url } = await server(t);
  peer.on('connection', (connection) => void connection.send('{"a":1}'));
  const screen = new Screen(80);
  const io = fakeIo(true, { output: screen, hasColours: false });
  const exit = hawser(io, 'connect', url, '--timestamps');
  await waitUntil(() => screen.text.includes('}'));
  io.input.write('/ping p\r');
  await waitUntil(() => screen.text.includes('pong'));
  assert.match(screen.text, /^\d\d:\d\d:\d\d\.\d{3} < \{\n {17}"a": 1\n {15}\}$/m);
  assert.match(screen.text, /^\d\d:\d\d:\d\d\.\d{3} < pong p \(/m);
  io.input.write('\u0004');
  assert.equal(await exit, 0);

  const piped = fakeIo();
  piped.input.end();
  assert.equal(await hawser(piped, 'connect', url, '-t', '--wait-ms', '50'), 0);
  assert.match(piped.outLines.join('\n'), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \{"a":1\}$/);

  const both = fakeIo();
  assert.equal(await hawser(both, 'connect', url, '-t', '--json'), 2);
  assert.match(
    both.errLines[0]!,
    /--timestamps and --json exclude each other: every event of --json has its time/,
  );
});
