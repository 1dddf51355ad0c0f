import assert from 'node:assert/strict';
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { type Connection, WebSocketServer } from '../../src/index.ts';
import { ADMIN_PROTOCOL, type AdminSnapshot, type AdminView } from '../../src/observe/index.ts';
import { waitUntil } from '../../src/testing/index.ts';
import { fakeIo } from './fake-io.ts';
import { DrawnScreen } from './full-screen.ts';
import { madeConnection, madeSnapshot, type SnapshotParts } from './made-snapshot.ts';
import { hawser } from './talking.ts';

/** An admin port whose snapshots the test writes. */
interface Stage {
  readonly url: string;
  readonly port: number;
  readonly views: AdminView[];
  readonly posts: string[];
  /** Sends a snapshot with the view of the viewer. */
  readonly show: (parts?: SnapshotParts) => void;
  readonly viewers: () => Connection[];
  readonly stop: () => Promise<void>;
}

interface StageOptions {
  readonly token?: string;
  readonly port?: number;
  readonly protocols?: readonly string[];
}

async function stage(
  t: TestContext,
  { token, port = 0, protocols = [ADMIN_PROTOCOL] }: StageOptions = {},
): Promise<Stage> {
  const posts: string[] = [];
  const views: AdminView[] = [];
  const http: HttpServer = createServer((request, response) => {
    posts.push(`${request.method} ${request.url} ${request.headers.authorization ?? ''}`.trimEnd());
    response
      .writeHead(request.url?.includes('gone') === true ? 404 : 202)
      .end('There is no such connection.\n');
  });
  const server = new WebSocketServer({
    protocols: [...protocols],
    upgrade: ({ request }) =>
      token === undefined || request.headers['authorization'] === `Bearer ${token}`
        ? {}
        : new Response('', { status: 401 }),
  });
  server.attach(http, { path: '/live' });
  let last: AdminView | undefined;
  server.on('message', (_, message) => {
    last = JSON.parse(String(message)) as AdminView;
    views.push(last);
  });
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => http.listen(port, '127.0.0.1', resolve));
  const stop = async (): Promise<void> => {
    await server.shutdown({ timeoutMs: 1_000 });
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
  };
  t.after(stop);
  const given = (http.address() as AddressInfo).port;
  let uptimeMs = 1_000;
  return {
    url: `127.0.0.1:${given}`,
    port: given,
    views,
    posts,
    viewers: () => [...server.connections],
    stop,
    show: (parts = {}) => {
      uptimeMs += 1_000;
      const made = madeSnapshot(parts);
      const snapshot = {
        ...made,
        stats: { ...made.stats, uptimeMs },
        connections: { ...made.connections, view: last },
      };
      server.broadcast(JSON.stringify(snapshot));
    },
  };
}

/** A terminal of 80 × 24 that a person sits at. */
class Window extends PassThrough {
  readonly isTTY = true;
  columns = 80;
  rows = 24;
  written = '';
  constructor() {
    super();
    this.on('data', (data: Buffer) => (this.written += data.toString()));
  }
  get screen(): DrawnScreen {
    return DrawnScreen.of(this.written);
  }
}

async function watching(admin: Stage, ...flags: string[]) {
  const window = new Window();
  const io = fakeIo(true, { output: window, hasColours: false });
  const before = admin.views.length;
  const exit = hawser(io, 'top', admin.url, ...flags);
  await waitUntil(() => admin.views.length > before);
  const text = (): string => window.screen.text;
  const shows = (part: string): Promise<unknown> =>
    waitUntil(() => text().includes(part), { description: part, deadlineMs: 10_000 });
  admin.show();
  await shows('READY');
  return { io, window, exit, text, shows, type: (keys: string) => void io.input.write(keys) };
}

