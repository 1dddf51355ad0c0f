import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryBudget } from '../../src/index.ts';
import { SERVER_OPTION_TABLE } from '../../src/options/resolve-server-options.ts';
import { systemClock } from '../../src/engine/clock.ts';
import { systemRandom } from '../../src/engine/random.ts';
import { refusal, resolve } from './option-cases.ts';

const NUMBERS = Object.entries(SERVER_OPTION_TABLE).flatMap(([name, rule]) =>
  'max' in rule ? [{ name, rule }] : [],
);
/** Other options that an option needs at the end of its range, so that only it can be refused. */
const COMPANIONS = {
  heartbeat: false,
  pingIntervalMs: 2 ** 31 - 1,
  pongTimeoutMs: 1,
  maxMessageBytes: 2 ** 29 - 24,
  maxFrameBytes: 1,
  maxBufferedBytes: 2 ** 31 - 1,
  highWaterMarkBytes: 1,
  softLimitRatio: 1,
  softLimitReleaseRatio: 0.01,
};
for (const { name, rule } of NUMBERS) {
  test(`CF-01 GN-02 ${name}: whole numbers from ${rule.min} to ${rule.max}${rule.orFalse ? ', or false' : ''}`, () => {
    const companions: Record<string, unknown> = { ...COMPANIONS };
    const ends: Record<string, number[]> = {
      pingIntervalMs: [2, rule.max],
      pongTimeoutMs: [rule.min, rule.max - 1],
      maxMessageBytes: [rule.min, rule.max],
      maxBufferedBytes: [rule.min, rule.max],
    };
    for (const value of ends[name] ?? [rule.min, rule.max]) {
      assert.equal(Reflect.get(resolve({ ...companions, [name]: value }), name), value);
    }
    for (const value of [0, -1, 1.5, rule.max + 1, Infinity, NaN, '5', 5n, null, true, [], {}]) {
      const message = refusal({ [name]: value });
      assert.ok(message.startsWith(`${name} is `), message);
      assert.ok(message.includes(`from ${rule.min} to ${rule.max}`), message);
    }
    if (rule.orFalse) assert.equal(Reflect.get(resolve({ [name]: false }), name), false);
    else refusal({ [name]: false });
  });
}

const RIGHT: Record<string, unknown[]> = {
  path: ['/', '/chat/room', /^\/chat/, () => true],
  protocols: [[], ['chat', 'v2.chat', '__proto__']],
  allowedOrigins: [
    'same-origin',
    '*',
    [],
    ['https://app.example', 'null', /x/],
    ['http://a/ws', 'https://app.example/'],
    () => true,
  ],
  requireOrigin: [true, false],
  allowedHosts: [false, ['localhost', '[::1]']],
  upgrade: [() => undefined],
  request: [() => new Response()],
  heartbeat: [true, false],
  exemptAddresses: [[], ['10.0.0.0/8', '::1'], () => true],
  memoryBudget: [new MemoryBudget({ maxBytes: 1 })],
  trustProxy: [false, 1, 32, ['10.0.0.0/8', '::1']],
  proxyProtocol: [false, ['10.0.0.0/8', '::1']],
  onOverflow: ['close', 'drop-newest', 'drop-oldest', 'conflate'],
  textAs: ['string', 'buffer'],
  transport: ['auto', 'stream'],
  violationLimit: [false, { perMinute: 1_000, refuseMs: 1 }],
  retainFreedMemory: [true, false],
  metrics: [false, { handlerTimeOneIn: 1 }],
  name: ['a', 'edge 1', 'ü'.repeat(256)],
  logger: [console],
  clock: [{ ...systemClock }],
  random: [{ ...systemRandom }],
};
const WRONG: Record<string, unknown[]> = {
  path: ['', 'chat', '/a?b', '/a#b', '/a b', 5, false, null],
  protocols: ['chat', false, [''], ['a b'], ['a,b'], ['chat', 'chat'], [5], null],
  allowedOrigins: [
    '',
    'https://app.example',
    false,
    null,
    ['https://*.example'],
    ['https://a, https://b'],
    ['same-origin'],
    ['*'],
    ['app.example'],
    ['app.example:443'],
    [''],
    [5],
    ['null', 'null'],
  ],
  requireOrigin: [0, 1, 'true', null],
  allowedHosts: [true, [], 'localhost', ['localhost:80'], ['::1'], [/x/], null],
  upgrade: [{}, 'x', false, null],
  request: [{}, false, null],
  requestHead: [{}, false, null, () => undefined],
  heartbeat: [0, 'false', null],
  exemptAddresses: ['10.0.0.1', false, ['localhost'], ['10.0.0.0/33'], [5], null],
  tls: [true, null, [], 'cert', () => undefined],
  memoryBudget: [1, false, null, {}, { maxBytes: 5 }],
  trustProxy: [true, 0, 33, 1.5, -1, [], '10.0.0.1', ['proxy.example'], null, () => true],
  proxyProtocol: [true, 1, [], '10.0.0.1', ['proxy.example'], null, () => true],
  onOverflow: ['drop', '', false, null, 'Conflate'],
  textAs: ['Buffer', 'bytes', '', true, null],
  transport: ['handle', '', false, true, null],
  retainFreedMemory: [0, 'true', null],
  debugChecks: [0, 'true', null],
  metrics: [0, null, 'true', [], () => true],
  loadControl: [0, null, 'true', [], () => true],
  name: ['', 'x'.repeat(257), 5, false, null, ['a']],
  rateLimit: [true, null, 5, [], 'x', {}],
  violationLimit: [true, null, 5, [], 'x', {}, { refuseMs: 5 }],
  endpoints: [true, false, null, 5, 'x', [], '/healthz'],
  admin: [true, null, 5, [], 'x', 9090],
  history: [true, false, null, 5, 'room:*', () => true],
  presence: [true, false, null, 5, 'room:*', () => true],
  cluster: [{}, null, false, 'redis', () => undefined],
  requireEngine: [true, 0, 'true', null],
  authorizeSubscribe: [true, {}, null],
  authorizePublish: [true, {}, null],
  perMessageDeflate: [0, 1, null, 'true', [], () => true],
  logger: [{}, { info() {} }, () => undefined, false, null],
  clock: [{}, Date, null],
  random: [{}, Math, null],
};
for (const name of Object.keys(SERVER_OPTION_TABLE).filter(
  (each) => !NUMBERS.some((row) => row.name === each),
)) {
  test(`CF-01 ${name}: accepts valid values and refuses others`, () => {
    for (const value of RIGHT[name] ?? [])
      assert.deepEqual(Reflect.get(resolve({ [name]: value }), name), value);
    assert.ok(WRONG[name] !== undefined);
    for (const value of WRONG[name])
      assert.match(refusal({ [name]: value }), new RegExp(`^${name}(\\[\\d\\])? is .*; it must be `));
  });
}
