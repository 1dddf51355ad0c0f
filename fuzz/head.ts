import assert from 'node:assert/strict';
import { HandshakeError } from '../src/protocol/errors.ts';
import { type HeadLimits, HeadParser, type RequestHead } from '../src/protocol/handshake/http-head.ts';
import { bodyLength, readPlainTarget } from '../src/protocol/handshake/plain-request.ts';
import { readUpgradeRequest, wantsWebSocket } from '../src/protocol/handshake/server.ts';
import { headModel, TOKEN } from './head-model.ts';
import { type Prng, prng } from './prng.ts';

/** The result of parsing bytes: `undefined` if more are needed, the code of a refusal, or a head and its size in bytes. */
type Outcome = undefined | string | { readonly head: RequestHead; readonly headBytes: number };

const LIMITS: readonly HeadLimits[] = [
  { maxHeadBytes: 16_384, maxHeaderFields: 100 },
  { maxHeadBytes: 300, maxHeaderFields: 8 },
  { maxHeadBytes: 64, maxHeaderFields: 1 },
];

/**
 * Feeds mutated request heads to the parser, and accepted heads to the checks of an upgrade request. Invariants:
 * - Any bytes give a head, a HandshakeError or a need for more bytes, never another exception.
 * - The outcome is the same for every cut and equals that of an independent model.
 * - Bytes after the head are returned unchanged.
 * - An accepted upgrade request satisfies §4.2.1, which is checked again on its text. The path of its URL is the requested path.
 * @throws AssertionError that names seed, iteration and bytes.
 */
export function fuzzHead(seed: number, iterations: number): void {
  const random = prng(seed);
  for (let iteration = 0; iteration < iterations; iteration++) {
    const bytes = mutated(random, Buffer.from(request(random), 'latin1'));
    const limits = random.pick(LIMITS);
    try {
      const whole = outcome(limits, [bytes]);
      const pieces = random.bool(0.1)
        ? [...bytes].map((byte) => Buffer.of(byte))
        : random.cut(bytes, 1 + random.int(4));
      assert.deepEqual(plain(outcome(limits, pieces)), plain(whole), 'cutting');
      assert.deepEqual(plain(whole), headModel(bytes.toString('latin1'), limits), 'model');
      if (typeof whole === 'object') checkHead(whole.head);
    } catch (error) {
      const input = JSON.stringify(bytes.toString('latin1'));
      throw new Error(`seed ${seed}, iteration ${iteration}, limits ${JSON.stringify(limits)}: ${input}`, {
        cause: error,
      });
    }
  }
}

function outcome(limits: HeadLimits, pieces: readonly Buffer[]): Outcome {
  const parser = new HeadParser(limits);
  const all = Buffer.concat(pieces);
  let received = 0;
  try {
    for (const piece of pieces) {
      const head = parser.receive(piece);
      received += piece.length;
      if (head === undefined) continue;
      const headBytes = received - parser.takeRest().length;
      assert.equal(parser.takeRest().length, 0);
      assert.ok(headBytes <= limits.maxHeadBytes && all.subarray(headBytes - 4, headBytes).equals(END));
      return { head, headBytes };
    }
    assert.ok(received < limits.maxHeadBytes, 'at the size limit the parser still asks for more');
    return undefined;
  } catch (error) {
    if (error instanceof HandshakeError) return error.code;
    throw error;
  }
}

const END = Buffer.from('\r\n\r\n');

const plain = (result: Outcome): unknown =>
  typeof result === 'object'
    ? { ...result.head, fields: [...result.head.fields], headBytes: result.headBytes }
    : result;

/** Runs the checks after the parser: they throw only refusals and accept only what §4.2.1 allows. */
function checkHead(head: RequestHead): void {
  const length = bodyLength(head, 65_536);
  assert.ok(typeof length === 'object' || (Number.isInteger(length) && length >= 0 && length <= 65_536));
  try {
    readPlainTarget(head, true, undefined, 'localhost:8080');
  } catch (error) {
    if (!(error instanceof HandshakeError)) throw error;
  }
  let upgrade: ReturnType<typeof readUpgradeRequest>;
  try {
    upgrade = readUpgradeRequest(head, false);
  } catch (error) {
    if (error instanceof HandshakeError) return;
    throw error;
  }
  const list = (name: string): string[] =>
    [...head.fields].filter((field) => field[0] === name).map((field) => field[1]);
  assert.ok(wantsWebSocket(head) && head.method === 'GET' && head.httpVersion === '1.1');
  assert.match(list('upgrade').join(), /(?:^|,)[ \t]*websocket[ \t]*(?:,|$)/i);
  assert.match(list('connection').join(), /(?:^|,)[ \t]*upgrade[ \t]*(?:,|$)/i);
  // Empty members and fields are ignored (RFC 9110 §5.6.1.2).
  assert.match(list('sec-websocket-version').join(), /^[ \t,]*13[ \t,]*$/);
  assert.equal(Buffer.from(upgrade.key, 'base64').length, 16);
  assert.deepEqual(list('sec-websocket-key'), [upgrade.key]);
  assert.equal(list('host').length, 1);
  assert.equal(list('transfer-encoding').length, 0);
  assert.equal(upgrade.url.pathname, upgrade.path);
  assert.equal(upgrade.url.hash + upgrade.url.username + upgrade.url.password, '');
  assert.equal(new URL(`http://${upgrade.host}`).host, upgrade.url.host);
  const protocols = list('sec-websocket-protocol').join().split(',');
  assert.deepEqual(
    [...upgrade.protocols],
    protocols.map((protocol) => protocol.trim()).filter((protocol) => protocol !== ''),
  );
  for (const { name, params } of upgrade.extensions) {
    for (const part of [name, ...params.flat()])
      assert.ok(part === true || new RegExp(`^${TOKEN}$`).test(part));
  }
}