test('CM-11: top takes the whole terminal, follows keys, and gives it back', async (t) => {
  const admin = await stage(t);
  const { window, exit, text, shows, type } = await watching(admin);
  assert.ok(window.screen.isAlternate && !window.screen.isCursorShown);
  assert.equal(text().split('\n').length, 24);
  assert.match(text(), /s sort: buffered {3}\/ filter {3}p pause {3}↑↓ choose {3}c close {3}q quit$/);

  type('s');
  await shows('s sort: in ');
  type('SS');
  await shows('s sort: dropped');
  await waitUntil(() => admin.views.length === 4);
  assert.deepEqual(
    admin.views.map(({ sort }) => sort),
    ['buffered', 'in', 'buffered', 'dropped'],
  );

  type('/room:7x\u007f');
  await shows('filter: room:7_ ');
  type('\r');
  await shows('/ room:7 (850)');
  await waitUntil(() => admin.views.length === 5);
  assert.deepEqual(admin.views.at(-1), { sort: 'dropped', limit: 50, filter: 'room:7' });
  type('/zzz\u001b');
  await shows('/ room:7 (850)');

  type('p');
  await shows('PAUSED');
  admin.show({ server: { name: 'later' } });
  type('p');
  await shows('later on vm7');
  assert.ok(!text().includes('PAUSED'));
  type('q');
  assert.equal(await exit, 0);
  assert.ok(!window.screen.isAlternate && window.screen.isCursorShown);
  await waitUntil(() => admin.viewers().length === 0);
});

test('CM-11: a paused picture does not move', async (t) => {
  const admin = await stage(t);
  const { exit, text, shows, type } = await watching(admin);
  type('p');
  await shows('PAUSED');
  const before = text().replace(/Messages[^]*?Handler/, '');
  admin.show({ server: { name: 'later' } });
  admin.show({ readiness: { ready: false, reasons: ['full'] } });
  type('s');
  await shows('sort: in');
  await waitUntil(() => admin.views.length === 2);
  assert.equal(
    text()
      .replace(/Messages[^]*?Handler/, '')
      .split('\n')[0],
    before.split('\n')[0],
  );
  type('\u0003');
  assert.equal(await exit, 130);
});

test('CM-11: c closes the chosen connection, after a question, if the admin port allows it', async (t) => {
  const admin = await stage(t, { token: 'secret token'.replace(' ', '-') });
  const rows = [
    madeConnection({ id: 'first' }),
    madeConnection({ id: 'second' }),
    madeConnection({ id: 'gone' }),
  ];
  const { exit, text, shows, type } = await watching(admin, '--token', 'secret-token');
  admin.show({ connections: { rows } });
  await shows('second');
  type('c');
  await shows('choose a connection with the up and down keys first');
  type('\u001b[B\u001b[B');
  await shows('>second');
  // The order changes, and the choice stays.
  admin.show({ connections: { rows: rows.toReversed() } });
  await waitUntil(() => text().indexOf('>second') < text().indexOf('first'));
  type('c');
  await shows('close second of 192.0.2.1 with 1012? y/n');
  type('n');
  await shows('q quit');
  assert.deepEqual(admin.posts, []);
  type('cy');
  await shows('second: the server closes it');
  assert.deepEqual(admin.posts, ['POST /connections/second/close Bearer secret-token']);
  type('\u001b[A');
  await shows('>gone');
  type('cy');
  await shows('gone: not closed: 404 There is no such connection.');
  admin.show({ server: { actions: false } });
  await waitUntil(() => text().includes('6f9619ff'));
  type('c');
  await shows('actions are off');
  type('q');
  assert.equal(await exit, 0);
});

test('CM-11: top draws again when the terminal changes its size, to 1 × 1 and back', async (t) => {
  const admin = await stage(t);
  const { window, exit, shows, text, type } = await watching(admin);
  for (const [columns, rows] of [
    [120, 40],
    [40, 10],
    [1, 1],
    [80, 24],
  ] as const) {
    window.written = '';
    [window.columns, window.rows] = [columns, rows];
    window.emit('resize');
    await waitUntil(() => window.screen.rows.length === rows, { description: `${columns} × ${rows}` });
  }
  await shows('q quit');
  assert.equal(text().split('\n').length, 24);
  type('q');
  assert.equal(await exit, 0);
});

