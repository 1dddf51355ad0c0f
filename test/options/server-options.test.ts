import { defaultEngine } from '../../src/engine/engine.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  DEFAULT_SERVER_OPTIONS,
  resolveServerOptions,
  SERVER_OPTION_TABLE,
} from '../../src/options/resolve-server-options.ts';
import { systemClock } from '../../src/engine/clock.ts';
import { systemRandom } from '../../src/engine/random.ts';
import { refusal, resolve } from './option-cases.ts';

test('CF-02 the defaults are frozen and pass their own checks', () => {
  assert.equal(Object.isFrozen(DEFAULT_SERVER_OPTIONS), true);
  assert.deepEqual(resolve(DEFAULT_SERVER_OPTIONS), DEFAULT_SERVER_OPTIONS);
  assert.deepEqual(resolveServerOptions(), DEFAULT_SERVER_OPTIONS);
  assert.deepEqual(resolve({}), DEFAULT_SERVER_OPTIONS);
});

test('CF-02 the defaults are the documented ones', () => {
  assert.deepEqual(DEFAULT_SERVER_OPTIONS, {
    path: undefined,
    protocols: [],
    allowedOrigins: 'same-origin',
    requireOrigin: false,
    allowedHosts: false,
    trustProxy: false,
    proxyProtocol: false,
    tls: undefined,
    upgrade: undefined,
    request: undefined,
    requestHead: undefined,
    endpoints: { health: false, ready: false, metrics: false },
    admin: false,
    upgradeTimeoutMs: 10_000,
    handshakeTimeoutMs: 10_000,
    maxHeadBytes: 16_384,
    maxRequestBodyBytes: 65_536,
    maxHeaderFields: 100,
    maxPendingHandshakes: 1_000,
    maxPendingHandshakesPerIp: false,
    maxMessageBytes: 1_048_576,
    maxFrameBytes: 1_048_576,
    maxFragments: 16_384,
    maxPendingPongs: 16,
    messageTimeoutMs: 30_000,
    heartbeat: true,
    pingIntervalMs: 30_000,
    pongTimeoutMs: 10_000,
    maxMissedPongs: 2,
    idleTimeoutMs: 60_000,
    writeTimeoutMs: 10_000,
    closeTimeoutMs: 5_000,
    expiryWarningMs: 30_000,
    maxLifetimeMs: false,
    maxConnections: 10_000,
    maxConnectionsPerIp: false,
    maxNewConnectionsPerMinute: false,
    maxNewConnectionsPerMinutePerIp: false,
    violationLimit: false,
    exemptAddresses: [],
    ipv6PrefixBits: 64,
    retryAfterSeconds: 5,
    rateLimit: false,
    highWaterMarkBytes: 262_144,
    maxBufferedBytes: 1_048_576,
    onOverflow: 'close',
    textAs: 'string',
    memoryBudget: defaultEngine.memoryBudget,
    receiveAheadBytes: 65_536,
    maxConcurrentMessages: 1,
    perMessageDeflate: false,
    maxTopicsPerConnection: 128,
    maxTopics: 100_000,
    history: [],
    presence: [],
    maxHistoryBytes: 67_108_864,
    softLimitRatio: 0.8,
    softLimitReleaseRatio: 0.7,
    cluster: undefined,
    requireEngine: false,
    authorizeSubscribe: undefined,
    authorizePublish: undefined,
    metrics: false,
    loadControl: false,
    name: undefined,
    transport: 'auto',
    retainFreedMemory: true,
    backlog: 511,
    debugChecks: false,
    logger: undefined,
    clock: systemClock,
    random: systemRandom,
  });
});

test('CF-01 an explicit undefined means the default, for every option', () => {
  const nothing = Object.fromEntries(Object.keys(SERVER_OPTION_TABLE).map((name) => [name, undefined]));
  assert.deepEqual(resolve(nothing), DEFAULT_SERVER_OPTIONS);
});

test('CF-01 unknown names are refused, with the nearest known one', () => {
  const names = [
    ['pingInterval', 'pingIntervalMs'],
    ['maxMessageByte', 'maxMessageBytes'],
    ['MAXCONNECTIONS', 'maxConnections'],
    ['allowedOrigin', 'allowedOrigins'],
    ['protocol', 'protocols'],
  ] as const;
  for (const [wrong, nearest] of names) {
    assert.match(
      refusal({ [wrong]: 1 }),
      new RegExp(`no option ${wrong} \\(given as 1\\).*nearest is ${nearest}$`),
    );
  }
});

