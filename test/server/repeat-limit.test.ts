import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refuse } from '../../src/index.ts';
import { type RepeatedLines, RepeatLimit } from '../../src/server/repeat-limit.ts';
import { duplexPair, eventLoopTurns, RawClient, text, VirtualClock } from '../../src/testing/index.ts';
import { live, upgradeRequest } from './live.ts';

const from = (remoteAddress: string, what = 'ERR_ORIGIN'): RepeatedLines => ({
  level: 'warn',
  text: 'handshake refused',
  what,
  remoteAddress,
});

function stage() {
  const clock = new VirtualClock();
  const leftOut: [address: string, what: string, count: number][] = [];
  const limit = new RepeatLimit(clock, (lines, count) =>
    leftOut.push([lines.remoteAddress, lines.what, count]),
  );
  const admitted = (lines: RepeatedLines, times: number): number =>
    Array.from({ length: times }).filter(() => limit.admits(lines)).length;
  return { clock, leftOut, limit, admitted };
}

test('ER-08 ten lines a minute of one kind from one address, and then their number', () => {
  const { clock, leftOut, admitted } = stage();
  assert.equal(admitted(from('192.0.2.1'), 25), 10);
  assert.equal(admitted(from('192.0.2.1', 'ERR_KEY'), 11), 10);
  assert.equal(admitted(from('192.0.2.2'), 10), 10);
  assert.equal(clock.pendingTimers, 1);
  clock.advance(59_999);
  assert.deepEqual(leftOut, []);
  clock.advance(1);
  assert.deepEqual(leftOut, [
    ['192.0.2.1', 'ERR_ORIGIN', 15],
    ['192.0.2.1', 'ERR_KEY', 1],
  ]);
  assert.equal(admitted(from('192.0.2.1'), 1), 1);
});

test('ER-08 without lines left out there is no timer, and a new minute begins with the next line', () => {
  const { clock, leftOut, admitted } = stage();
  assert.equal(admitted(from('192.0.2.1'), 10), 10);
  assert.equal(clock.pendingTimers, 0);
  clock.advance(60_000);
  assert.equal(admitted(from('192.0.2.1'), 10), 10);
  assert.deepEqual(leftOut, []);
});

test('ER-08 a million addresses take the memory of a thousand; an evicted one is reported first', () => {
  const { leftOut, admitted } = stage();
  assert.equal(admitted(from('192.0.2.1'), 12), 10);
  for (let at = 0; at < 1_000; at++) admitted(from(`2001:db8::${at}`), 1);
  assert.deepEqual(leftOut, [['192.0.2.1', 'ERR_ORIGIN', 2]]);
  assert.equal(admitted(from('192.0.2.1'), 1), 1);
});

test('ER-08 a logger that throws at the number of lines ends nothing', () => {
  const clock = new VirtualClock();
  let calls = 0;
  const limit = new RepeatLimit(clock, () => {
    calls++;
    throw new Error('of the logger');
  });
  for (let at = 0; at < 12; at++)
    for (const address of ['192.0.2.1', '192.0.2.2']) limit.admits(from(address));
  clock.advance(60_000);
  assert.equal(calls, 2);
});

test('ER-08 LG-02 a server limits refusals and failed handlers of one address, but no lines for debugging', async (t) => {
  const lines: [level: string, text: string, fields: Record<string, unknown>][] = [];
  const at = (level: string) => (fields: object, message: string) =>
    void lines.push([level, message, { ...fields }]);
  const logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  const { server, join, errors } = live(t, {
    logger,
    upgrade: ({ request }) => (request.url.pathname === '/no' ? refuse(403) : undefined),
  });
  for (let round = 0; round < 15; round++) {
    const wire = duplexPair();
    const raw = RawClient.over(wire.client);
    const upgraded = server.handleUpgrade(upgradeRequest({}, '/no'), wire.server, Buffer.alloc(0));
    await raw.nextHead();
    raw.end();
    await upgraded;
    raw[Symbol.dispose]();
  }
  server.on('message', () => {
    throw new Error('of the handler');
  });
  for (let round = 0; round < 12; round++) {
    const { raw, connection } = await join();
    raw.send(text('x'));
    raw.end();
    await connection.closed;
  }
  await eventLoopTurns(2);
  const count = (message: string) => lines.filter(([, said]) => said === message).length;
  assert.equal(count('handshake refused'), 10);
  assert.equal(count('handler failed'), 10);
  assert.equal(count('connection closed'), 10);
  await server.shutdown();
  const left = lines.filter(([, said]) => said.endsWith('more of these lines were left out'));
  assert.deepEqual(
    left.map(([level, said, { remoteAddress, kind, leftOut }]) => [
      level,
      said.split(':')[0],
      remoteAddress,
      kind,
      leftOut,
    ]),
    [
      ['info', 'handshake refused', '127.0.0.1', 'HTTP_403', 5],
      ['error', 'handler failed', '127.0.0.1', undefined, 2],
      ['error', 'connection closed', '127.0.0.1', 'handler-error', 2],
    ],
  );
  errors.length = 0;
});
