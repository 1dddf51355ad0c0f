import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { binary, close, frame, ping, waitUntil } from '../../src/testing/index.ts';
import { selfSigned } from '../../src/testing/self-signed.ts';
import { accepting, scriptedServer } from '../client/live.ts';
import { type FakeIo, fakeIo } from './fake-io.ts';
import { Screen } from './screen.ts';
import { echo, hawser, server } from './talking.ts';

const events = (io: FakeIo, name: string): Record<string, unknown>[] =>
  io.outLines
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ event }) => event === name);

test('CM-05: each line of a pipe is a message, none is lost before open, and each answer is printed', async (t) => {
  const { url } = await echo(t);
  const io = fakeIo();
  const lines = Array.from({ length: 5_000 }, (_, i) => `/line ${i} ${'x'.repeat(i % 300)}`);
  // The whole input is written and ended before the connection is open.
  io.input.end(lines.join('\n'));
  assert.equal(await hawser(io, 'connect', url, '--wait-ms', '500'), 0);
  assert.deepEqual(io.outLines, lines);
  assert.match(io.errLines.join('\n'), /^connected to ws:[^\n]+\nclosed, code 1000/);
});

test('CM-05: an empty pipe closes after --wait-ms, and messages in the meantime are printed', async (t) => {
  const { server: feed, url } = await server(t);
  feed.on('connection', (connection) => {
    connection.send('one\ntwo\u001b[2J');
    connection.send(Buffer.of(0, 255));
  });
  const io = fakeIo();
  io.input.end();
  assert.equal(await hawser(io, 'connect', url, '--wait-ms', '50'), 0);
  assert.deepEqual(io.outLines, ['one\\u{a}two\\u{1b}[2J', '00ff']);
});

test('CM-02 CM-05: with --json each event is one line with a JSON object', async (t) => {
  const { url } = await echo(t, { protocols: ['chat'] });
  const io = fakeIo();
  io.input.end('hi\n');
  assert.equal(await hawser(io, 'connect', url, '--json', '--wait-ms', '50', '--protocol', 'chat'), 0);
  assert.deepEqual(
    io.outLines.map((line) => (JSON.parse(line) as { event: string }).event),
    ['open', 'message', 'close'],
  );
  const [open] = events(io, 'open');
  assert.equal(open?.['protocol'], 'chat');
  const [message] = events(io, 'message');
  assert.deepEqual([message?.['type'], message?.['bytes'], message?.['data']], ['text', 2, 'hi']);
  const [close] = events(io, 'close');
  assert.deepEqual([close?.['code'], close?.['wasClean'], close?.['cause']], [1000, true, 'local-close']);
  assert.deepEqual(io.errLines, []);
});

for (const json of [false, true]) {
  test(`SE-33: the password and the query of a URL are not printed${json ? ' with --json' : ''}`, async (t) => {
    const { url } = await echo(t);
    const io = fakeIo();
    io.input.end('hi\n');
    const secret = `${url.replace('//', '//anna:s3cret@')}path?token=s3cret`;
    assert.equal(await hawser(io, 'connect', secret, '--wait-ms', '50', ...(json ? ['--json'] : [])), 0);
    const printed = [...io.outLines, ...io.errLines].join('\n');
    assert.ok(printed.includes(`${url}path`), printed);
    assert.doesNotMatch(printed, /s3cret|anna/);
  });
}

test('CM-02 CM-05: with --json pings, pongs, binary messages and errors are events', async (t) => {
  const bare = { mask: false } as const;
  const fault = frame({ opcode: 2, rsv2: true, ...bare });
  const peer = await scriptedServer(t, (socket, request) => {
    socket.write(accepting(request));
    socket.on('data', (chunk) => {
      // A message, a pong, and the Close of the client.
      if (chunk[0] === 0x81)
        socket.write(Buffer.concat([ping('p', bare), binary(Buffer.of(0, 255), bare), fault]));
      else if (chunk.includes(0x88)) socket.end(close(1002, '', bare));
    });
  });
  const io = fakeIo();
  io.input.write('go\n');
  assert.equal(await hawser(io, 'connect', peer.url, '--json', '--ping-interval-ms', 'off'), 1);
  const [pinged, message, closed] = [events(io, 'ping')[0], events(io, 'message')[0], events(io, 'close')[0]];
  assert.equal(pinged?.['hex'], '70');
  assert.deepEqual([message?.['type'], message?.['bytes'], message?.['hex']], ['binary', 2, '00ff']);
  assert.deepEqual([closed?.['sentCode'], closed?.['error']], [1002, 'ERR_RSV']);
  assert.match(io.errLines[0]!, /^hawser: closed[^\n]*reserved bit/);
});