test('GN-05 the error for an option of another library names the option to use', () => {
  const rows = [
    ['port', /; port is an argument of listen\(\): await server\.listen\(8080\)$/],
    ['maxPayload', /; it is called maxMessageBytes$/],
    ['verifyClient', /; write an upgrade hook, which returns refuse\(401\) or \{ data \}$/],
    ['server', /; attach the HTTP server: server\.attach\(httpServer\)$/],
    ['noServer', /server\.handleUpgrade\(request, socket, head\)$/],
    ['clientTracking', /server\.connections$/],
    ['handleProtocols', /list them in protocols, or return \{ protocol \} from the upgrade hook$/],
    ['cors', /; it is called allowedOrigins$/],
    ['pingTimeout', /; it is called pongTimeoutMs$/],
    ['idleTimeout', /; it is called idleTimeoutMs, in milliseconds$/],
    ['maxBackpressure', /; it is called maxBufferedBytes$/],
    ['nonsense', /^there is no option nonsense \(given as 1\)$/],
  ] as const;
  for (const [name, says] of rows) assert.match(refusal({ [name]: 1 }), says);
  assert.match(
    refusal({ perMessageDeflate: { zlibDeflateOptions: {} } }),
    /^there is no option perMessageDeflate\.zlibDeflateOptions .*; level and memLevel stand in perMessageDeflate itself$/,
  );
});

test('GN-05 options of features that do not exist are unknown, even if undefined', () => {
  for (const name of ['loadShedding', 'maxLifetime', '']) {
    assert.match(refusal({ [name]: undefined }), /^there is no option /);
  }
});

test('SE-29 names of Object.prototype are unknown options', () => {
  for (const text of ['{"__proto__": {"maxConnections": 1}}', '{"constructor": 1}', '{"toString": 1}']) {
    assert.match(refusal(JSON.parse(text)), /^there is no option /);
  }
});

test('CF-01 the options must be an object', () => {
  for (const options of [null, 8080, 'x', [], () => undefined])
    assert.match(refusal(options), /^options is .*an object/);
});

test('CF-01 error messages are short and on one line for any value', () => {
  for (const options of [
    { path: `x\n${'y'.repeat(1e6)}` },
    { [`a\r\n${'b'.repeat(1e6)}`]: 1 },
    { onOverflow: Symbol('x') },
  ]) {
    const message = refusal(options);
    assert.ok(message.length < 300, `${message.length} characters`);
    assert.doesNotMatch(message, /[\r\n]/);
  }
});

test('FP-08 maxFrameBytes follows maxMessageBytes', () => {
  assert.equal(resolve({ maxMessageBytes: 5000 }).maxFrameBytes, 5000);
  assert.equal(resolve({ maxMessageBytes: 5000, maxFrameBytes: undefined }).maxFrameBytes, 5000);
  assert.equal(resolve({ maxMessageBytes: 5000, maxFrameBytes: 100 }).maxFrameBytes, 100);
});

const CONTRADICTIONS = [
  {
    rule: 'HB-03',
    options: { pingIntervalMs: 5000, pongTimeoutMs: 5000 },
    names: ['pongTimeoutMs is 5000', 'pingIntervalMs, which is 5000'],
  },
  {
    rule: 'HB-03',
    options: { pingIntervalMs: 9000 },
    names: ['pongTimeoutMs is 10000', 'pingIntervalMs, which is 9000'],
  },
  {
    rule: 'HB-03',
    options: { idleTimeoutMs: 30_000 },
    names: ['idleTimeoutMs is 30000', 'pingIntervalMs, which is 30000'],
  },
  {
    rule: 'FP-08',
    options: { maxMessageBytes: 10, maxFrameBytes: 11 },
    names: ['maxFrameBytes is 11', 'maxMessageBytes, which is 10'],
  },
  {
    rule: 'BP-01',
    options: { maxBufferedBytes: 1000 },
    names: ['highWaterMarkBytes is 262144', 'maxBufferedBytes, which is 1000'],
  },
  {
    rule: 'LM-02',
    options: { softLimitRatio: 0.5, softLimitReleaseRatio: 0.6 },
    names: ['softLimitReleaseRatio is 0.6', 'softLimitRatio, which is 0.5'],
  },
];
for (const { rule, options, names } of CONTRADICTIONS) {
  test(`${rule} CF-01 contradiction: ${JSON.stringify(options)}`, () => {
    const message = refusal(options);
    for (const name of names) assert.ok(message.includes(name), message);
  });
}

