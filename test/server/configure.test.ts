import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Engine } from '../../src/engine/engine.ts';
import {
  checkServerOption,
  DEFAULT_SERVER_OPTIONS,
  describeServerOptions,
  MisuseError,
  type RunTimeOptionName,
  type ServerOptions,
  WebSocketServer,
} from '../../src/index.ts';
import { RUN_TIME_TABLE } from '../../src/options/run-time-options.ts';
import { SERVER_OPTION_TABLE } from '../../src/options/resolve-server-options.ts';
import { ServerCore } from '../../src/server/server-core.ts';
import { eventLoopTurns, seededRandom, VirtualClock } from '../../src/testing/index.ts';
import { serving } from '../engine/serving.ts';

/** Another value of each option that can change at run time. */
const OTHER_VALUES: Readonly<Record<Exclude<RunTimeOptionName, 'loadControl'>, unknown>> = {
  allowedOrigins: ['https://other.example'],
  requireOrigin: true,
  allowedHosts: ['other.example'],
  trustProxy: ['10.0.0.0/8'],
  upgradeTimeoutMs: 1_000,
  handshakeTimeoutMs: 1_000,
  maxHeadBytes: 4_096,
  maxRequestBodyBytes: 1_000,
  maxHeaderFields: 20,
  maxPendingHandshakes: 10,
  maxPendingHandshakesPerIp: 5,
  maxMessageBytes: 2_000_000,
  maxFrameBytes: 1_000,
  maxFragments: 10,
  maxPendingPongs: 2,
  messageTimeoutMs: 1_000,
  heartbeat: false,
  pingIntervalMs: 20_000,
  pongTimeoutMs: 1_000,
  maxMissedPongs: 1,
  idleTimeoutMs: false,
  writeTimeoutMs: 1_000,
  closeTimeoutMs: 1_000,
  maxLifetimeMs: 3_600_000,
  expiryWarningMs: 1_000,
  rateLimit: {
    messagesPerSecond: 10,
    burstMessages: 20,
    bytesPerSecond: undefined,
    burstBytes: undefined,
    action: 'close',
    closeCode: 1008,
    key: undefined,
  },
  violationLimit: { perMinute: 5, refuseMs: 1_000 },
  highWaterMarkBytes: 1_000,
  maxBufferedBytes: 2_000_000,
  onOverflow: 'drop-newest',
  receiveAheadBytes: 1_000,
  maxConcurrentMessages: 4,
  maxConnections: 100,
  maxConnectionsPerIp: 3,
  softLimitRatio: 0.9,
  softLimitReleaseRatio: 0.5,
  maxNewConnectionsPerMinute: 50,
  maxNewConnectionsPerMinutePerIp: 50,
  exemptAddresses: ['127.0.0.1'],
  retryAfterSeconds: 9,
  maxTopicsPerConnection: 3,
  maxTopics: 4,
  requireEngine: false,
};

for (const name of Object.keys(SERVER_OPTION_TABLE) as (keyof ServerOptions)[]) {
  // Tested by itself: it can change while it is on.
  if (name === 'loadControl') continue;
  const { atRunTime } = describeServerOptions()[name];
  const what = atRunTime ? 'changes at run time' : 'is refused at run time with what to do instead';
  test(`CF-03: ${name} ${what}`, (t) => {
    const { core } = serving(t, new Engine({ clock: new VirtualClock() }));
    const before = { ...core.options };
    if (!atRunTime) {
      assert.throws(
        () => core.configure({ maxConnections: 5, [name]: Reflect.get(before, name) }),
        (error) =>
          error instanceof MisuseError &&
          error.code === 'ERR_OPTION' &&
          error.message === `${name} cannot change while the server runs: ${RUN_TIME_TABLE[name]}`,
      );
      assert.deepEqual({ ...core.options }, before);
      return;
    }
    const to = OTHER_VALUES[name as keyof typeof OTHER_VALUES];
    const changes = core.configure({ [name]: to });
    assert.deepEqual(Reflect.get(core.options, name), to);
    // The maximum size of a frame follows that of a message.
    const names =
      name === 'maxMessageBytes' ? [name, 'maxFrameBytes'] : name === 'requireEngine' ? [] : [name];
    assert.deepEqual(
      changes.map((change) => change.name),
      names,
    );
    if (names.length === 1) assert.deepEqual(changes, [{ name, from: Reflect.get(before, name), to }]);
    assert.deepEqual(core.configure({ [name]: to }), [], 'the same value is no change');
    core.configure({ [name]: undefined });
    assert.deepEqual({ ...core.options }, before, 'undefined means the default');
  });
}

