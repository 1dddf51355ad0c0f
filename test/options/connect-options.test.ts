import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { Engine } from '../../src/engine/engine.ts';
import { selfSigned } from '../../src/testing/self-signed.ts';
import {
  CONNECT_OPTION_TABLE,
  DEFAULT_CONNECT_OPTIONS,
  resolveConnectOptions,
} from '../../src/options/resolve-connect-options.ts';
import { connect, type ConnectOptions, MemoryBudget } from '../../src/client/index.ts';
import { MisuseError } from '../../src/protocol/errors.ts';
import { DEFAULT_SERVER_OPTIONS } from '../../src/options/resolve-server-options.ts';

const resolve = (options: unknown) => resolveConnectOptions(options as ConnectOptions);
const refusal = (options: unknown): string => {
  try {
    resolve(options);
  } catch (error) {
    assert.ok(error instanceof MisuseError);
    assert.equal(error.code, 'ERR_OPTION');
    return error.message;
  }
  return assert.fail('it was accepted');
};

const source = ['src/options/connection-options.ts', 'src/options/connect-options.ts']
  .map((path) => readFileSync(join(import.meta.dirname, '../../..', path), 'utf8'))
  .join('\n');

test('CF-02 CC-03 each option has a doc comment, a default and a row, and there are no others', () => {
  const inType = [...source.matchAll(/\*\/\s*readonly (\w+)\?:/g)].map(([, name]) => name!);
  for (const name of Object.keys(CONNECT_OPTION_TABLE)) assert.ok(inType.includes(name), name);
  assert.deepEqual(Object.keys(DEFAULT_CONNECT_OPTIONS).sort(), Object.keys(CONNECT_OPTION_TABLE).sort());
});

test('CC-03 options of clients and servers have the same defaults', () => {
  let shared = 0;
  for (const name of Object.keys(DEFAULT_CONNECT_OPTIONS)) {
    if (!Object.hasOwn(DEFAULT_SERVER_OPTIONS, name) || name === 'tls') continue;
    shared++;
    assert.deepEqual(
      Reflect.get(DEFAULT_CONNECT_OPTIONS, name),
      Reflect.get(DEFAULT_SERVER_OPTIONS, name),
      name,
    );
  }
  assert.ok(shared >= 25);
});

for (const [name, rule] of Object.entries(CONNECT_OPTION_TABLE)) {
  if (!('max' in rule)) continue;
  test(`CF-02 ${name}: the doc comment names default and range, and the range holds`, () => {
    const value: unknown = Reflect.get(DEFAULT_CONNECT_OPTIONS, name);
    const unit = rule.kind === 'count' ? '' : ` ${rule.kind}`;
    const shown = `Default ${value === false ? '`false`' : Number(value).toLocaleString('en-US')}; ${rule.min.toLocaleString('en-US')} to ${rule.max.toLocaleString('en-US')}${unit}`;
    assert.ok(source.replace(/\s*\n\s*\*\s*/g, ' ').includes(shown), shown);
    for (const wrong of [rule.min - 1, -1, 1.5, rule.max + 1, '5', null, Infinity]) {
      assert.match(refusal({ [name]: wrong }), new RegExp(`^${name} is .*from ${rule.min} to ${rule.max}`));
    }
  });
}