test('HB-03 idleTimeoutMs has no lower bound while it or the heartbeat is off', () => {
  assert.equal(resolve({ idleTimeoutMs: 1000, heartbeat: false }).idleTimeoutMs, 1000);
  assert.equal(resolve({ idleTimeoutMs: false }).idleTimeoutMs, false);
  assert.equal(resolve({ idleTimeoutMs: 30_001 }).idleTimeoutMs, 30_001);
});

test('LM-02 a lower softLimitRatio lowers the default of softLimitReleaseRatio', () => {
  assert.equal(resolve({ softLimitRatio: 0.5 }).softLimitReleaseRatio, 0.5);
  assert.equal(resolve({ softLimitRatio: 0.9 }).softLimitReleaseRatio, 0.7);
  assert.equal(resolve({ softLimitRatio: false }).softLimitReleaseRatio, 0.7);
});

test('RL-01 rateLimit: bursts are twice the rate unless given', () => {
  const rest = { action: 'close', closeCode: 1008, key: undefined };
  assert.deepEqual(resolve({ rateLimit: { messagesPerSecond: 100 } }).rateLimit, {
    messagesPerSecond: 100,
    burstMessages: 200,
    bytesPerSecond: undefined,
    burstBytes: undefined,
    ...rest,
  });
  assert.deepEqual(
    resolve({
      rateLimit: { bytesPerSecond: 10, burstBytes: 15, burstMessages: undefined, action: 'throttle' },
    }).rateLimit,
    {
      messagesPerSecond: undefined,
      burstMessages: undefined,
      bytesPerSecond: 10,
      burstBytes: 15,
      ...rest,
      action: 'throttle',
    },
  );
  assert.equal(resolve({ rateLimit: { messagesPerSecond: 1, closeCode: 4008 } }).rateLimit && true, true);
  assert.equal(resolve({ rateLimit: false }).rateLimit, false);
});

test('RL-01 rateLimit: the error for a wrong member has its full name', () => {
  const wrong: [Record<string, unknown>, RegExp][] = [
    [{ messagesPerSecond: 0 }, /^rateLimit\.messagesPerSecond is 0; .* from 1 to 1000000000/],
    [{ bytesPerSecond: false }, /^rateLimit\.bytesPerSecond is false/],
    [{ messagesPerSecond: 1, burstBytes: 5 }, /^rateLimit\.burstBytes is 5; .*bytesPerSecond/],
    [{ messagesPerSecond: 1, action: 'drop' }, /^rateLimit\.action is "drop"; .*'close' or 'throttle'/],
    [{ messagesPerSecond: 1, closeCode: 1006 }, /^rateLimit\.closeCode is 1006/],
    [{ messagesPerSecond: 1, closeCode: 1010 }, /^rateLimit\.closeCode is 1010/],
    [{ messagesPerSecond: 1, closeCode: 5000 }, /^rateLimit\.closeCode is 5000/],
    [
      { messagePerSecond: 1 },
      /no option rateLimit\.messagePerSecond .*nearest is rateLimit\.messagesPerSecond$/,
    ],
    [{ messagesPerSecond: 1, key: 'user' }, /^rateLimit\.key is "user"; .*a function/],
    [{ burstMessages: 5 }, /^rateLimit is an object; .*messagesPerSecond, bytesPerSecond or both/],
  ];
  for (const [rateLimit, says] of wrong) assert.match(refusal({ rateLimit }), says);
});

test('RL-05 violationLimit: refuseMs has a default, and the error for a wrong member has its full name', () => {
  assert.deepEqual(resolve({ violationLimit: { perMinute: 5 } }).violationLimit, {
    perMinute: 5,
    refuseMs: 60_000,
  });
  const wrong: [Record<string, unknown>, RegExp][] = [
    [{ perMinute: 1_001 }, /^violationLimit\.perMinute is 1001; .* from 1 to 1000/],
    [{ perMinute: 5, refuseMs: false }, /^violationLimit\.refuseMs is false/],
    [{ perMinutes: 5 }, /no option violationLimit\.perMinutes .*nearest is violationLimit\.perMinute$/],
  ];
  for (const [violationLimit, says] of wrong) assert.match(refusal({ violationLimit }), says);
});