for (const { what, options, message } of [
  {
    what: 'a value out of range',
    options: { maxConnections: 0 },
    message: /^maxConnections is 0; it must be/,
  },
  { what: 'a wrong type', options: { idleTimeoutMs: '5' }, message: /^idleTimeoutMs is "5"; it must be/ },
  {
    what: 'an unknown name',
    options: { maxConections: 5 },
    message: /no option maxConections .*nearest is maxConnections/,
  },
  {
    what: 'a contradiction with an option that stays',
    options: { pongTimeoutMs: 30_000 },
    message: /^pongTimeoutMs is 30000; it must be below pingIntervalMs, which is 30000/,
  },
  { what: 'a list instead of an object', options: [], message: /^options is an array; it must be an object/ },
  { what: 'nothing', options: undefined, message: /^options is undefined; it must be an object/ },
]) {
  test(`CF-03 GN-05: ${what} changes nothing and throws ERR_OPTION`, () => {
    const server = new WebSocketServer();
    assert.throws(() => server.configure(options as never), {
      name: 'MisuseError',
      code: 'ERR_OPTION',
      message,
    });
  });
}

test('CF-03: defaults that depend on another option follow it until they are given', (t) => {
  const { core } = serving(t, new Engine());
  const sizes = () => [core.options.maxMessageBytes, core.options.maxFrameBytes];
  core.configure({ maxMessageBytes: 500 });
  assert.deepEqual(sizes(), [500, 500]);
  core.configure({ maxFrameBytes: 100 });
  core.configure({ maxMessageBytes: 1_000 });
  assert.deepEqual(sizes(), [1_000, 100]);
  core.configure({ maxFrameBytes: undefined });
  assert.deepEqual(sizes(), [1_000, 1_000]);
});

test('CF-03: a server visits its connections only for options that they have computed something from', async (t) => {
  const random = seededRandom(1);
  let draws = 0;
  const fraction = (): number => {
    draws++;
    return random.fraction();
  };
  const { core, join } = serving(t, new Engine({ random: { ...random, fraction } }));
  await join();
  draws = 0;
  core.configure({ maxTopics: 5, maxMessageBytes: 500, highWaterMarkBytes: 400 });
  assert.equal(draws, 0);
  core.configure({ pingIntervalMs: 20_000 });
  assert.equal(draws, 1);
});

test('CF-03: with topics, messages can become smaller and as large as at first, but not larger', (t) => {
  for (const options of [
    { protocols: ['hawser.v1'] },
    { history: { match: '*' } },
    { presence: { match: '*' } },
  ]) {
    const { core } = serving(t, new Engine(), { maxMessageBytes: 1_000, ...options });
    core.configure({ maxMessageBytes: 500 });
    assert.throws(() => core.configure({ maxMessageBytes: 1_001 }), {
      code: 'ERR_OPTION',
      message: /^maxMessageBytes is 1001; it must be at most 1000, its first value, on a server with history/,
    });
    assert.equal(core.options.maxMessageBytes, 500);
    core.configure({ maxMessageBytes: 1_000 });
  }
  const { core } = serving(t, new Engine(), { maxMessageBytes: 1_000 });
  core.configure({ maxMessageBytes: 2_000 });
});