const CERTIFICATE = selfSigned(['localhost'], Date.now());
const RIGHT: Record<string, unknown[]> = {
  protocols: [[], ['a', 'v2.b']],
  headers: [
    {},
    { a: 'b' },
    [],
    [
      ['a', 'b'],
      ['a', 'c'],
    ],
    new Headers({ a: 'b' }),
    new Map([['a', 'b']]),
  ],
  origin: ['https://app.example', 'null'],
  tls: [{}, { ca: CERTIFICATE.cert, servername: 'a' }, { rejectUnauthorized: false }],
  signal: [new AbortController().signal],
  lookup: [() => undefined],
  proxy: ['http://proxy.example:3128', new URL('https://u:p%40@[::1]/'), 'http://u@p.example'],
  socket: [new PassThrough()],
  createConnection: [() => new PassThrough()],
  serializeConnects: [true, false],
  transport: ['auto', 'stream'],
  memoryBudget: [new MemoryBudget({ maxBytes: 5 })],
  rateLimit: [false, { messagesPerSecond: 5, closeCode: 1010 }],
};
const WRONG: Record<string, unknown[]> = {
  protocols: ['a', [''], ['a', 'a'], ['a b'], null],
  headers: ['a: b', null, 5, [['a']], ['ab'], { host: 'x' }, { a: 5 }, { 'a b': 'c' }],
  origin: ['', 'a b', 'https://bücher.example', 5, null],
  tls: [null, true, [], { ALPNProtocols: ['h2'] }, { host: 'x' }, { cert: 'broken', key: 'broken' }],
  signal: [{}, null, new AbortController()],
  lookup: [null, 'dns', {}],
  proxy: [
    'proxy.example:3128',
    'socks5://p.example',
    'http://p.example/x',
    'http://a%3Ab@p.example',
    'http://%@p',
    {},
    null,
  ],
  proxyTls: [null, true, {}],
  socket: [{}, null, 'tcp', () => new PassThrough()],
  createConnection: [null, new PassThrough()],
  serializeConnects: [0, null],
  transport: ['handle', '', true, null],
  rateLimit: [true, {}, { messagesPerSecond: 5, closeCode: 1005 }, { messagesPerSecond: 5, key: () => 'a' }],
};
for (const name of Object.keys(WRONG)) {
  test(`CC-03 ${name}: accepts valid values and refuses others`, () => {
    for (const value of RIGHT[name] ?? []) resolve({ [name]: value });
    for (const value of WRONG[name]!) assert.match(refusal({ [name]: value }), new RegExp(name));
  });
}

test('CC-08: no error message shows the password of a proxy', () => {
  for (const proxy of [
    'http:/u:sesame@',
    'ftp://u:sesame@p/',
    'http://u:sesame@p/x',
    'http://u:sesame%@p/',
  ]) {
    assert.doesNotMatch(refusal({ proxy }), /sesame/);
  }
});

test('CC-08: options that contradict each other are refused', () => {
  const [proxy, socket, createConnection] = ['http://p.example', new PassThrough(), () => new PassThrough()];
  assert.match(refusal({ proxy, socket }), /^proxy and socket exclude each other/);
  assert.match(refusal({ socket, createConnection }), /^socket and createConnection exclude each other/);
  assert.match(refusal({ socket, maxRedirects: 1 }), /^maxRedirects is 1, but socket is one connection/);
  assert.match(
    refusal({ proxy, proxyTls: {} }),
    /^proxyTls has no effect without a proxy whose URL begins with https/,
  );
});

test('CF-01 errors name the nearest known option, or both contradicting values', () => {
  assert.match(refusal({ connectTimeout: 5 }), /the nearest is connectTimeoutMs/);
  assert.match(refusal({ handshakeTimeout: 5 }), /it is called connectTimeoutMs$/);
  assert.match(refusal({ rejectUnauthorized: false }), /put it into tls: \{ rejectUnauthorized \}$/);
  assert.match(refusal({ maxAttempts: 5 }), /ReconnectingClient has maxAttempts$/);
  assert.match(refusal({ allowedOrigins: '*' }), /there is no option allowedOrigins/);
  assert.match(refusal({ pingIntervalMs: 5_000 }), /pongTimeoutMs is 10000; it must be below pingIntervalMs/);
  assert.equal(resolve({ maxMessageBytes: 5 }).maxFrameBytes, 5);
  assert.deepEqual(resolve({ headers: undefined }), DEFAULT_CONNECT_OPTIONS);
});

test('CF-01 all connections of an engine without options share one frozen object of settings', () => {
  const settings = resolve({});
  assert.equal(resolve(undefined), settings);
  assert.equal(resolve({ headers: undefined }), settings);
  assert.equal(Object.isFrozen(settings), true);
  const engine = new Engine();
  const other = resolveConnectOptions({}, engine);
  assert.equal(other.memoryBudget, engine.memoryBudget);
  assert.notEqual(settings.memoryBudget, engine.memoryBudget);

  const own = resolve({ maxMessageBytes: 5, clock: undefined });
  assert.deepEqual(own, { ...settings, maxMessageBytes: 5, maxFrameBytes: 5 });
  assert.equal(Object.isFrozen(own), true);
  assert.equal(resolve({}).maxMessageBytes, 1_048_576);
});

test('CC-01 CC-03 misuse rejects the promise instead of throwing', async () => {
  const url = 'ws://127.0.0.1:9/';
  await assert.rejects(connect(url, { maxFragments: 0 }), { code: 'ERR_OPTION' });
  await assert.rejects(connect('ws://a:b@127.0.0.1:9/', { headers: { authorization: 'x' } }), {
    code: 'ERR_OPTION',
  });
});
