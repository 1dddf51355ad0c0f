import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { test, type TestContext } from 'node:test';
import { runCommandLine } from '../../src/cli/commands.ts';
import { OPCODE } from '../../src/protocol/constants.ts';
import {
  binary,
  close,
  type DecodedFrame,
  frame,
  ping,
  RawClient,
  type RawUpgradeOptions,
  text,
  waitUntil,
} from '../../src/testing/index.ts';
import { fakeIo, type Served, served } from './fake-io.ts';

async function start(t: TestContext, ...flags: string[]): Promise<Served> {
  const server = await served(...flags);
  t.after(async () => {
    for (const client of clients.splice(0)) client[Symbol.dispose]();
    assert.equal(await server.stop(), 0);
  });
  return server;
}

/** Clients of the running test. Disposed before the shutdown of the server, which would wait for them. */
const clients: RawClient[] = [];

async function connect(server: Served): Promise<RawClient> {
  const client = await RawClient.connect({ port: server.port });
  clients.push(client);
  return client;
}

async function join(server: Served, options: RawUpgradeOptions = {}): Promise<RawClient> {
  const client = await connect(server);
  const { status } = await client.upgrade(options);
  assert.equal(status, 101);
  return client;
}

const shown = ({ opcode, payload }: DecodedFrame): readonly [number, string] => [opcode, payload.toString()];
const closeCode = ({ opcode, payload }: DecodedFrame): number => {
  assert.equal(opcode, OPCODE.CLOSE);
  return payload.readUInt16BE();
};

test('CM-04: serve echoes text and binary, and prints its URL once', async (t) => {
  const server = await start(t);
  assert.deepEqual(server.io.outLines, [
    `Hawser echo is listening on ws://127.0.0.1:${server.port}/ with a playground at http://127.0.0.1:${server.port}/`,
  ]);
  const client = await join(server);
  client.send(Buffer.concat([text('Grüße'), binary(Buffer.of(0, 255)), ping('p')]));
  assert.deepEqual(shown(await client.nextFrame()), [OPCODE.TEXT, 'Grüße']);
  assert.deepEqual([...(await client.nextFrame()).payload], [0, 255]);
  assert.deepEqual(shown(await client.nextFrame()), [OPCODE.PONG, 'p']);
});

test('CM-04: --relay sends to all other connections, not to the sender', async (t) => {
  const server = await start(t, '--relay');
  const [a, b, c] = [await join(server), await join(server), await join(server)] as const;
  a.send(text('from a'));
  assert.deepEqual(shown(await b.nextFrame()), [OPCODE.TEXT, 'from a']);
  assert.deepEqual(shown(await c.nextFrame()), [OPCODE.TEXT, 'from a']);
  b.send(binary('from b'));
  assert.deepEqual(shown(await a.nextFrame()), [OPCODE.BINARY, 'from b']);
});

test('CM-04: a slow consumer pauses its own echo, and no message is lost', async (t) => {
  const server = await start(t, '--high-water-mark-bytes', '1024', '--max-buffered-bytes', '1024');
  const client = await join(server);
  client.pause();
  const payload = Buffer.alloc(100_000, 'x');
  for (let i = 0; i < 100; i++) client.send(binary(payload));
  client.resume();
  for (let i = 0; i < 100; i++) assert.equal((await client.nextFrame()).payload.length, payload.length);
});