test('CM-11: top says that the connection is lost, and goes on when the server is back', async (t) => {
  const first = await stage(t);
  const { exit, shows, text, type } = await watching(first);
  await first.stop();
  await shows('RECONNECTING');
  assert.match(text().split('\n').at(-1)!, /ECONNREFUSED|refused|closed, code 1001/);
  const second = await stage(t, { port: first.port });
  await waitUntil(() => second.views.length > 0, { deadlineMs: 60_000 });
  second.show({ server: { name: 'again' } });
  await shows('again on vm7');
  assert.ok(!text().includes('RECONNECTING'));
  type('q');
  assert.equal(await exit, 0);
});

test('CM-11: SIGTERM gives the terminal back, and a broken snapshot does, too', async (t) => {
  const admin = await stage(t);
  const one = await watching(admin);
  one.io.interrupt();
  assert.equal(await one.exit, 130);
  assert.ok(!one.window.screen.isAlternate && one.window.screen.isCursorShown);
  const two = await watching(admin);
  admin.show({ server: 'none' as never });
  assert.equal(await two.exit, 1);
  assert.ok(!two.window.screen.isAlternate && two.window.screen.isCursorShown);
  const three = await watching(admin);
  admin.show({ format: 2 } as never);
  assert.equal(await three.exit, 1);
  assert.match(three.io.errLines.join(), /sends snapshots of another version; use the hawser of that server/);
});

/** Servers that are no admin port or refuse, and the sentence about each. */
const FAILURES: readonly (readonly [
  what: string,
  options: StageOptions,
  path: string,
  flags: readonly string[],
  sentence: RegExp,
])[] = [
  [
    'a token that is missing',
    { token: 'abc' },
    '',
    [],
    /^hawser: the admin port asks for a token; give it with --token, or as #token=… after the URL$/,
  ],
  [
    'a wrong token',
    { token: 'abc' },
    '',
    ['--token', 'abd'],
    /^hawser: the admin port does not accept this token$/,
  ],
  [
    'a wrong token in the fragment',
    { token: 'abc' },
    '/#token=abd',
    [],
    /^hawser: the admin port does not accept this token$/,
  ],
  [
    'another path',
    {},
    '/elsewhere',
    [],
    /^hawser: http:\/\/127\.0\.0\.1:\d+\/elsewhere\/ is not an admin port of Hawser: it answers \d+ .*; hawser serve --admin-port, or the option admin, opens one$/,
  ],
  [
    'another WebSocket server',
    { protocols: [] },
    '',
    [],
    /^hawser: http:\/\/127\.0\.0\.1:\d+\/ is not an admin port of Hawser;/,
  ],
];

for (const [what, options, path, flags, sentence] of FAILURES) {
  for (const mode of [['--once'], ['--json'], []]) {
    test(`CM-11: ${what} is one sentence and exit 1 (${mode.join() || 'at a terminal'})`, async (t) => {
      const admin = await stage(t, options);
      const window = new Window();
      const io = fakeIo(true, { output: window, hasColours: false });
      assert.equal(await hawser(io, 'top', `${admin.url}${path}`, ...flags, ...mode), 1);
      assert.equal(io.errLines.length, 1);
      assert.match(io.errLines[0]!, sentence);
      assert.doesNotMatch(io.errLines[0]!, /ab[cd]/);
      assert.ok(!window.screen.isAlternate && window.screen.isCursorShown);
    });
  }
}

test('CM-11: nothing that listens is one sentence and exit 1', async (t) => {
  const { url, stop } = await stage(t);
  await stop();
  const io = fakeIo();
  assert.equal(await hawser(io, 'top', url, '--once'), 1);
  assert.equal(io.errLines.length, 1);
  assert.match(io.errLines[0]!, /^hawser: .*127\.0\.0\.1:\d+/);
});

