import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { duplexPair, eventLoopTurns, leakCheck, waitUntil } from '../../src/testing/index.ts';
import { SocketTransport } from '../../src/sockets/socket-transport.ts';
import { StreamTransport } from '../../src/sockets/stream-transport.ts';
import { takeStream } from '../../src/sockets/take-stream.ts';
import { CHECKS, ENGINE, Log } from './pairs.ts';

/** The two ends of a TCP connection, closed after the test. */
async function socketPair(t: TestContext): Promise<readonly [ours: Socket, peer: Socket]> {
  assert.ok(await CHECKS.checkSockets(false));
  const leaks = leakCheck();
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const peer = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [ours] = (await once(server, 'connection')) as [Socket];
  t.after(async () => {
    for (const socket of [ours, peer]) socket.on('error', () => undefined).destroy();
    server.close();
    await leaks.assertNothingLeft({ withinMs: 5_000 });
  });
  return [ours, peer];
}

/** What other code did to a socket before Hawser got it, and whether Hawser still bypasses its streams. */
const PASTS: readonly (readonly [
  what: string,
  passedBy: boolean,
  happen: (ours: Socket, peer: Socket) => unknown,
])[] = [
  ['nothing', true, () => undefined],
  ['it was paused', true, (ours) => ours.pause()],
  ['it has a timeout', true, (ours) => ours.setTimeout(1_000_000)],
  [
    'other code listens for its end and its errors',
    true,
    (ours) => ours.on('end', () => {}).on('error', () => {}),
  ],
  ['other code listens for its data', false, (ours) => ours.on('data', () => undefined)],
  ['other code listens for readable', true, (ours) => ours.on('readable', () => undefined)],
  ['it gives text', false, (ours) => ours.setEncoding('latin1')],
  ['its write method was replaced', false, (ours) => Object.assign(ours, { write: ours.write.bind(ours) })],
  [
    'it has read something',
    false,
    async (ours, peer) => {
      peer.write('read ');
      await waitUntil(() => ours.readableLength > 0);
    },
  ],
  [
    'a write is pending',
    false,
    (ours) => {
      ours.cork();
      ours.write('written ');
    },
  ],
];
for (const [what, passedBy, happen] of PASTS) {
  test(`a socket, ${what}: its streams are ${passedBy ? 'bypassed' : 'used'}, and bytes arrive in both directions`, async (t) => {
    const [ours, peer] = await socketPair(t);
    let got = '';
    peer.on('data', (chunk: Buffer) => {
      got += chunk.toString();
    });
    await happen(ours, peer);
    const log = new Log();
    const transport = takeStream(ours, log, ENGINE);
    assert.equal(transport instanceof SocketTransport, passedBy);
    peer.write('hello');
    await waitUntil(() => log.bytes.toString().endsWith('hello'));
    transport.write([Buffer.from('answer')]);
    ours.uncork();
    await waitUntil(() => got.endsWith('answer'));
    transport.end();
    peer.end();
    await waitUntil(() => log.ends.length === 1);
  });
}

test('a stream that is not a socket, or is already destroyed, is used as a stream', async (t) => {
  const [ours] = await socketPair(t);
  const { client, server } = duplexPair();
  const gone = new Log();
  ours.destroy();
  assert.ok(!(takeStream(ours, gone, ENGINE) instanceof SocketTransport));
  await waitUntil(() => gone.ends.length === 1);
  assert.ok(server instanceof Duplex);
  const log = new Log();
  const transport = takeStream(server, log, ENGINE);
  assert.ok(!(transport instanceof SocketTransport));
  client.write('hello');
  await waitUntil(() => log.bytes.toString() === 'hello');
  client.destroy();
  transport.destroy();
  await waitUntil(() => log.ends.length === 1);
});

test('writes of other code to a socket that Hawser has taken over are discarded and do no harm', async (t) => {
  const [ours, peer] = await socketPair(t);
  let got = '';
  peer.on('data', (chunk: Buffer) => {
    got += chunk.toString();
  });
  const log = new Log();
  const transport = takeStream(ours, log, ENGINE);
  transport.write([Buffer.from('one ')]);
  ours.write('stranger');
  transport.write([Buffer.from('two')]);
  await waitUntil(() => got === 'one two');
  await eventLoopTurns(5);
  assert.equal(got, 'one two');
  transport.destroy();
  await waitUntil(() => log.ends.length === 1);
});

for (const [name, open] of [
  ['a socket whose streams are bypassed', (ours) => takeStream(ours, new Log(), ENGINE)],
  ['a stream', (ours) => new StreamTransport(ours, new Log())],
] satisfies readonly (readonly [string, (ours: Socket) => StreamTransport])[])
  test(`${name} knows its peer after it has closed, if it was handed on before`, async (t) => {
    const [ours, peer] = await socketPair(t);
    const transport = open(ours).handTo(new Log());
    const port = peer.localPort;
    transport.destroy();
    await once(ours, 'close');
    assert.deepEqual([transport.remoteAddress, transport.remotePort], ['127.0.0.1', port]);
  });