test('CF-01 the result is frozen and independent of the object passed in', () => {
  const protocols = ['chat'];
  const rateLimit = { messagesPerSecond: 5 };
  const resolved = resolve({ protocols, rateLimit });
  protocols.push('other');
  rateLimit.messagesPerSecond = 500;
  assert.deepEqual(resolved.protocols, ['chat']);
  assert.equal(resolved.rateLimit && resolved.rateLimit.messagesPerSecond, 5);
  assert.equal(
    Object.isFrozen(resolved) && Object.isFrozen(resolved.protocols) && Object.isFrozen(resolved.rateLimit),
    true,
  );
});

test('PD-01 perMessageDeflate: true means the defaults, false means off, missing members get defaults', () => {
  const defaults = {
    contextTakeover: false,
    thresholdBytes: 1_024,
    level: 3,
    memLevel: 8,
    serverMaxWindowBits: 15,
    clientMaxWindowBits: 15,
    asyncThresholdBytes: 131_072,
  };
  assert.equal(resolve({}).perMessageDeflate, false);
  assert.equal(resolve({ perMessageDeflate: false }).perMessageDeflate, false);
  assert.deepEqual(resolve({ perMessageDeflate: true }).perMessageDeflate, defaults);
  assert.deepEqual(resolve({ perMessageDeflate: {} }).perMessageDeflate, defaults);
  const own = {
    contextTakeover: true,
    thresholdBytes: 0,
    level: 9,
    serverMaxWindowBits: 9,
    memLevel: undefined,
  };
  const { perMessageDeflate } = resolve({ perMessageDeflate: own });
  assert.deepEqual(perMessageDeflate, { ...defaults, ...own, memLevel: 8 });
  assert.ok(Object.isFrozen(perMessageDeflate));
});

test('PD-01 perMessageDeflate: the error for a wrong member has its full name', () => {
  const wrong: [unknown, RegExp][] = [
    [{ level: 0 }, /^perMessageDeflate\.level is 0; .* from 1 to 9/],
    [{ level: 10 }, /^perMessageDeflate\.level is 10/],
    [{ memLevel: 0 }, /^perMessageDeflate\.memLevel is 0; .* from 1 to 9/],
    [{ thresholdBytes: -1 }, /^perMessageDeflate\.thresholdBytes is -1/],
    [{ serverMaxWindowBits: 8 }, /^perMessageDeflate\.serverMaxWindowBits is 8; .* from 9 to 15/],
    [{ clientMaxWindowBits: 16 }, /^perMessageDeflate\.clientMaxWindowBits is 16/],
    [{ asyncThresholdBytes: 0 }, /^perMessageDeflate\.asyncThresholdBytes is 0/],
    [{ contextTakeover: 1 }, /^perMessageDeflate\.contextTakeover is 1; .*true or false/],
    [
      { threshold: 5 },
      /no option perMessageDeflate\.threshold .*nearest is perMessageDeflate\.thresholdBytes$/,
    ],
  ];
  for (const [perMessageDeflate, says] of wrong) assert.match(refusal({ perMessageDeflate }), says);
});

test('PD-07 context takeover is refused with drop-oldest, since later messages refer to dropped ones', () => {
  const perMessageDeflate = { contextTakeover: true };
  assert.match(
    refusal({ perMessageDeflate, onOverflow: 'drop-oldest' }),
    /^onOverflow is "drop-oldest"; .*perMessageDeflate\.contextTakeover/,
  );
  resolve({ perMessageDeflate, onOverflow: 'drop-newest' });
  resolve({ perMessageDeflate: true, onOverflow: 'drop-oldest' });
});

test('CF-01 each property is read once', () => {
  let reads = 0;
  const options = {
    get maxTopics() {
      return ++reads === 1 ? 5 : -1;
    },
  };
  assert.equal(resolve(options).maxTopics, 5);
  assert.equal(reads, 1);
});
