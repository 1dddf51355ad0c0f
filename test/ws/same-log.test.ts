import assert from 'node:assert/strict';
import { Blob, Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { waitUntil } from '../../src/testing/index.ts';
import { type Client, type Pair, PAIRS, real, run, shown, skip } from './both.ts';

interface Scenario {
  readonly what: string;
  readonly options?: { readonly server?: object; readonly client?: object };
  readonly script: (pair: Pair) => unknown;
}

/** Sends and waits for the callback; logs it. */
const sent = (log: unknown[][], name: string) => (error?: Error | null) =>
  void log.push(['sent', name, shown(error ?? undefined)]);

const messages = (log: unknown[][]): number => log.filter(([name]) => name === 'message').length;

const SCENARIOS: readonly Scenario[] = [
  {
    what: 'messages of each kind and size, echoed',
    script: async ({ client, peer, clientLog, closed }) => {
      peer.on('message', (data, isBinary) => peer.send(data, { binary: isBinary }));
      const all = [
        '',
        'text',
        'Grüße 日本語',
        Buffer.from('bytes'),
        Buffer.alloc(70_000, 'x'),
        'y'.repeat(20_000),
      ];
      for (const data of all) client.send(data);
      client.send(new Uint8Array([1, 2, 3]));
      client.send(new Uint16Array([1, 2]).subarray(1));
      client.send(new DataView(new ArrayBuffer(2)));
      client.send(Uint8Array.of(65, 66).buffer);
      client.send([67, 68]);
      client.send(7);
      client.send(null);
      client.send(undefined);
      client.send('as binary', { binary: true });
      client.send(Buffer.from('as text'), { binary: false });
      client.send(Buffer.from('as text, too'), { binary: undefined });
      client.send('compressed?', { mask: true, compress: true });
      await waitUntil(() => messages(clientLog) === 18);
      client.close(1000, 'done');
      await closed();
    },
  },
  {
    what: 'callbacks of send, ping, pong and close, in order with events',
    script: async ({ client, peer, clientLog, closed }) => {
      peer.on('message', (data) => peer.send(data));
      client.send('one', sent(clientLog, 'one'));
      client.send(Buffer.alloc(100_000), { binary: true }, sent(clientLog, 'two'));
      client.ping('p', true, sent(clientLog, 'ping'));
      client.pong(sent(clientLog, 'pong'));
      client.ping(sent(clientLog, 'empty ping'));
      client.send('three', {}, sent(clientLog, 'three'));
      await waitUntil(
        () => messages(clientLog) === 3 && clientLog.filter(([name]) => name === 'pong').length === 2,
      );
      client.close(4001, 'why');
      clientLog.push(['after close', client.readyState, client.bufferedAmount]);
      client.send('late', sent(clientLog, 'late'));
      client.ping('late', undefined, sent(clientLog, 'late ping'));
      client.send('late');
      clientLog.push(['unsent', client.bufferedAmount]);
      await closed();
      client.send('too late', sent(clientLog, 'too late'));
      await waitUntil(() => clientLog.some(([, name]) => name === 'too late'));
    },
  },
  ...(
    [
      ['without arguments', (socket: Client) => socket.close()],
      ['with a code', (socket: Client) => socket.close(3000)],
      ['with a reason in bytes', (socket: Client) => socket.close(4999, Buffer.from('because'))],
      ['by terminate', (socket: Client) => socket.terminate()],
    ] as const
  ).flatMap(([how, close]) => [
    {
      what: `a close of the client ${how}`,
      script: async ({ client, closed }: Pair) => {
        close(client);
        await closed();
        client.close();
        client.terminate();
      },
    },
    {
      what: `a close of the server ${how}`,
      script: async ({ peer, closed }: Pair) => {
        close(peer);
        await closed();
      },
    },
  ]),
  {
    what: 'closes that cross',
    script: async ({ client, peer, closed }) => {
      client.close(4000, 'client');
      peer.close(4001, 'server');
      await closed();
    },
  },
  {
    what: 'messages that are still on the way when the receiver closes',
    script: async ({ client, peer, closed }) => {
      for (let i = 0; i < 5; i++) peer.send(`message ${i}`);
      client.close();
      await closed();
    },
  },
  ...(
    [
      ['terminate', (socket: Client) => socket.terminate()],
      ['end of the socket', (socket: Client) => (socket as unknown as { _socket: Socket })._socket.end()],
    ] as const
  ).map(([what, end]) => ({
    what: `a message right before ${what}`,
    script: async ({ client, clientLog, closed }: Pair) => {
      client.send('last', sent(clientLog, 'last'));
      end(client);
      await closed();
    },
  })),
  {
    what: 'a message right before end of the socket that was read before',
    script: async ({ client, closed }) => {
      const { _socket } = client as unknown as { _socket: Socket };
      client.send('last');
      _socket.end();
      await closed();
    },
  },
  {
    what: 'wrong arguments',
    script: async ({ client, clientLog, closed }) => {
      const attempt = (name: string, call: () => void): void => {
        try {
          call();
          clientLog.push([name, 'accepted']);
        } catch (error) {
          clientLog.push([name, (error as Error).name, name === 'object' ? '' : (error as Error).message]);
        }
      };
      attempt('code 1005', () => client.close(1005));
      attempt('code 999', () => client.close(999));
      attempt('code 5000', () => client.close(5000));
      attempt('code text', () => client.close('1000' as never));
      attempt('long reason', () => client.close(1000, 'x'.repeat(124)));
      attempt('reason of another type', () => client.close(1000, [1] as never));
      attempt('long ping', () => client.ping('x'.repeat(126)));
      attempt('long pong', () => client.pong(Buffer.alloc(126)));
      attempt('object', () => client.send({}));
      attempt('true', () => client.send(true));
      attempt('binaryType', () => {
        client.binaryType = 'nonsense' as never;
      });
      clientLog.push(['still', client.readyState, client.binaryType]);
      client.close();
      await closed();
    },
  },
  {
    what: 'fragments, with a ping in between',
    script: async ({ client, peer, serverLog, closed }) => {
      client.send('one ', { fin: false });
      client.ping('between');
      client.send('two ', { fin: false });
      client.send('three');
      client.send(Buffer.from('a'), { fin: false });
      client.send(Buffer.from('b'), { fin: true });
      await waitUntil(() => messages(serverLog) === 2);
      peer.close();
      await closed();
    },
  },
  ...(['arraybuffer', 'nodebuffer'] as const).map((binaryType) => ({
    what: `binaryType ${binaryType}`,
    script: async ({ client, peer, clientLog, closed }: Pair) => {
      client.binaryType = binaryType;
      Object.assign(client, {
        onmessage: ({ data }: { data: unknown }) => void clientLog.push(['onmessage', shown(data)]),
      });
      peer.send('text');
      peer.send(Buffer.from('bytes'));
      await waitUntil(() => messages(clientLog) === 2);
      client.close();
      await closed();
    },
  })),
  {
    what: 'listeners of the EventTarget half',
    script: async ({ client, peer, clientLog, closed }) => {
      const note = (name: string) => (event: { type: string; target: unknown }) => {
        const { code, reason, wasClean, data, message } = event as unknown as Record<string, unknown>;
        const same = event.target === client;
        clientLog.push([name, event.type, same, shown(data), code, reason, wasClean, message]);
      };
      const handler = note('function');
      const object = { handleEvent: note('object') };
      client.addEventListener('message', handler);
      client.addEventListener('message', handler);
      client.addEventListener('message', object);
      client.addEventListener('message', note('once'), { once: true });
      client.addEventListener('close', note('close'));
      client.addEventListener('nonsense' as never, handler);
      Object.assign(client, { onmessage: note('first attribute') });
      Object.assign(client, { onmessage: note('attribute') });
      Object.assign(client, { onclose: note('onclose') });
      Object.assign(client, { onerror: 7 });
      clientLog.push(['attributes', typeof client.onmessage, client.onerror, client.onopen]);
      clientLog.push(['counts', client.listenerCount('message'), client.listenerCount('nonsense')]);
      peer.send('one');
      await waitUntil(() => messages(clientLog) === 1);
      client.removeEventListener('message', handler);
      client.removeEventListener('message', object);
      Object.assign(client, { onmessage: null });
      peer.send('two');
      await waitUntil(() => messages(clientLog) === 2);
      peer.close(4004, 'bye');
      await closed();
    },
  },
  {
    what: 'pause and resume',
    script: async ({ client, peer, clientLog, closed }) => {
      client.pause();
      clientLog.push(['paused', client.isPaused]);
      for (let i = 0; i < 3; i++) peer.send(`${i}`);
      await new Promise<void>((resolve) => {
        peer.ping('', false, () => resolve());
      });
      clientLog.push(['seen', messages(clientLog)]);
      client.resume();
      clientLog.push(['paused', client.isPaused]);
      await waitUntil(() => messages(clientLog) === 3);
      client.close();
      await closed();
      client.pause();
      clientLog.push(['paused', client.isPaused]);
    },
  },
  {
    what: 'blobs, and what is sent after them',
    script: async ({ client, serverLog, closed }) => {
      client.send(new Blob(['a blob']), sent(serverLog, 'blob'));
      client.send('after it');
      client.ping('p');
      client.send(new Blob(['second']), { binary: false });
      client.close(4000, 'last');
      await closed();
    },
  },
  {
    what: 'a blob that cannot be read, and what is sent after it',
    script: async ({ client, clientLog, closed }) => {
      class Broken extends Blob {
        override arrayBuffer(): Promise<ArrayBuffer> {
          return Promise.reject(new Error('unreadable'));
        }
      }
      client.send(new Broken(['x']), sent(clientLog, 'blob'));
      client.send('never sent', sent(clientLog, 'after it'));
      await closed();
    },
  },
  {
    what: 'one event a turn with allowSynchronousEvents false',
    options: { client: { allowSynchronousEvents: false }, server: { allowSynchronousEvents: false } },
    script: async ({ client, peer, clientLog, closed }) => {
      client.on('message', (data) => {
        void Promise.resolve().then(() => clientLog.push(['microtask after', shown(data)]));
      });
      peer.send('one');
      peer.send('two');
      peer.ping('three');
      peer.send('four');
      await waitUntil(() => messages(clientLog) === 3);
      peer.close(1000);
      await closed();
    },
  },
  {
    what: 'a message over maxPayload',
    options: { server: { maxPayload: 10 } },
    script: async ({ client, closed }) => {
      client.send('x'.repeat(10));
      client.send('x'.repeat(11));
      await closed();
    },
  },
  {
    what: 'too many fragments',
    options: { server: { maxFragments: 2 } },
    script: async ({ client, closed }) => {
      client.send('a', { fin: false });
      client.send('b', { fin: false });
      client.send('c', { fin: false });
      await closed();
    },
  },
  {
    what: 'text that is not UTF-8',
    script: async ({ client, closed }) => {
      client.send(Buffer.of(0xc3, 0x28), { binary: false });
      await closed();
    },
  },
  {
    what: 'no answers to pings with autoPong false',
    options: { server: { autoPong: false } },
    script: async ({ client, peer, clientLog, closed }) => {
      peer.on('ping', (data) => peer.pong(`own ${String(data)}`));
      client.ping('p');
      await waitUntil(() => clientLog.some(([name]) => name === 'pong'));
      client.close();
      await closed();
    },
  },
  {
    what: 'permessage-deflate in both directions',
    options: {
      server: { perMessageDeflate: { threshold: 0 } },
      client: { perMessageDeflate: { threshold: 0 } },
    },
    script: async ({ client, peer, clientLog, serverLog, closed }) => {
      clientLog.push(['extensions', client.extensions]);
      serverLog.push(['extensions', peer.extensions]);
      peer.on('message', (data, isBinary) => peer.send(data, { binary: isBinary, compress: true }));
      // When a callback comes among the messages depends on the time that compression takes.
      const callbacks: unknown[][] = [];
      client.send('again '.repeat(200), sent(callbacks, 'one'));
      client.send('again '.repeat(200), { compress: false }, sent(callbacks, 'two'));
      client.send(Buffer.alloc(300_000, 'large '), sent(callbacks, 'three'));
      client.send('short', sent(callbacks, 'four'));
      client.send('in '.repeat(100), { fin: false }, sent(callbacks, 'five'));
      client.send('fragments '.repeat(20_000), { fin: false }, sent(callbacks, 'six'));
      client.send('at last', sent(callbacks, 'seven'));
      await waitUntil(() => messages(clientLog) === 5 && callbacks.length === 7);
      clientLog.push(...callbacks);
      client.close(1000, 'compressed');
      await closed();
    },
  },
];

for (const { what, script, options } of SCENARIOS) {
  for (const { what: side, server, client } of PAIRS) {
    test(`CD-01: ${what}: ${side} of hawser/ws behaves as with ws`, { skip }, async () => {
      const expected = await run({ server: real, client: real }, script, options);
      const actual = await run({ server: server(), client: client() }, script, options);
      assert.deepEqual(actual, expected);
    });
  }
}