test('CM-11: --once --json prints one whole snapshot with the wanted view as a line', async (t) => {
  const admin = await stage(t, { token: 't0ken' });
  const io = fakeIo();
  const flags = ['--once', '--json', '--sort', 'rtt', '--filter', 'x', '--limit', '7'];
  const exit = hawser(io, 'top', `http://${admin.url}/#token=t0ken`, ...flags);
  await waitUntil(() => admin.viewers().length === 1);
  // Was under way before the server knew the view.
  for (const viewer of admin.viewers())
    viewer.send(JSON.stringify(madeSnapshot({ server: { name: 'early' } })));
  await waitUntil(() => admin.views.length === 1);
  admin.show({ gauges: { loopUtilization: null }, server: { name: 'first' } });
  admin.show({ cluster: { nodes: null }, server: { name: 'before the other servers answered' } });
  admin.show({ server: { name: 'second \u009b' } });
  assert.equal(await exit, 0);
  assert.equal(io.outLines.length, 1);
  assert.doesNotMatch(io.outLines[0]!, /[\p{C}\p{Zl}\p{Zp}]/u);
  const snapshot = JSON.parse(io.outLines[0]!) as AdminSnapshot;
  assert.equal(snapshot.server.name, 'second \u009b');
  assert.deepEqual(snapshot.connections.view, { sort: 'rtt', limit: 7, filter: 'x' });
});

test('CM-11: --json prints a line for each snapshot until it is interrupted; --once alone prints text', async (t) => {
  const admin = await stage(t);
  const io = fakeIo();
  const exit = hawser(io, 'top', admin.url, '--json');
  await waitUntil(() => admin.views.length === 1);
  admin.show();
  admin.show();
  await waitUntil(() => io.outLines.length === 2);
  io.interrupt();
  assert.equal(await exit, 130);

  const text = fakeIo();
  const done = hawser(text, 'top', admin.url, '--once', '--ascii');
  await waitUntil(() => admin.views.length === 2);
  admin.show();
  assert.equal(await done, 0);
  assert.match(text.outLines.join('\n'), /^ chat-1 on vm7, pid 4711 {2}READY /);
  assert.match(text.outLines.join('\n').replaceAll('µ', 'u').replaceAll('·', ''), /^[\x20-\x7e\n]*$/);
});

test('CM-11: --once gives up when no snapshot comes in time', async (t) => {
  const admin = await stage(t);
  const io = fakeIo();
  assert.equal(await hawser(io, 'top', admin.url, '--once', '--timeout-ms', '300'), 1);
  assert.match(io.errLines.join(), /sent no snapshot within 300 ms$/);
});

for (const [args, sentence] of [
  [[], 'the URL of an admin port is missing, as in hawser top localhost:9090'],
  [['localhost:1'], 'top needs a terminal; --once or --json work without one'],
  [['http://'], "'http://' is not a URL"],
  [['http://#token=secret'], "'http://' is not a URL"],
  [['ftp://a/'], 'the URL of an admin port begins with http:// or https://'],
  [['http://a:secret@b/'], 'has no user and password; give the token with --token'],
  [['a:1/#token=secret', '--token', 'secret2'], '--token and the fragment of the URL name different tokens'],
  [['a:1', '--token', 'secret with blanks'], 'the token has characters other than visible ASCII'],
  [['a:1', '--sort', 'size'], "--sort is 'size'; it must be buffered, in, out, rtt, age, topics, dropped"],
  [['a:1', '--limit', '501'], "--limit is '501'"],
  [['a:1', '--filter', 'x'.repeat(201)], '--filter has 201 characters; 200 are allowed'],
] as const) {
  test(`CM-01 CM-11: 'hawser top ${args.join(' ').slice(0, 60)}' is wrong usage, and no token is repeated`, async () => {
    const io = fakeIo();
    assert.equal(await hawser(io, 'top', ...args), 2);
    assert.ok(io.errLines[0]?.includes(sentence), io.errLines.join());
    assert.doesNotMatch(io.errLines.join(), /secret/);
  });
}
