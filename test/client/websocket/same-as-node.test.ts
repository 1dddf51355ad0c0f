// The attributes are what is tested.
/* oxlint-disable unicorn/prefer-add-event-listener */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { WebSocket } from '../../../src/client/index.ts';
import { waitUntil } from '../../../src/testing/index.ts';
import { ended, logged, type Served, serving } from './served.ts';

const FRAMEWORKS = join(import.meta.dirname, '..', '..', '..', '..', 'test', 'ws', 'frameworks');
const skip = existsSync(join(FRAMEWORKS, 'node_modules', 'undici'))
  ? false
  : 'needs undici: npm ci --ignore-scripts --prefix test/ws/frameworks';
/** The class of Node 22, which is that of undici. */
const theirs = (
  skip === false
    ? (createRequire(join(FRAMEWORKS, 'package.json'))('undici') as { WebSocket: unknown }).WebSocket
    : undefined
) as typeof WebSocket;

const nameOf = (step: () => unknown): string => {
  try {
    step();
    return 'nothing';
  } catch (error) {
    return error instanceof DOMException ? `DOMException ${error.name}` : (error as Error).constructor.name;
  }
};

/** What an application does; the log of both classes must be equal. */
const SCRIPTS: readonly {
  readonly what: string;
  readonly run: (Class: typeof WebSocket, served: Served) => Promise<unknown>;
}[] = [
  {
    what: 'an echo of text and bytes, and a close with code and reason',
    run: async (Class, { url }) => {
      const socket = new Class(url, ['a', 'b']);
      const log = logged(socket);
      const before = [socket.readyState, socket.protocol, socket.extensions, socket.url, socket.binaryType];
      socket.onopen = () => {
        for (const data of [
          'text',
          'ä\ud800',
          '',
          new Uint8Array(3),
          new ArrayBuffer(2),
          new Blob(['blob']),
          'last',
        ])
          socket.send(data);
        socket.send(7 as unknown as string);
        socket.send(null as unknown as string);
      };
      await waitUntil(() => log.length === 10);
      socket.close(4_000, 'done');
      log.push(['closing', socket.readyState]);
      await ended(socket);
      return [before, socket.protocol, log];
    },
  },
  {
    what: 'the Close of the server, with a message before it',
    run: async (Class, { url, peer }) => {
      const socket = new Class(url);
      const log = logged(socket);
      await waitUntil(() => socket.readyState === 1);
      peer().send('last words');
      peer().close(4_001, 'by the server');
      await ended(socket);
      return log;
    },
  },
  {
    what: 'a close without a code',
    run: async (Class, { url }) => {
      const socket = new Class(url);
      const log = logged(socket);
      await waitUntil(() => socket.readyState === 1);
      socket.close();
      socket.close(1000, 'twice');
      await ended(socket);
      return log;
    },
  },
  {
    what: 'an address that nothing listens on',
    run: async (Class) => {
      const free = createServer().listen(0, '127.0.0.1');
      await once(free, 'listening');
      const { port } = free.address() as { port: number };
      free.close();
      await once(free, 'close');
      const socket = new Class(`ws://127.0.0.1:${port}`);
      const log = logged(socket);
      await ended(socket);
      return log;
    },
  },
  {
    what: 'wrong arguments of the constructor',
    run: (Class, { url }) =>
      Promise.resolve([
        ...['a', '/path', 'ftp://a', `${url}#f`].map((given) => nameOf(() => new Class(given))),
        ...['', 'a b', 'a,b', ['a', 'a'], ['a', '']].map((given) => nameOf(() => new Class(url, given))),
        nameOf(() => Reflect.construct(Class, [])),
        nameOf(() => Reflect.construct(Class, [url, Symbol('s')])),
        nameOf(() => Reflect.apply(Class as unknown as () => void, undefined, [url])),
      ]),
  },
  {
    what: 'wrong arguments of close and send',
    run: async (Class, { url }) => {
      const socket = new Class(url);
      const log = [
        nameOf(() => socket.send('early')),
        nameOf(() => Reflect.apply(socket.send.bind(socket) as () => void, undefined, [])),
      ];
      await waitUntil(() => socket.readyState === 1);
      for (const code of [0, 999, 1001, 1005, 2999, 5000, 65_536, Number.NaN, '1000x'])
        log.push(nameOf(() => socket.close(code as number)));
      log.push(
        nameOf(() => socket.close(1000, 'x'.repeat(124))),
        nameOf(() => socket.close(1000, 'ä'.repeat(62))),
      );
      log.push(`${socket.readyState}`);
      socket.close(3_000.4, 'x'.repeat(123));
      await ended(socket);
      log.push(
        nameOf(() => socket.close(1)),
        nameOf(() => socket.close()),
      );
      return log;
    },
  },
  {
    what: 'constants, attributes and names',
    run: async (Class, { url }) => {
      const socket = new Class(new URL(url).href.replace('ws:', 'http:'));
      const constants = ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'].map((name) => [
        Object.getOwnPropertyDescriptor(Class, name),
        Object.getOwnPropertyDescriptor(Class.prototype, name),
      ]);
      const enumerable = Object.keys(Class.prototype).sort();
      const types: unknown[] = [
        Object.prototype.toString.call(socket),
        Class.name,
        socket instanceof EventTarget,
      ];
      socket.binaryType = 'nonsense' as 'blob';
      types.push(socket.binaryType);
      socket.binaryType = 'arraybuffer';
      types.push(socket.binaryType, socket.url);
      const handler = (): void => undefined;
      socket.onopen = handler;
      types.push(socket.onopen === handler);
      socket.onopen = 7 as unknown as null;
      types.push(socket.onopen, socket.onmessage);
      await waitUntil(() => socket.readyState === 1);
      const data: unknown[] = [];
      socket.onmessage = (event) => data.push(event.data);
      socket.send(new Uint8Array([1, 2, 3]).subarray(1));
      await waitUntil(() => data.length === 1);
      types.push(Buffer.from(data[0] as ArrayBuffer).toString('hex'), (data[0] as ArrayBuffer).byteLength);
      socket.close();
      await ended(socket);
      return [constants, enumerable, types];
    },
  },
];

for (const { what, run } of SCRIPTS) {
  test(`CC-09: WebSocket does what that of Node 22 does: ${what}`, { skip }, async (t) => {
    const served = await serving(t);
    const expected = await run(theirs, served);
    assert.deepEqual(await run(WebSocket, served), expected);
  });
}
