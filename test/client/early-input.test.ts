import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { selfSigned } from '../../src/testing/self-signed.ts';
import type { ClientConnection } from '../../src/client/index.ts';
import { close, duplexPair, ping, text } from '../../src/testing/index.ts';
import { accepting, atEnd, scriptedServer } from './live.ts';
import { ReconnectingClient, connect } from './dialling.ts';

const unmasked = { mask: false } as const;
const FRAMES = [
  text('one', unmasked),
  ping('two', unmasked),
  text('three', unmasked),
  close(1000, '', unmasked),
];
const SEEN = ['message one', 'ping two', 'message three', 'close 1000'];

/** Pieces that a server writes at once: the 101 and frames, with a cut some bytes after the head. */
type Says = (request: string) => Buffer[];
const SAYS: readonly (readonly [how: string, says: Says])[] = [
  ['in one piece', (request) => [Buffer.concat([Buffer.from(accepting(request)), ...FRAMES])]],
  [
    'cut inside a frame',
    (request) => {
      const head = Buffer.from(accepting(request));
      const bytes = Buffer.concat([head, ...FRAMES]);
      return [bytes.subarray(0, head.length + 3), bytes.subarray(head.length + 3)];
    },
  ],
  ['piece by piece', (request) => [Buffer.from(accepting(request)), ...FRAMES]],
];

/** Writes all pieces; ends the stream when the client does. */
function sayAll(stream: Duplex, pieces: readonly Buffer[]): void {
  for (const piece of pieces) stream.write(piece);
  stream.on('data', () => stream.end());
}

/** A stream that emits all data in one turn, without a tick in between. */
function atOnce(says: Says): Duplex {
  return new Duplex({
    read: () => undefined,
    write(this: Duplex, chunk: Buffer, _, done) {
      done();
      const request = chunk.toString('latin1');
      if (!request.startsWith('GET ')) this.push(null);
      else for (const piece of says(request)) this.push(piece);
    },
  });
}

const TLS = selfSigned(['127.0.0.1'], Date.now());
const WAYS: readonly (readonly [
  way: string,
  open: (t: TestContext, says: Says) => Promise<ClientConnection>,
])[] = [
  [
    'TCP',
    async (t, says) => {
      const { url } = await scriptedServer(t, (socket, request) => sayAll(socket, says(request)));
      return connect(url);
    },
  ],
  [
    'TLS',
    async (t, says) => {
      const answer = (socket: Socket, request: string): void => sayAll(socket, says(request));
      const { url } = await scriptedServer(t, answer, TLS);
      return connect(url, { tls: { ca: TLS.cert } });
    },
  ],
  [
    'an in-memory pair',
    async (_, says) => {
      const wire = duplexPair();
      wire.server.once('data', (head: Buffer) => sayAll(wire.server, says(head.toString('latin1'))));
      return connect('ws://localhost/', { socket: wire.client });
    },
  ],
  [
    'a stream that emits all data in one turn',
    async (_, says) => connect('ws://localhost/', { socket: atOnce(says) }),
  ],
];

/** Passes a promise through a number of async functions that only await it. */
const through = async <Value>(functions: number, promise: Promise<Value>): Promise<Value> =>
  functions === 0 ? promise : await through(functions - 1, promise);

function listen(connection: ClientConnection): string[] {
  const seen: string[] = [];
  connection.on('message', (message) => void seen.push(`message ${String(message)}`));
  connection.on('ping', (payload) => void seen.push(`ping ${String(payload)}`));
  connection.on('close', ({ code }) => void seen.push(`close ${code}`));
  return seen;
}

for (const [way, open] of WAYS) {
  for (const [how, says] of SAYS) {
    for (const functions of [0, 5]) {
      test(`BP-13 EV-05: listeners attached after \`await\` through ${functions} async functions receive frames that came with the 101, ${how}, over ${way}`, async (t) => {
        atEnd(t, () => undefined);
        const connection = await through(functions, open(t, says));
        const seen = listen(connection);
        const { code, wasClean } = await connection.closed;
        assert.deepEqual([code, wasClean, ...seen], [1000, true, ...SEEN]);
      });
    }
  }
}

test('BP-13 RC-01: listeners attached in `open` receive frames that came with the 101', async (t) => {
  const [[, says]] = SAYS as [(typeof SAYS)[number]];
  const { url } = await scriptedServer(t, (socket, request) => sayAll(socket, says(request)));
  const client = new ReconnectingClient(url);
  const messages: string[] = [];
  client.on('message', (message) => void messages.push(String(message)));
  const seen = await new Promise<string[]>((resolve) => {
    client.on('open', (connection) => {
      const heard: string[] = [];
      connection.on('ping', (payload) => void heard.push(`ping ${String(payload)}`));
      connection.on('close', ({ code }) => {
        heard.push(`close ${code}`);
        resolve(heard);
      });
    });
  });
  client.close();
  await client.closed;
  assert.deepEqual(
    [messages, seen],
    [
      ['one', 'three'],
      ['ping two', 'close 1000'],
    ],
  );
});

test('BP-13 CL-12: if a stream ends or fails in the turn of the 101, its frames are delivered before the end', async () => {
  for (const [end, cause] of [
    [(stream: Duplex) => void stream.push(null), 'transport-end'],
    [(stream: Duplex) => void stream.destroy(new Error('as a test')), 'transport-error'],
  ] as const) {
    const stream = new Duplex({
      read: () => undefined,
      write(this: Duplex, chunk: Buffer, _, done) {
        done();
        const request = chunk.toString('latin1');
        if (!request.startsWith('GET ')) return;
        this.push(Buffer.concat([Buffer.from(accepting(request)), text('last words', unmasked)]));
        end(this);
      },
    });
    const connection = await through(3, connect('ws://localhost/', { socket: stream }));
    const seen = listen(connection);
    const info = await connection.closed;
    assert.equal(info.cause, cause);
    assert.deepEqual(seen, ['message last words', 'close 1006']);
  }
});
