import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { type LogFields, type Logger, refuse, type ServerOptions } from '../../../src/index.ts';
import { duplexPair, eventLoopTurns, RawClient } from '../../../src/testing/index.ts';
import { live, upgradeRequest } from '../live.ts';
import { coreOf, probeOf } from '../loaded.ts';

/** What the hook does with a handshake; the client asks for it by the path. */
type Behaviour = 'admit' | 'refuse' | 'throw' | 'reject' | 'hang' | 'misuse';

const { probe } = probeOf();

const broken = new Error('the user service is down');

function guarded(t: TestContext, options: ServerOptions = {}) {
  const raws: RawClient[] = [];
  t.after(() => raws.forEach((raw) => raw[Symbol.dispose]()));
  const lines: [text: string, fields: LogFields][] = [];
  const note = (fields: LogFields, text: string): void => void lines.push([text, fields]);
  const logger: Logger = { debug() {}, info: note, warn() {}, error: note };
  let calls = 0;
  const upgrade: ServerOptions['upgrade'] = ({ request, signal }) => {
    calls++;
    const behaviour = request.url.pathname.slice(1) as Behaviour;
    if (behaviour === 'throw') throw broken;
    if (behaviour === 'reject') return Promise.reject(broken);
    if (behaviour === 'refuse') return refuse(401);
    if (behaviour === 'misuse') return true as unknown as undefined;
    if (behaviour === 'admit') return undefined;
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  };
  const room = live(t, { loadControl: { probe }, upgrade, logger, ...options });
  const begin = (behaviour: Behaviour): RawClient => {
    const wire = duplexPair();
    const raw = RawClient.over(wire.client);
    raws.push(raw);
    void room.server.handleUpgrade(upgradeRequest({}, `/${behaviour}`), wire.server, Buffer.alloc(0));
    return raw;
  };
  const ask = async (behaviour: Behaviour): Promise<number> => {
    const { status } = await begin(behaviour).nextHead();
    room.errors.length = 0;
    return status;
  };
  const askTimes = async (times: number, behaviour: Behaviour): Promise<void> => {
    for (let i = 0; i < times; i++) await ask(behaviour);
  };
  return {
    ...room,
    begin,
    ask,
    askTimes,
    lines,
    calls: () => calls,
    stateOf: () => coreOf(room.server).guard.breaker!.state,
  };
}

for (const failure of ['throw', 'reject'] as const) {
  test(`LC-07 after ten of twenty handshakes failed, here by ${failure}, handshakes get 503 for 5 s without a call of the hook`, async (t) => {
    const { server, ask, askTimes, clock, calls, refusals } = guarded(t);
    await askTimes(10, 'admit');
    await askTimes(9, failure);
    assert.equal(await ask(failure), 500);
    assert.equal(calls(), 20);
    assert.deepEqual(server.readiness(), { ready: false, reasons: ['breaker'] });
    const raw = await ask('admit');
    assert.equal(raw, 503);
    assert.equal(refusals.at(-1)!.code, 'ERR_BREAKER_OPEN');
    clock.advance(4_999);
    assert.equal(await ask('admit'), 503);
    assert.equal(calls(), 20);
    clock.advance(1);
    assert.equal(server.ready(), true, 'a balancer sends the trials');
    for (let i = 0; i < 5; i++) assert.equal(await ask('admit'), 101);
    assert.equal(calls(), 25);
    assert.equal(await ask(failure), 500);
    assert.equal(await ask('admit'), 101, 'closed: one failure is nothing');
  });
}

test('LC-07 HS-23 the 503 of an open breaker carries Retry-After', async (t) => {
  const { begin, askTimes } = guarded(t);
  await askTimes(20, 'throw');
  const { status, fields } = await begin('admit').nextHead();
  assert.equal(status, 503);
  assert.match(fields.get('retry-after') ?? '', /^\d+$/);
});

test('LC-07 a hook that runs into upgradeTimeoutMs has failed', async (t) => {
  const { begin, pass, stateOf, refusals, ask } = guarded(t, { upgradeTimeoutMs: 1_000 });
  for (let i = 0; i < 20; i++) begin('hang');
  await eventLoopTurns(4);
  assert.equal(stateOf(), 'closed');
  await pass(1_000);
  assert.equal(stateOf(), 'open');
  assert.deepEqual([...new Set(refusals.map(({ code }) => code))], ['ERR_UPGRADE_TIMEOUT']);
  assert.equal(await ask('admit'), 503);
});