/** Flags, and their effect on a client. */
const FLAGS: readonly {
  readonly flags: readonly string[];
  readonly gets: string;
  readonly when: (client: RawClient) => Promise<void>;
}[] = [
  {
    flags: ['--max-message-bytes', '10'],
    gets: 'close 1009 for 11 bytes',
    when: async (client) => {
      await client.upgrade();
      client.send(text('x'.repeat(11)));
      assert.equal(closeCode(await client.nextFrame()), 1009);
    },
  },
  {
    flags: ['--allowed-origin', 'https://a.example', '--allowed-origin', 'https://b.example'],
    gets: '101 for an origin in the list',
    when: async (client) => {
      const { status } = await client.upgrade({ headers: { Origin: 'https://b.example' } });
      assert.equal(status, 101);
    },
  },
  {
    flags: ['--allowed-origin', 'https://a.example'],
    gets: '403 for another origin',
    when: async (client) => {
      const { status } = await client.upgrade({ headers: { Origin: 'https://c.example' } });
      assert.equal(status, 403);
    },
  },
  {
    flags: ['--allowed-origin', '*'],
    gets: '101 for any origin',
    when: async (client) => {
      assert.equal((await client.upgrade({ headers: { Origin: 'https://c.example' } })).status, 101);
    },
  },
  {
    flags: ['--require-origin'],
    gets: '403 without origin',
    when: async (client) => assert.equal((await client.upgrade()).status, 403),
  },
  {
    flags: ['--allowed-host', 'chat.example'],
    gets: '403 for another host',
    when: async (client) => assert.equal((await client.upgrade()).status, 403),
  },
  {
    flags: [],
    gets: '403 for a host name that is not a name of this machine, as after DNS rebinding (OR-05)',
    when: async (client) => {
      const { status } = await client.upgrade({
        headers: { Host: 'evil.example', Origin: 'http://evil.example' },
      });
      assert.equal(status, 403);
    },
  },
  {
    flags: ['--allowed-host', 'off'],
    gets: '101 for any host name',
    when: async (client) => {
      const { status } = await client.upgrade({
        headers: { Host: 'chat.example', Origin: 'http://chat.example' },
      });
      assert.equal(status, 101);
    },
  },
  {
    flags: ['--path', '/socket'],
    gets: '404 for another path',
    when: async (client) => assert.equal((await client.upgrade({ path: '/' })).status, 404),
  },
  {
    flags: ['--protocol', 'v2', '--protocol', 'v1'],
    gets: 'the subprotocol that the server prefers',
    when: async (client) => {
      const { fields } = await client.upgrade({ protocols: ['v1', 'v2'] });
      assert.equal(fields.get('sec-websocket-protocol'), 'v2');
    },
  },
  {
    flags: ['--rate-limit', '1'],
    gets: 'close 1008 at the third message',
    when: async (client) => {
      await client.upgrade();
      client.send(Buffer.concat([text('1'), text('2'), text('3')]));
      assert.deepEqual(shown(await client.nextFrame()), [OPCODE.TEXT, '1']);
      assert.deepEqual(shown(await client.nextFrame()), [OPCODE.TEXT, '2']);
      assert.equal(closeCode(await client.nextFrame()), 1008);
    },
  },
  {
    flags: ['--rate-limit', '1', '--rate-limit-burst-messages', '1', '--rate-limit-close-code', '4008'],
    gets: 'the given close code at the second message',
    when: async (client) => {
      await client.upgrade();
      client.send(Buffer.concat([text('1'), text('2')]));
      assert.deepEqual(shown(await client.nextFrame()), [OPCODE.TEXT, '1']);
      assert.equal(closeCode(await client.nextFrame()), 4008);
    },
  },
  {
    flags: ['--compress'],
    gets: 'permessage-deflate',
    when: async (client) => {
      const { fields } = await client.upgrade({
        headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate' },
      });
      assert.equal(
        fields.get('sec-websocket-extensions'),
        'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
      );
    },
  },
  {
    flags: ['--compress-context-takeover', '--compress-threshold-bytes', '1'],
    gets: 'compressed messages from 1 byte up',
    when: async (client) => {
      await client.upgrade({ headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate' } });
      client.send(text('Hello'));
      const { rsv1, payload } = await client.nextFrame();
      assert.deepEqual({ rsv1, payload: payload.toString('hex') }, { rsv1: true, payload: 'f248cdc9c90700' });
    },
  },
  {
    flags: ['--ping-interval-ms', '20', '--pong-timeout-ms', '10', '--max-missed-pongs', '100'],
    gets: 'a ping within milliseconds',
    when: async (client) => {
      await client.upgrade();
      assert.equal((await client.nextFrame()).opcode, OPCODE.PING);
    },
  },
  {
    flags: ['--memory-budget', '70000'],
    gets: 'close 1013 for a message beyond the memory of all connections',
    when: async (client) => {
      await client.upgrade();
      client.send(frame({ opcode: OPCODE.TEXT, fin: false, payload: Buffer.alloc(70_001, 'x') }));
      assert.equal(closeCode(await client.nextFrame()), 1013);
    },
  },
  {
    flags: ['--idle-timeout-ms', '20', '--no-heartbeat'],
    gets: 'close 1001 when idle',
    when: async (client) => {
      await client.upgrade();
      assert.equal(closeCode(await client.nextFrame()), 1001);
    },
  },
];

for (const { flags, gets, when } of FLAGS) {
  test(`CM-04: with ${flags.join(' ') || 'no flag'} a client gets ${gets}`, async (t) => {
    const server = await start(t, ...flags);
    const client = await connect(server);
    await when(client);
  });
}

test('CM-04: with --max-connections 1 a second client gets 503', async (t) => {
  const server = await start(t, '--max-connections', '1');
  await join(server);
  const second = await connect(server);
  assert.equal((await second.upgrade()).status, 503);
});

test('CM-02: --json prints each event as one line, with control characters of the peer escaped', async (t) => {
  const server = await start(t, '--json', '--path', '/socket');
  const client = await join(server, { path: '/socket?token=secret' });
  client.send(Buffer.concat([text('Grüße'), binary(Buffer.alloc(9)), close(4000, '\u202e\u009b2J\n')]));
  await client.waitForClose();
  await server.event('close');
  const stranger = await connect(server);
  await stranger.upgrade({ path: '/elsewhere?token=secret' });
  await server.event('refused');
  assert.equal(await server.stop(), 0);

  const events = server.events().map(({ time, connectionId, durationMs, ...fields }) => {
    if (fields['event'] !== 'listening') assert.ok(typeof time === 'string');
    void durationMs;
    return { ...fields, ...(connectionId === undefined ? {} : { hasId: typeof connectionId === 'string' }) };
  });
  assert.deepEqual(events, [
    { event: 'listening', mode: 'echo', url: `ws://127.0.0.1:${server.port}/socket` },
    { event: 'connection', hasId: true, remoteAddress: '127.0.0.1', path: '/socket', protocol: '' },
    { event: 'message', hasId: true, type: 'text', bytes: 7 },
    { event: 'message', hasId: true, type: 'binary', bytes: 9 },
    {
      event: 'close',
      hasId: true,
      code: 4000,
      reason: '\u202e\u009b2J\n',
      wasClean: true,
      initiator: 'remote',
      sentCode: 4000,
      cause: 'peer-close',
      error: null,
    },
    { event: 'refused', status: 404, code: 'ERR_PATH', remoteAddress: '127.0.0.1', path: '/elsewhere' },
    { event: 'shutdown', closed: 0, forced: 0 },
  ]);
  const printed = server.io.outLines.join('');
  assert.doesNotMatch(printed, /[\p{C}\p{Zl}\p{Zp}]/u);
  assert.doesNotMatch(printed + server.io.errLines.join(''), /secret/);
});

test('CM-01: a port in use causes exit 1 and one sentence', async (t) => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  t.after(() => other.close());
  const { port } = other.address() as AddressInfo;
  const io = fakeIo();
  assert.equal(await runCommandLine(['serve', '--port', String(port)], io, '0.0.0'), 1);
  assert.deepEqual(io.errLines, [
    `hawser: cannot listen on 127.0.0.1 port ${port}: the port is in use; choose another with --port, or a free one with --port 0`,
  ]);
});

for (const [host, shownHost] of [
  ['0.0.0.0', 'localhost'],
  ['127.0.0.1', '127.0.0.1'],
  ['::1', '[::1]'],
] as const) {
  const hasAddress = Object.values(networkInterfaces()).some((list) =>
    list?.some(({ address }) => address === host || host === '0.0.0.0'),
  );
  test(`CM-04: --host ${host} is printed in the form of a URL`, {
    skip: hasAddress ? false : 'this machine does not have the address',
  }, async (t) => {
    const server = await start(t, '--host', host);
    assert.match(
      server.io.outLines.join('\n'),
      / is listening on (ws):\/\/(\S+) with a playground at http:\/\/\2$/,
    );
    assert.equal(server.url.href, `ws://${shownHost}:${server.port}/`);
    const client = await RawClient.connect({
      port: server.port,
      host: host === '0.0.0.0' ? '127.0.0.1' : host,
    });
    clients.push(client);
    assert.equal((await client.upgrade()).status, 101);
  });
}

test('CM-01: an address that is not of this machine causes exit 1 and one sentence', async () => {
  const io = fakeIo();
  // Reserved for documentation (RFC 5737).
  assert.equal(await runCommandLine(['serve', '--port', '0', '--host', '203.0.113.1'], io, '0.0.0'), 1);
  assert.deepEqual(io.errLines, [
    'hawser: cannot listen on 203.0.113.1 port 0: the address does not belong to this machine',
  ]);
});

test('CM-04: SIGTERM before the server listens ends it', async () => {
  const io = fakeIo();
  io.interrupt();
  assert.equal(await runCommandLine(['serve', '--port', '0'], io, '0.0.0'), 0);
  assert.match(io.outLines.join(), /is listening on/);
});

test('CM-02: with --json protocol errors and lost connections have their codes', async (t) => {
  const server = await start(t, '--json');
  const faulty = await join(server);
  faulty.send(frame({ opcode: OPCODE.TEXT, rsv3: true }));
  assert.equal(closeCode(await faulty.nextFrame()), 1002);
  faulty[Symbol.dispose]();
  const { code, sentCode, cause, error } = await server.event('close');
  assert.deepEqual([code, sentCode, cause, error], [1006, 1002, 'protocol-error', 'ERR_RSV']);
  const gone = await join(server);
  gone.reset();
  const second = (await waitUntil(() => server.events('close')[1]))!;
  assert.deepEqual([second['code'], second['sentCode'], second['cause']], [1006, null, 'transport-error']);
});

for (const [mode, what] of [
  ['chat', 'The chat'],
  ['echo', 'The playground'],
  ['relay', 'The playground'],
] as const) {
  test(`CM-04: --${mode} has one page; other plain requests get 404 or 405`, async (t) => {
    await onlyOnePage(await start(t, `--${mode}`, '--path', '/it"s<here>'), what);
  });
}

async function onlyOnePage(server: Served, what: string): Promise<void> {
  const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(new URL(path, `http://${server.url.host}`), { ...init, headers: { connection: 'close' } });
  const page = await ask('/');
  assert.equal(page.status, 200);
  const html = await page.text();
  assert.ok(html.includes('/it&#34;s&#60;here&#62;') && !html.includes('/it"s'));
  assert.doesNotMatch(html, /%[A-Z_]+%/);
  const policy = page.headers.get('content-security-policy') ?? '';
  assert.match(policy, /^default-src 'none'; script-src (?:'self' )?'sha256-[^']+'; style-src 'sha256-/);
  const head = await ask('/', { method: 'HEAD' });
  assert.deepEqual([head.status, await head.text()], [200, '']);
  const elsewhere = await ask('/favicon.ico');
  assert.deepEqual(
    [elsewhere.status, await elsewhere.text()],
    [404, `There is nothing here. ${what} is at /\n`],
  );
  const posted = await ask('/', { method: 'POST' });
  assert.deepEqual([posted.status, posted.headers.get('allow')], [405, 'GET, HEAD']);
  await posted.text();
}

test('CM-02: with --json an error of the server is an event', async (t) => {
  const server = await start(t, '--json', '--memory-budget', '70000');
  const client = await join(server);
  client.send(frame({ opcode: OPCODE.TEXT, fin: false, payload: Buffer.alloc(70_001, 'x') }));
  assert.equal(closeCode(await client.nextFrame()), 1013);
  const { connectionId, code, message } = await server.event('error');
  assert.deepEqual([connectionId, code], [null, 'ERR_MEMORY_CAP']);
  assert.match(String(message), /the budget is 70000 bytes/);
});