test('CM-02 CM-05: with --json a pong has the round-trip time', async (t) => {
  const { url } = await server(t);
  const io = fakeIo();
  const exit = hawser(io, 'connect', url, '--json', '--ping-interval-ms', '500');
  await waitUntil(() => events(io, 'pong').length > 0);
  io.interrupt();
  assert.equal(await exit, 130);
  assert.ok((events(io, 'pong')[0]!['rttMs'] as number) >= 0);
});

test('CM-03: --cert and --key authenticate to a server that requests a client certificate', async (t) => {
  const [ours, theirs] = [selfSigned(['client.example'], Date.now()), selfSigned(['127.0.0.1'], Date.now())];
  const folder = mkdtempSync(join(tmpdir(), 'hawser-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = (name: string, content: string): string => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const trust = ['--ca', file('ca', theirs.cert), '--wait-ms', '0'];
  const us = ['--cert', file('cert', ours.cert), '--key', file('key', ours.key)];
  const { port } = await server(t, { tls: { ...theirs, ca: ours.cert, requestCert: true } });
  const attempt = (...flags: string[]): Promise<number> => {
    const io = fakeIo();
    io.input.end();
    return hawser(io, 'connect', `wss://127.0.0.1:${port}`, ...flags);
  };
  assert.equal(await attempt(...trust, ...us), 0);
  assert.equal(await attempt(...trust), 1);
  assert.equal(await attempt(...trust, ...us.slice(0, 2)), 2);
});

test('CM-01 CM-05: SIGINT before the connection is open exits with 130 and prints nothing', async (t) => {
  const silent = await scriptedServer(t, () => undefined);
  const io = fakeIo();
  const exit = hawser(io, 'connect', silent.url);
  await waitUntil(() => silent.requests.length === 1);
  io.interrupt();
  assert.equal(await exit, 130);
  assert.deepEqual([io.outLines, io.errLines], [[], []]);
});

test('CM-01 CM-05: a peer that closes with an error code causes exit 1 and one sentence', async (t) => {
  const { server: strict, url } = await server(t);
  strict.on('message', (connection) => connection.close(1008, 'not like\u0007 that'));
  const io = fakeIo();
  io.input.write('hi\n');
  assert.equal(await hawser(io, 'connect', url), 1);
  assert.match(io.errLines.at(-1)!, /^hawser: closed, code 1008 'not like\\u\{7\} that' \(peer-close\)$/);
});

test('CM-01 CM-05: SIGINT closes with 1000 and exits with 130', async (t) => {
  const { server: idle, url } = await server(t);
  const io = fakeIo();
  const exit = hawser(io, 'connect', url);
  await waitUntil(() => idle.connections.size === 1 && io.errLines.length === 1);
  const [connection] = idle.connections;
  io.interrupt();
  assert.equal(await exit, 130);
  assert.equal((await connection!.closed).code, 1000);
});

test('CM-03: headers, subprotocols, origin and credentials reach the server', async (t) => {
  const seen: unknown[] = [];
  const { url } = await echo(t, {
    allowedOrigins: '*',
    protocols: ['b'],
    upgrade: ({ request, origin, protocols }) => {
      const { cookie, authorization } = request.headers;
      seen.push([cookie, authorization, origin, [...protocols]]);
    },
  });
  const io = fakeIo();
  io.input.end();
  const flags = ['-H', 'Cookie: a=1', '--protocol', 'a', '--protocol', 'b', '--origin', 'https://x.example'];
  assert.equal(await hawser(io, 'connect', url, ...flags, '--auth', 'me:p:w', '--wait-ms', '0'), 0);
  const basic = `Basic ${Buffer.from('me:p:w').toString('base64')}`;
  assert.deepEqual(seen, [['a=1', basic, 'https://x.example', ['a', 'b']]]);
  assert.match(io.errLines[0]!, /subprotocol b$/);
});

test('CM-03: certificates are verified; --ca sets the trusted authority, --insecure accepts any and warns', async (t) => {
  const credentials = selfSigned(['127.0.0.1'], Date.now());
  const { port } = await echo(t, { tls: credentials });
  const folder = mkdtempSync(join(tmpdir(), 'hawser-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const ca = join(folder, 'ca.pem');
  writeFileSync(ca, credentials.cert);
  const attempt = async (...flags: string[]): Promise<[number, string[]]> => {
    const io = fakeIo();
    io.input.end();
    return [await hawser(io, 'connect', `wss://127.0.0.1:${port}`, '--wait-ms', '0', ...flags), io.errLines];
  };
  const [refused, [sentence]] = await attempt();
  assert.equal(refused, 1);
  assert.match(
    sentence!,
    /certificate of 127\.0\.0\.1:\d+ is not accepted: self.signed.* --ca .* --insecure/i,
  );
  assert.equal((await attempt('--ca', ca))[0], 0);
  const empty = join(folder, 'empty.pem');
  writeFileSync(empty, 'no certificate');
  assert.deepEqual(await attempt('--ca', empty), [
    1,
    [`hawser: --ca '${empty}' has no certificate; it must be a file in PEM format`],
  ]);
  const [insecure, [warning]] = await attempt('--insecure');
  assert.equal(insecure, 0);
  assert.match(warning!, /--insecure/);
});

test('CM-03 PD-10: --compress offers permessage-deflate, and both sides compress messages', async (t) => {
  const { url, server: peer } = await echo(t, { perMessageDeflate: true });
  const io = fakeIo();
  const line = 'compressible '.repeat(500);
  io.input.end(line);
  assert.equal(await hawser(io, 'connect', url, '--compress', '--wait-ms', '200'), 0);
  assert.deepEqual(io.outLines, [line]);
  assert.match(io.errLines[0]!, /permessage-deflate/);
  assert.ok(peer.stats().bytes.sent < line.length / 4);
});

test('CM-01: a refused connection or handshake causes exit 1 and one sentence', async (t) => {
  const { server: picky, port } = await server(t, { path: '/right' });
  const wrongPath = fakeIo();
  assert.equal(await hawser(wrongPath, 'connect', `127.0.0.1:${port}/wrong`), 1);
  assert.match(wrongPath.errLines[0]!, /^hawser: the server refused the handshake: 404 Not Found$/);
  await picky.shutdown();
  const refused = fakeIo();
  assert.equal(await hawser(refused, 'connect', `127.0.0.1:${port}`), 1);
  assert.deepEqual(refused.errLines, [
    `hawser: 127.0.0.1:${port} refuses connections: no server listens there (ECONNREFUSED)`,
  ]);
});

const WRONG: readonly (readonly [args: readonly string[], says: string])[] = [
  [['connect'], 'a URL is missing'],
  [['connect', 'ftp://x'], 'its scheme is ftp:'],
  [['connect', 'ws://x/#part'], 'fragment'],
  [['connect', 'ws://x', 'y'], "unexpected argument 'y'"],
  [['connect', 'ws://x', '-H', 'no colon'], "--header is 'no colon'"],
  [['connect', 'ws://x', '-H', 'Upgrade: h2c'], 'Upgrade'],
  [['connect', 'ws://x', '--auth', 'me'], "--auth is 'me'"],
  [['connect', 'ws://x', '--cert', 'a.pem'], '--cert'],
  [['connect', 'ws://x', '--ping-interval-ms', '1'], "--ping-interval-ms is '1'"],
  [['connect', 'ws://x', '--timeout-ms', '0'], "--timeout-ms is '0'"],
  [['connect', 'ws://x', '--protocol', 'a b'], 'a b'],
  [['send'], 'a URL is missing'],
  [['send', 'ws://x'], 'a message is missing'],
  [['send', 'ws://x', 'abc', '--binary'], "not 'abc'"],
];
for (const [args, says] of WRONG) {
  test(`CM-01: 'hawser ${args.join(' ')}' prints one sentence about the mistake`, async () => {
    const io = fakeIo();
    io.input.end();
    const exit = await hawser(io, ...args);
    assert.ok(exit === 2 || args.includes('--cert'), `exit ${exit}: ${io.errLines.join('\n')}`);
    assert.ok(io.errLines.length === 1 && io.errLines[0]!.includes(says), io.errLines.join('\n'));
    assert.deepEqual(io.outLines, []);
  });
}

test('CM-05: an incoming message leaves the line being typed intact, also if the line is wrapped', async (t) => {
  const { server: feed, url } = await server(t);
  const received: unknown[] = [];
  feed.on('message', (_, message) => void received.push(message));
  const screen = new Screen(20);
  const io = fakeIo(true, { output: screen, hasColours: true });
  const exit = hawser(io, 'connect', url);
  await waitUntil(() => feed.connections.size === 1 && screen.text === '>');
  const [connection] = feed.connections;
  io.input.write('short');
  await waitUntil(() => screen.text === '> short');
  connection!.send('{"a":[1]}');
  await waitUntil(() => screen.text.startsWith('< {'));
  assert.equal(screen.text, '< {\n    "a": [\n      1\n    ]\n  }\n> short');
  // The line is wrapped, and the cursor moves back into its first row.
  io.input.write(' and now a line that is wrapped');
  io.input.write('\u001b[D'.repeat(31));
  await waitUntil(() => screen.row === 5 && screen.column === 7);
  connection!.send('again');
  await waitUntil(() => screen.text.includes('again'));
  assert.ok(screen.text.endsWith('< again\n> short and now a li\nne that is wrapped'), screen.text);
  assert.deepEqual([screen.row, screen.column], [6, 7]);
  io.input.write('er\r');
  await waitUntil(() => received.length === 1);
  assert.deepEqual(received, ['shorter and now a line that is wrapped']);
  io.input.write('/clos\r');
  await waitUntil(() => screen.text.includes('/clos;'));
  io.input.write('/close 4001 enough\r');
  assert.equal(await exit, 1);
  assert.match(io.errLines.at(-1)!, /code 4001/);
});