/** What does not open a breaker, however often it happens. */
const NO_FAILURES: readonly (readonly [Behaviour, number])[] = [
  ['refuse', 401],
  ['misuse', 500],
  ['admit', 101],
];

for (const [behaviour, status] of NO_FAILURES) {
  test(`LC-07 a hook that decides has not failed: ${behaviour}`, async (t) => {
    const { ask, stateOf } = guarded(t);
    for (let i = 0; i < 40; i++) assert.equal(await ask(behaviour), status);
    assert.equal(stateOf(), 'closed');
  });
}

test('LC-07 clients that leave while the hook runs are no failures, although its call is aborted', async (t) => {
  const { begin, stateOf, server } = guarded(t);
  for (let i = 0; i < 40; i++) begin('hang')[Symbol.dispose]();
  await eventLoopTurns(6);
  assert.equal(server.stats().handshakes.pending, 0);
  assert.equal(stateOf(), 'closed');
});

test('LC-07 five trials run at once, a failed one opens again, and clients that leave make room', async (t) => {
  const { begin, askTimes, ask, clock, stateOf, server } = guarded(t);
  await askTimes(20, 'throw');
  clock.advance(5_000);
  const trials = Array.from({ length: 5 }, () => begin('hang'));
  await eventLoopTurns(4);
  assert.equal(await ask('admit'), 503, 'a sixth one');
  assert.equal(server.ready(), true);
  trials[0]![Symbol.dispose]();
  await eventLoopTurns(4);
  assert.equal(await ask('admit'), 101);
  assert.equal(await ask('admit'), 503);
  trials[1]![Symbol.dispose]();
  await eventLoopTurns(4);
  assert.equal(await ask('reject'), 500);
  assert.equal(stateOf(), 'open');
  for (const trial of trials) trial[Symbol.dispose]();
  await eventLoopTurns(4);
  assert.equal(stateOf(), 'open');
});

test('LC-07 LM-01 RL-04 a refusal by the breaker takes no place and no token, and one by a limit ends the trial', async (t) => {
  const { askTimes, clock, refusals, stateOf } = guarded(t, {
    maxNewConnectionsPerMinute: 25,
    softLimitRatio: false,
  });
  await askTimes(20, 'throw');
  await askTimes(50, 'admit');
  clock.advance(5_000);
  await askTimes(4, 'admit');
  assert.equal(stateOf(), 'half-open');
  await askTimes(3, 'admit');
  assert.equal(stateOf(), 'closed');
  await askTimes(9, 'admit');
  assert.equal(refusals.at(-1)!.code, 'ERR_RATE_LIMIT');
});

test('LC-07 LG-01 the log tells each change of the breaker once', async (t) => {
  const { askTimes, clock, lines } = guarded(t);
  await askTimes(20, 'throw');
  clock.advance(5_000);
  await askTimes(5, 'admit');
  assert.deepEqual(
    lines.filter(([, fields]) => 'breaker' in fields),
    [
      [
        'the upgrade hook keeps failing: handshakes are refused for a while',
        { breaker: 'open', previous: 'closed' },
      ],
      ['the upgrade hook is tried again', { breaker: 'half-open', previous: 'open' }],
      ['the upgrade hook works again', { breaker: 'closed', previous: 'half-open' }],
    ],
  );
});

test('LC-07 the options of the breaker decide when it opens', async (t) => {
  const { askTimes, clock, stateOf } = guarded(t, {
    loadControl: { probe, breaker: { minHandshakes: 4, failureRatio: 1, openMs: 200, trials: 1 } },
  });
  await askTimes(3, 'throw');
  await askTimes(1, 'admit');
  await askTimes(9, 'throw');
  assert.equal(stateOf(), 'closed', 'one of them succeeded');
  clock.advance(10_000);
  await askTimes(4, 'throw');
  assert.equal(stateOf(), 'open');
  clock.advance(200);
  await askTimes(1, 'admit');
  assert.equal(stateOf(), 'closed');
});

for (const loadControl of [false, { breaker: false }] as const) {
  test(`LC-07 with loadControl: ${JSON.stringify(loadControl)} a failing hook is called each time`, async (t) => {
    const { askTimes, calls, server } = guarded(t, { loadControl });
    await askTimes(40, 'throw');
    assert.equal(calls(), 40);
    assert.equal(server.ready(), true);
  });
}