test('CF-03: lists are copied, and changes are frozen', (t) => {
  const { core } = serving(t, new Engine());
  const allowedHosts = ['one.example'];
  const changes = core.configure({ allowedHosts });
  allowedHosts.push('two.example');
  assert.deepEqual(core.options.allowedHosts, ['one.example']);
  assert.ok(Object.isFrozen(changes) && Object.isFrozen(changes[0]));
});

/** Whole numbers in and out of the range of an option, and values of wrong types. */
const anyValue = fc.oneof(
  fc.integer({ min: -2, max: 100_000 }),
  fc.constantFrom(false, true, undefined, null, 'x', [], {}, 0.5),
);
const numbers = Object.entries(describeServerOptions())
  .filter(([, { atRunTime, max }]) => atRunTime && max !== undefined)
  .map(([name]) => name);
const partial = fc.dictionary(fc.constantFrom(...numbers, 'heartbeat', 'tls', 'wrong'), anyValue, {
  maxKeys: 4,
});

test('CF-03: for any options, either all of them are in force or none; a new server accepts exactly the same', () => {
  let refused = 0;
  let accepted = 0;
  fc.assert(
    fc.property(fc.array(partial, { maxLength: 4 }), (steps) => {
      const core = newCore();
      let given: Record<string, unknown> = {};
      for (const step of steps) {
        const before = { ...core.options };
        let isRefused = false;
        try {
          core.configure(step);
        } catch (error) {
          assert.ok(error instanceof MisuseError);
          isRefused = true;
        }
        if (isRefused) {
          refused++;
          assert.deepEqual({ ...core.options }, before);
          const isFixed = Object.keys(step).includes('tls');
          if (!isFixed) assert.throws(() => new WebSocketServer({ ...given, ...step }), MisuseError);
          continue;
        }
        accepted++;
        given = { ...given, ...step };
        for (const [name, value] of Object.entries(step)) {
          if (value !== undefined) assert.deepEqual(Reflect.get(core.options, name), value);
          else if (name !== 'maxFrameBytes')
            assert.deepEqual(Reflect.get(core.options, name), Reflect.get(DEFAULT_SERVER_OPTIONS, name));
          if (value !== undefined) checkServerOption(name, value);
        }
        assert.deepEqual({ ...core.options }, { ...newCore(given).options });
      }
    }),
    { numRuns: 300 },
  );
  assert.ok(refused > 30 && accepted > 30, `${refused} refused, ${accepted} accepted`);
});

const engine = new Engine();
const newCore = (options?: ServerOptions) => new ServerCore<unknown>(options, engine);

test('CF-03 LG-02: a change is logged by name, and seen by observers; no change and a refusal are not', async (t) => {
  const lines: unknown[] = [];
  const note = (fields: unknown, text: string): void => void lines.push([fields, text]);
  const logger = { debug: note, info: note, warn: note, error: note };
  const { core } = serving(t, new Engine(), { logger });
  const seen: unknown[] = [];
  core.observers.add({ configured: (names) => void seen.push(names) });
  core.configure({ maxConnections: 5, idleTimeoutMs: 90_000 });
  core.configure({ maxConnections: 5 });
  assert.throws(() => core.configure({ maxConnections: -1 }));
  await eventLoopTurns(2);
  assert.deepEqual(lines, [[{ options: ['idleTimeoutMs', 'maxConnections'] }, 'configured']]);
  assert.deepEqual(seen, [['idleTimeoutMs', 'maxConnections']]);
});

test('CF-03: a value that is equal changes nothing: what was made from it goes on', (t) => {
  const rateLimit = { messagesPerSecond: 10, burstMessages: 20 };
  const { core } = serving(t, new Engine({ clock: new VirtualClock() }), { rateLimit });
  const before = core.options.rateLimit;
  core.configure({ rateLimit: { ...rateLimit }, maxConnections: 5 });
  assert.equal(core.options.rateLimit, before);
});
