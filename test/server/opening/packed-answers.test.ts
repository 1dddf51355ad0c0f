import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { type Connection, type ServerOptions, WebSocketServer } from '../../../src/index.ts';
import { acceptValue } from '../../../src/protocol/index.ts';
import { RawClient } from '../../../src/testing/index.ts';
import { selfSigned } from '../../../src/testing/self-signed.ts';

const CERTIFIED = selfSigned(['localhost', '127.0.0.1'], Date.now());
/** A field of a 101 that exceeds what the shared table holds. */
const LONGER_THAN_THE_TABLE = 70_000;

const keyOf = (at: number): string => Buffer.alloc(16, at).toString('base64');
const pattern = (at: number, bytes: number): Buffer => Buffer.alloc(bytes, 0x41 + at);

/** Listens, and opens sockets to the server. @returns Those that `join` has opened, closed after the test. */
async function room(t: TestContext, server: WebSocketServer, secure: boolean) {
  const { port } = await server.listen(0, '127.0.0.1');
  const clients: RawClient[] = [];
  t.after(async () => {
    for (const client of clients) client[Symbol.dispose]();
    await server.shutdown();
  });
  const join = (): RawClient => {
    const raw: Socket = connect({ port, host: '127.0.0.1' });
    const client = RawClient.over(
      secure ? connectTls({ socket: raw, ca: CERTIFIED.cert, servername: 'localhost' }) : raw,
    );
    clients.push(client);
    return client;
  };
  return { clients, join };
}

for (const secure of [false, true])
  for (const transport of ['auto', 'stream'] as const) {
    const name = `${secure ? 'TLS' : 'TCP'}, ${transport}`;

    test(`${name}: TS-09: answers of handshakes leave the packed messages of other connections whole`, async (t) => {
      const known: Connection[] = [];
      const options: ServerOptions = {
        transport,
        ...(secure ? { tls: CERTIFIED } : {}),
        // Between the request and its 101, messages of every other connection wait for the end of the turn.
        upgrade: () => {
          known.forEach((connection, at) => {
            for (const bytes of [3, 100, 1_000]) connection.send(pattern(at, bytes));
          });
          const long = known.length === 3 ? LONGER_THAN_THE_TABLE : 10;
          return { headers: { 'X-Filler': 'f'.repeat(long), 'X-Number': String(known.length) } };
        },
      };
      const server = new WebSocketServer(options);
      server.on('connection', (connection) => void known.push(connection));
      const { clients, join } = await room(t, server, secure);
      for (let at = 0; at < 5; at++) {
        const head = await join().upgrade({ key: keyOf(at) });
        assert.deepEqual(
          [head.status, head.fields.get('sec-websocket-accept'), head.fields.get('x-number')],
          [101, acceptValue(keyOf(at)), String(at)],
        );
        assert.match(head.fields.get('x-filler') ?? '', at === 3 ? /^f{70000}$/ : /^f{10}$/);
      }
      for (const [at, client] of clients.entries())
        for (let turn = at + 1; turn < clients.length; turn++)
          for (const bytes of [3, 100, 1_000]) {
            const { payload } = await client.nextFrame();
            assert.ok(payload.equals(pattern(at, bytes)), `${bytes} bytes to connection ${at}`);
          }
    });

    test(`${name}: CL-01: connections that close in one turn get their own Close, after their messages`, async (t) => {
      const server = new WebSocketServer({ transport, ...(secure ? { tls: CERTIFIED } : {}) });
      const known: Connection[] = [];
      server.on('connection', (connection) => void known.push(connection));
      const { clients, join } = await room(t, server, secure);
      for (let at = 0; at < 6; at++) {
        assert.equal((await join().upgrade()).status, 101);
      }
      known.forEach((connection, at) => {
        connection.send(pattern(at, 50));
        connection.close(4_000 + at, at % 2 === 0 ? '' : `reason ${at}`);
      });
      for (const [at, client] of clients.entries()) {
        const frames = [await client.nextFrame(), await client.nextFrame()];
        assert.deepEqual(
          frames.map(({ opcode }) => opcode),
          [2, 8],
        );
        assert.ok(frames[0]!.payload.equals(pattern(at, 50)));
        const body = frames[1]!.payload;
        assert.deepEqual(
          [body.readUInt16BE(0), body.toString('utf8', 2)],
          [4_000 + at, at % 2 === 0 ? '' : `reason ${at}`],
        );
      }
    });
  }
