import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Logger, ServerOptions } from '../../src/index.ts';
import {
  close,
  duplexPair,
  eventLoopTurns,
  frame,
  RawClient,
  text,
  VirtualClock,
  waitUntil,
} from '../../src/testing/index.ts';
import { listening, live, upgradeRequest } from './live.ts';

interface Line {
  readonly level: string;
  readonly text: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

function collector(): { readonly logger: Logger; readonly lines: Line[] } {
  const lines: Line[] = [];
  const at = (level: string) => (fields: object, message: string) =>
    void lines.push({ level, text: message, fields: { ...fields } });
  return { lines, logger: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') } };
}

const BASE = ['Host: localhost', 'Upgrade: websocket', 'Connection: Upgrade'];
const KEY = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';
const VERSION = 'Sec-WebSocket-Version: 13';
const head = (...fields: string[]): string => `GET /?token=s3cret HTTP/1.1\r\n${fields.join('\r\n')}\r\n\r\n`;

/** Every refusal: how it comes about, and at which level it is logged. */
const REFUSALS: readonly (readonly [code: string, level: string, head: string, options?: ServerOptions])[] = [
  ['ERR_NO_UPGRADE', 'debug', head('Host: localhost')],
  ['ERR_METHOD', 'info', head(...BASE, KEY, VERSION).replace('GET', 'POST')],
  ['ERR_HTTP_VERSION', 'info', head(...BASE, KEY, VERSION).replace('/1.1', '/1.0')],
  ['ERR_TARGET', 'info', head(...BASE, KEY, VERSION).replace('/?token=s3cret', '*')],
  ['ERR_HOST', 'info', head(...BASE.slice(1), KEY, VERSION)],
  ['ERR_CONNECTION_FIELD', 'info', head(BASE[0]!, BASE[1]!, KEY, VERSION)],
  ['ERR_REQUEST_BODY', 'info', head(...BASE, KEY, VERSION, 'Content-Length: 5')],
  ['ERR_VERSION_MISSING', 'info', head(...BASE, KEY)],
  ['ERR_PROTOCOL_FIELD', 'info', head(...BASE, KEY, VERSION, 'Sec-WebSocket-Protocol: a, a')],
  ['ERR_EXTENSIONS_FIELD', 'info', head(...BASE, KEY, VERSION, 'Sec-WebSocket-Extensions: a; b="')],
  ['ERR_PATH', 'info', head(...BASE, KEY, VERSION), { path: '/ours' }],
  ['ERR_VERSION', 'warn', head(...BASE, KEY, 'Sec-WebSocket-Version: 8')],
  ['ERR_KEY', 'warn', head(...BASE, 'Sec-WebSocket-Key: short', VERSION)],
  ['ERR_ORIGIN', 'warn', head(...BASE, KEY, VERSION, 'Origin: https://evil.example')],
  ['ERR_HOST_NOT_ALLOWED', 'warn', head(...BASE, KEY, VERSION), { allowedHosts: ['other.example'] }],
  ['ERR_HEAD_SYNTAX', 'warn', 'GET / HTTP/1.1\n\n\r\n\r\n'],
  ['ERR_HEAD_TOO_BIG', 'warn', head(`X: ${'x'.repeat(20_000)}`)],
];

for (const [code, level, bytes, options] of REFUSALS) {
  test(`HS-27 LG-02: ${code} is logged once, as ${level}, without query or secrets`, async (t) => {
    const { logger, lines } = collector();
    const { connect, errors } = await listening(t, { logger, ...options });
    const client = await connect();
    client.send(bytes);
    await client.nextHead();
    await client.receivedUntilEnd();
    assert.deepEqual(errors, []);
    const [, ...refusals] = lines;
    assert.deepEqual(
      refusals.map(({ text: message, level: said, fields }) => [
        message,
        fields['code'],
        said,
        fields['remoteAddress'],
      ]),
      [['handshake refused', code, level, '127.0.0.1']],
    );
    assert.doesNotMatch(JSON.stringify(lines), /s3cret|dGhlIHNhb/);
  });
}

const AS_A_TEST = new Error('as a test');
const fails = (): never => {
  throw AS_A_TEST;
};
const FAILING: readonly (readonly [what: string, options: ServerOptions, message: string])[] = [
  ['an upgrade hook that throws', { upgrade: fails }, 'handshake refused'],
  ['an upgrade hook that rejects', { upgrade: () => Promise.reject(AS_A_TEST) }, 'handshake refused'],
  ['a predicate of path', { path: fails }, 'handshake refused'],
  ['a predicate of origins', { allowedOrigins: fails }, 'handshake refused'],
  ['a request hook', { request: fails }, 'handler failed'],
];
for (const [what, options, message] of FAILING) {
  test(`HS-27 ER-05 LG-02: ${what} is logged once, with its error, and causes an error event`, async (t) => {
    const { logger, lines } = collector();
    const { connect, errors, server } = await listening(t, { logger, ...options });
    const client = await connect();
    const fields = options.request === undefined ? [KEY, VERSION, ...BASE.slice(1)] : ['Connection: close'];
    const origin = options.allowedOrigins === undefined ? [] : ['Origin: https://a.example'];
    client.send(head(BASE[0]!, ...fields, ...origin));
    assert.equal((await client.nextHead()).status, 500);
    await client.receivedUntilEnd();
    const [, ...said] = lines;
    assert.deepEqual(
      said.map((line) => [line.text, line.level, line.fields['err']]),
      [[message, 'error', AS_A_TEST]],
    );
    assert.deepEqual(
      errors.splice(0).map(({ cause }) => cause),
      [AS_A_TEST],
    );
    assert.deepEqual({ ...server.stats().errorsByCode }, { ERR_HANDLER: 1 });
  });
}

test('HS-27 SE-11: text of a client is escaped and cut to 128 characters, so that it cannot begin a line or control a terminal', async (t) => {
  const { logger, lines } = collector();
  const { server } = live(t, { logger, path: '/ours', clock: new VirtualClock() });
  const wire = duplexPair();
  const raw = RawClient.over(wire.client);
  const url = `/\u009b31m\u2028\u202e${'a'.repeat(1_000)}?token=s3cret`;
  await server.handleUpgrade(upgradeRequest({}, url), wire.server, Buffer.alloc(0));
  raw[Symbol.dispose]();
  await eventLoopTurns(3);
  const [line] = lines.filter(({ text: message }) => message === 'handshake refused');
  const shown = JSON.stringify(line);
  assert.doesNotMatch(shown, /[\u0080-\u009f\u2028\u202e]|s3cret/);
  assert.ok(shown.length < 600, shown);
});

test('LG-02 UT-06: a violation is logged with code, section, lengths and positions, without the payload', async (t) => {
  const { logger, lines } = collector();
  const { join } = live(t, { logger });
  const { raw, connection } = await join();
  raw.send(text(Buffer.concat([Buffer.from('my password is hunter2 '.repeat(10)), Buffer.of(0xff)])));
  await raw.nextFrame();
  raw[Symbol.dispose]();
  await connection.closed;
  await eventLoopTurns(2);
  const [line] = lines;
  assert.equal(lines.length, 1);
  assert.deepEqual(
    [line!.level, line!.text, line!.fields['connectionId']],
    ['warn', 'connection closed', connection.id],
  );
  const { code, cause, sentCode, error, detail } = line!.fields;
  assert.deepEqual([code, cause, sentCode, error], [1006, 'invalid-utf8', 1007, 'ERR_UTF8']);
  assert.match(String(detail), /byte 230 of 231 .*\bff\b.*§8\.1/);
  assert.doesNotMatch(JSON.stringify(lines), /hunter2|password/);
});

test('LG-02: the last line of a connection and of the server contains the totals', async (t) => {
  const { logger, lines } = collector();
  const clock = new VirtualClock();
  const { server, join } = await listening(t, { logger, clock });
  server.on('message', (connection, message) => void connection.send(message));
  const raw = await join();
  raw.send(text('four'));
  await raw.nextFrame();
  clock.advance(1_234);
  raw.send(close(1000));
  await raw.waitForClose();
  await waitUntil(() => server.connections.size === 0);
  await server.shutdown();
  const fieldsOf = (message: string) => lines.find((line) => line.text === message)?.fields ?? {};
  const { durationMs, messagesReceived, messagesSent, bytesReceived, bytesSent } =
    fieldsOf('connection closed');
  assert.deepEqual(
    { durationMs, messagesReceived, messagesSent, bytesReceived, bytesSent },
    { durationMs: 1_234, messagesReceived: 1, messagesSent: 1, bytesReceived: 18, bytesSent: 10 },
  );
  assert.deepEqual(fieldsOf('server closed'), {
    closed: 0,
    forced: 0,
    durationMs: 0,
    uptimeMs: 1_234,
    connections: 1,
    refused: 0,
    messagesReceived: 1,
    messagesSent: 1,
    messagesDropped: 0,
    bytesReceived: 18,
    bytesSent: 10,
  });
});

test('LG-02: start and stop are logged as info, ordinary closes as debug, limits as warn, handler errors as error', async (t) => {
  const { logger, lines } = collector();
  const { server, join, errors } = await listening(t, { logger });
  server.on('message', (_, message) => {
    if (message === 'fail') throw new Error('as a test');
  });
  const ordinary = await join();
  ordinary.send(close(1000));
  await ordinary.waitForClose();
  const broken = await join();
  broken.send(frame({ opcode: 3 }));
  await broken.waitForClose();
  const failing = await join();
  failing.send(text('fail'));
  failing.send(close(1011));
  await failing.waitForClose();
  await waitUntil(() => server.connections.size === 0);
  await server.shutdown();
  assert.equal(errors.splice(0).length, 1);
  assert.deepEqual(
    lines.map(({ level, text: message, fields }) => [level, message, fields['cause']]),
    [
      ['info', 'listening', undefined],
      ['debug', 'connection closed', 'peer-close'],
      ['warn', 'connection closed', 'protocol-error'],
      ['error', 'handler failed', undefined],
      ['error', 'connection closed', 'handler-error'],
      ['info', 'server closed', undefined],
    ],
  );
});
