import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import { eventLoopTurns } from '../../src/testing/index.ts';
import { StreamTransport, tuneSocket } from '../../src/sockets/stream-transport.ts';
import { Log } from './pairs.ts';

const boom = (): never => {
  throw new Error('boom');
};

/** A stream that accepts all data and emits none. */
const quiet = (): Duplex => new Duplex({ read: () => {}, write: (_chunk, _encoding, taken) => taken() });

type Call = (transport: StreamTransport) => void;
const write: Call = (transport) => transport.write([Buffer.from('a')]);
const METHODS: readonly (readonly [method: string, call: Call])[] = [
  ['_write', write],
  ['write', write],
  ['cork', (transport) => transport.write([Buffer.from('a'), Buffer.from('b')])],
  ['uncork', (transport) => transport.write([Buffer.from('a'), Buffer.from('b')])],
  ['end', (transport) => transport.end()],
  ['pause', (transport) => transport.pause()],
  ['resume', (transport) => transport.resume()],
  ['destroy', (transport) => transport.destroy()],
];

for (const [method, call] of METHODS) {
  for (const alsoDestroyThrows of [false, true]) {
    test(`GN-03: a stream that throws from ${method}${alsoDestroyThrows ? ', and from destroy and off,' : ''} closes with that error, asynchronously and once`, async () => {
      const stream = quiet();
      const log = new Log();
      const transport = new StreamTransport(stream, log);
      await eventLoopTurns(1);
      Reflect.set(stream, method, boom);
      if (alsoDestroyThrows) Object.assign(stream, { destroy: boom, off: boom });
      call(transport);
      assert.equal(log.ends.length, 0, 'not synchronously');
      for (const [, next] of METHODS) next(transport);
      assert.deepEqual([transport.blocked, transport.bufferedBytes], [false, 0]);
      await eventLoopTurns(2);
      assert.deepEqual(
        log.ends.map((error) => error?.message),
        ['boom'],
      );
      stream.emit('close');
      stream.emit('data', Buffer.from('late'));
      assert.deepEqual([log.ends.length, log.receivedBytes], [1, 0]);
    });
  }
}

test('GN-03: a stream that cannot be taken over closes with its error', async () => {
  const log = new Log();
  const transport = new StreamTransport(Object.assign(quiet(), { on: boom }), log);
  write(transport);
  await eventLoopTurns(1);
  assert.deepEqual(
    log.ends.map((error) => error?.message),
    ['boom'],
  );
});

test('GN-03: a stream in object mode that emits no bytes closes with an error', async () => {
  const stream = new Duplex({
    objectMode: true,
    read: () => {},
    write: (_chunk, _encoding, taken) => taken(),
  });
  const log = new Log();
  void new StreamTransport(stream, log);
  stream.push({ neither: 'bytes nor text' });
  await eventLoopTurns(3);
  assert.deepEqual(
    log.ends.map((error) => error instanceof TypeError),
    [true],
  );
});

test('GN-03: a stream that emits an error, and throws from destroy, closes with the first error', async () => {
  const stream = Object.assign(quiet(), { destroy: boom });
  const log = new Log();
  void new StreamTransport(stream, log);
  stream.emit('error', new Error('first'));
  await eventLoopTurns(1);
  assert.deepEqual(
    log.ends.map((error) => error?.message),
    ['first'],
  );
});

test('GN-03: a stream that refuses socket options is used without them', () => {
  const calls: string[] = [];
  const noted =
    (name: string, throws = false) =>
    () => {
      calls.push(name);
      if (throws) boom();
    };
  tuneSocket(
    Object.assign(quiet(), {
      setTimeout: noted('setTimeout', true),
      setNoDelay: noted('setNoDelay'),
      setKeepAlive: noted('setKeepAlive'),
    }),
  );
  assert.deepEqual(calls, ['setTimeout']);
});
