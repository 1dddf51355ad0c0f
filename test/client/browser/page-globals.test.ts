import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReconnectingClient } from '../../../src/client/browser/index.ts';
import { platformOf } from '../../../src/client/browser/platform.ts';
import { eventLoopTurns } from '../../../src/testing/index.ts';
import { FakeSocket } from './fake-platform.ts';

const V1 = { protocols: ['hawser.v1'] } as const;

test('RC-07: the public class over the global WebSocket of the page', async (t) => {
  const sockets: FakeSocket[] = [];
  const global = globalThis as { WebSocket?: unknown };
  const before = Object.getOwnPropertyDescriptor(global, 'WebSocket');
  Object.defineProperty(global, 'WebSocket', {
    configurable: true,
    value: class extends FakeSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols);
        sockets.push(this);
      }
    },
  });
  t.after(() => {
    if (before === undefined) delete global.WebSocket;
    else Object.defineProperty(global, 'WebSocket', before);
  });
  const client = new ReconnectingClient('ws://a.example/', V1);
  assert.deepEqual(
    [client.state, client.protocol, client.attempts, client.bufferedBytes, client.queuedMessages],
    ['connecting', '', 0, 0, 0],
  );
  await eventLoopTurns(2);
  sockets[0]!.open('hawser.v1');
  assert.deepEqual([client.state, client.protocol, client.droppedMessages], ['open', 'hawser.v1', 0]);
  const room = client.topic('room');
  const asked = client.request('x');
  const remove = client.handle('y', () => 1);
  remove();
  sockets[0]!.receive('{"op":"ok","id":1}');
  sockets[0]!.receive('{"op":"reply","id":2}');
  assert.deepEqual([await room.subscribed(), await asked], [undefined, undefined]);
  assert.equal(client.send('x'), true);
  const loop = client[Symbol.asyncIterator]();
  const disposed = client[Symbol.asyncDispose]();
  sockets[0]!.end(1000);
  await disposed;
  assert.deepEqual(
    [(await client.closed).why, await loop.next()],
    ['close', { done: true, value: undefined }],
  );
  assert.throws(() => client.topic('late'), { code: 'ERR_STATE' });
  const fresh = new ReconnectingClient('ws://a.example/', V1);
  fresh.close();
  assert.throws(() => fresh.topic('late'), { code: 'ERR_STATE' });
});

test('RC-07: without a global WebSocket the client says so; without reportError an error is thrown later', async () => {
  const platform = platformOf({});
  assert.throws(() => platform.dial('ws://a/', []), /no global WebSocket/);
  assert.deepEqual([platform.scope, platform.page], [undefined, undefined]);
  assert.ok(platform.fraction() < 1 && platform.now() > 0 && platform.wallNow() > 0);
  const reported: unknown[] = [];
  platformOf({ reportError: (error) => void reported.push(error) }).report('x');
  assert.deepEqual(reported, ['x']);
});
