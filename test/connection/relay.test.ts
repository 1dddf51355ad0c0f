import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CloseInfo, connect, ReconnectingClient } from '../../src/index.ts';
import { close, frame, pair, type RawClient, waitUntil } from '../../src/testing/index.ts';
import { closeCode, listening, live } from '../server/live.ts';

/** The action of the peer on one side, the code that the relay reads, and the code that arrives on the other side. */
const ENDINGS = [
  ['Close 1000', (raw: RawClient) => raw.send(close(1000)), 1000, 1000],
  ['Close 4999', (raw: RawClient) => raw.send(close(4999)), 4999, 4999],
  ['Close 1010', (raw: RawClient) => raw.send(close(1010)), 1010, 1011],
  ['an empty Close', (raw: RawClient) => raw.send(frame({ opcode: 8, payload: '' })), 1005, 1005],
  ['a reset', (raw: RawClient) => raw[Symbol.dispose](), 1006, 1011],
  ['a violation', (raw: RawClient) => raw.send(frame({ opcode: 3, payload: '' })), 1006, 1011],
] as const;

for (const [what, end, received, passedOn] of ENDINGS) {
  test(`CL-02 a relay passes ${what} to close(code, reason): the other side is closed with ${passedOn}`, async (t) => {
    const { join } = live(t);
    const a = await join();
    await using b = await pair();
    const failures: unknown[] = [];
    b.webSocketServer.on('error', (error) => void failures.push(error));
    a.connection.on('close', ({ code, reason }) => b.server.close(code, reason));
    end(a.raw);
    if (received !== 1006 || what === 'a violation') a.raw.end();
    const info = await a.connection.closed;
    const { code, reason }: CloseInfo = await b.client.closed;
    assert.deepEqual([info.code, code, reason, failures], [received, passedOn, '', []]);
    assert.equal((await b.server.closed).sentCode, passedOn);
  });
}

test('CL-02 a client relays 1005, 1006 and 1015, too, and may send 1010', async () => {
  for (const [code, arrives] of [
    [1005, 1005],
    [1006, 1011],
    [1010, 1010],
    [1015, 1011],
  ] as const) {
    await using joined = await pair();
    joined.client.close(code, '');
    assert.equal((await joined.server.closed).code, arrives);
    assert.equal((await joined.client.closed).sentCode, arrives);
  }
});

test('CL-02 §7.4.1 close(1005) sends a Close without code and reason', async (t) => {
  const { join } = live(t);
  const { raw, connection } = await join();
  connection.close(1005, 'not sent');
  const { opcode, payload } = await raw.nextFrame();
  assert.deepEqual([opcode, payload.length], [8, 0]);
  raw.send(close(1000));
  raw.end();
  assert.deepEqual((await connection.closed).sentCode, 1005);
});

test('CL-02 codes that no connection reports throw and have no effect', async (t) => {
  const { join } = live(t);
  const { raw, connection } = await join();
  for (const code of [0, 999, 1004, 1016, 2999, 5000, Number.NaN]) {
    assert.throws(() => connection.close(code), { code: 'ERR_ARGUMENT' }, String(code));
  }
  assert.equal(connection.state, 'open');
  connection.close();
  assert.equal(await closeCode(raw), 1000);
  raw.end();
  await connection.closed;
});

test('CL-02 a reconnecting client relays the close of a server connection', async (t) => {
  const { server, port } = await listening(t);
  for (const [code, arrives] of [
    [1005, 1005],
    [1006, 1011],
    [1015, 1011],
  ] as const) {
    const client = new ReconnectingClient(`ws://127.0.0.1:${port}/`);
    await waitUntil(() => client.state === 'open' && server.connections.size === 1);
    const [connection] = server.connections;
    client.close(code, '');
    assert.equal((await connection!.closed).code, arrives);
    assert.equal((await client.closed).why, 'close');
  }
});

test('CL-02 shutdown accepts only codes that can be sent', async (t) => {
  const { server, port } = await listening(t);
  for (const code of [1005, 1006, 1010, 1015]) {
    assert.throws(() => void server.shutdown({ code }), { code: 'ERR_OPTION' }, String(code));
  }
  const client = await connect(`ws://127.0.0.1:${port}/`);
  await server.shutdown({ code: 1012 });
  assert.equal((await client.closed).code, 1012);
});
