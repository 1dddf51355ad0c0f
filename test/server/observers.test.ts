import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SafeEmitter } from '../../src/connection/emitter.ts';
import type { Observer } from '../../src/observe/observer.ts';
import { Fields } from '../../src/protocol/handshake/fields.ts';
import { ServerCore } from '../../src/server/server-core.ts';
import type { ServerEvents } from '../../src/server/server-events.ts';
import type { ServerOptions } from '../../src/index.ts';
import { close, duplexPair, eventLoopTurns, RawClient, text, VirtualClock } from '../../src/testing/index.ts';
import { upgradeRequest } from './live.ts';

const EVENTS = [
  'listening',
  'shutDown',
  'acceptFailed',
  'upgradeLost',
  'refused',
  'addressRefused',
  'upgradeHookEnded',
  'opened',
  'roundTrip',
  'rateLimited',
  'stateChanged',
  'closed',
  'dropped',
  'handlerFailed',
  'internalFault',
  'engineDown',
  'engineUp',
  'engineFault',
  'topicLost',
  'memoryShed',
] as const satisfies readonly (keyof Observer)[];

/** An observer that implements every event. */
const observing = (each: (name: keyof Observer, args: readonly unknown[]) => void): Observer =>
  Object.fromEntries(EVENTS.map((name) => [name, (...args: unknown[]) => each(name, args)]));

function observed(options: ServerOptions, ...observers: Observer[]) {
  const core = new ServerCore<unknown>({ clock: new VirtualClock(), ...options }, undefined, observers);
  const emitter = new SafeEmitter<ServerEvents<unknown>>(core);
  core.emitter = emitter;
  const open = async (fields: Record<string, string> = {}) => {
    const request = upgradeRequest(fields);
    const wire = duplexPair();
    const raw = RawClient.over(wire.client);
    const head = {
      method: 'GET',
      target: '/chat?token=secret',
      httpVersion: '1.1',
      fields: Fields.fromRaw(request.rawHeaders),
    };
    const upgraded = core.arrivals.upgrade(wire.server, head, Buffer.alloc(0), request);
    const { status } = await raw.nextHead();
    if (status !== 101) raw.end();
    return { connection: await upgraded, raw };
  };
  return { core, emitter, open };
}

test('LG-01: a connection reports each of its events once: opened, states, dropped, handler failed, closed', async () => {
  const seen: unknown[][] = [];
  const { emitter, open } = observed(
    {},
    observing((name, args) => {
      const [first, ...rest] = args;
      seen.push([name, ...(name === 'handlerFailed' ? [(first as Error).message] : rest)]);
    }),
  );
  emitter.on('error', () => {});
  emitter.on('close', () => {
    throw new Error('of the application');
  });
  const { connection, raw } = await open();
  connection!.on('message', () => {});
  raw.send(text('hello'));
  raw.send(close(1000));
  raw.end();
  await connection!.closed;
  assert.equal(connection!.send('too late'), false);
  await eventLoopTurns(2);
  const info = connection!.closeInfo;
  assert.deepEqual(seen, [
    ['opened', 0, 101],
    ['stateChanged', 'closing', 'open'],
    ['stateChanged', 'closed', 'closing'],
    ['closed', info],
    ['handlerFailed', 'of the application'],
    ['dropped', 1, 'unsent'],
  ]);
  raw[Symbol.dispose]();
});

test('LG-01: a refused handshake is one event with its facts; a predicate that threw is part of it', async () => {
  const seen: unknown[] = [];
  const failure = new Error('of the predicate');
  const { core, emitter, open } = observed(
    {
      allowedOrigins: () => {
        throw failure;
      },
    },
    observing((name, [refusal]) => seen.push(name, refusal)),
  );
  emitter.on('error', () => {});
  const { connection, raw } = await open({ Origin: 'https://app.example' });
  assert.equal(connection, undefined);
  const [name, refusal] = seen as [string, Record<string, unknown>];
  assert.equal(seen.length, 2);
  assert.deepEqual(
    [name, refusal.status, refusal.url, refusal.error],
    ['refused', 500, '/chat?token=secret', failure],
  );
  const { handshakes, errorsByCode } = core.stats('stream');
  assert.deepEqual([handshakes.refused, errorsByCode.ERR_HANDLER], [1, 1]);
  raw[Symbol.dispose]();
});

test('GN-03: an observer that throws at every event disturbs neither the service nor the next observer', async () => {
  const before: string[] = [];
  const after: string[] = [];
  const { core, open } = observed(
    {},
    observing((name) => before.push(name)),
    observing(() => {
      throw new Error('of the observer');
    }),
    observing((name) => after.push(name)),
  );
  const { connection, raw } = await open();
  connection!.on('message', (message) => void connection!.send(message));
  raw.send(text('hello'));
  assert.equal(String((await raw.nextFrame()).payload), 'hello');
  raw.send(close(1000));
  raw.end();
  const { wasClean } = await connection!.closed;
  assert.equal(wasClean, true);
  assert.deepEqual(before, ['opened', 'stateChanged', 'stateChanged', 'closed']);
  assert.deepEqual(after, before);
  const { connections, closes } = core.stats('stream');
  assert.deepEqual(
    [connections.now, connections.peak, connections.closed, closes.byCode],
    [0, 1, 1, Object.assign(Object.create(null), { 1000: 1 })],
  );
  raw[Symbol.dispose]();
});