const NAMES = [
  'Host',
  'Upgrade',
  'Connection',
  'Sec-WebSocket-Key',
  'Sec-WebSocket-Version',
  'Sec-WebSocket-Protocol',
  'Sec-WebSocket-Extensions',
  'Content-Length',
  'Transfer-Encoding',
  'Origin',
  'X-A',
  '__proto__',
  'constructor',
] as const;
const VALUES = [
  'websocket',
  'Upgrade',
  'keep-alive, Upgrade',
  '13',
  '8',
  'dGhlIHNhbXBsZSBub25jZQ==',
  'a.example:8080',
  '127.0.0.1',
  '[::1]:80',
  'chat, superchat',
  'chat,,chat',
  'chat, chat',
  'permessage-deflate; client_max_window_bits',
  'a; b="c\\d", e ;f = g',
  'a; b="',
  '0',
  '65537',
  'chunked',
  '',
  ' \t ',
  'caf\xe9',
  ',,,',
  'https://a.example',
] as const;
const TARGETS = [
  '/',
  '/chat?a=b',
  '/a/../b/./%2e%2E/c',
  '/a/../b',
  '/./c',
  '//x/y',
  '*',
  'http://b.example/p?q',
  'wss://u@b.example/',
  '/a#b',
  'ws://b.example?q',
  '/\\a\\..\\b',
  '/{}|^`"<>[]',
  '/?{}|^`"<>[]\\',
  '/.well-known/x',
  '/a.b/c..d/...',
  'a:80',
] as const;
const SNIPPETS = [
  '\r\n',
  '\r',
  '\n',
  '\r\n\r\n',
  ' ',
  '\t',
  ':',
  '\0',
  '\x7f',
  '\x16\x03\x01',
  '\xff',
  ',',
  ';',
  '"',
  '\\',
  'HTTP/1.1',
  '%',
  '.',
  '/',
  '@',
  '#',
  '0',
] as const;

/** An upgrade request, often a valid one. Some have missing, repeated, reordered or invented fields. */
function request(random: Prng): string {
  const oddity = random.bool(0.5) ? 0 : 0.15;
  const good: (readonly [string, string])[] = [
    ['Host', 'server.example'],
    ['Upgrade', 'websocket'],
    ['Connection', 'Upgrade'],
    ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
    ['Sec-WebSocket-Version', '13'],
  ];
  const fields = good.filter(() => !random.bool(oddity));
  for (let more = random.int(5); more > 0; more--) fields.push([random.pick(NAMES), random.pick(VALUES)]);
  const lines = fields.map(([name, value]) => {
    const shown = random.bool(0.3) ? name.toUpperCase() : name;
    return `${shown}:${random.pick(['', ' ', ' \t'])}${random.bool(oddity) ? random.pick(VALUES) : value}${random.pick(['', ' '])}`;
  });
  const method = random.bool(oddity) ? random.pick(['POST', 'get', 'PRI', '']) : 'GET';
  const version = random.bool(oddity) ? random.pick(['HTTP/1.0', 'HTTP/2.0', 'HTTP/1.1 ', '']) : 'HTTP/1.1';
  const start = `${random.bool(0.1) ? random.pick(['\r\n', '\r\n', '\r\n\r\n']) : ''}${method} ${random.pick(TARGETS)} ${version}`;
  return `${[start, ...lines].join('\r\n')}\r\n\r\n${random.pick(['', '\x81\x80abcd', 'GET '])}`;
}

/** Bytes with pieces removed, inserted or replaced, or with the end cut off; often unchanged. */
export function mutated(random: Prng, bytes: Buffer): Buffer {
  if (random.bool(0.02)) return random.bytes(random.int(200));
  let result = bytes;
  for (let times = random.pick([0, 0, 1, 1, 2, 4]); times > 0; times--) {
    const at = random.int(result.length + 1);
    const length = random.pick([0, 0, 1, 2, random.int(40)]);
    const insert = random.pick([
      Buffer.from(random.pick(SNIPPETS), 'latin1'),
      random.bytes(1),
      Buffer.alloc(0),
    ]);
    result = Buffer.concat([result.subarray(0, at), insert, result.subarray(at + length)]);
  }
  return random.bool(0.1) ? result.subarray(0, random.int(result.length + 1)) : result;
}
