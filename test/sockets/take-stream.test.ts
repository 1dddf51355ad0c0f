import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { duplexPair, eventLoopTurns, leakCheck, waitUntil } from '../../src/testing/index.ts';
import { SocketTransport } from '../../src/sockets/socket-transport.ts';
import { takeStream } from '../../src/sockets/take-stream.ts';
import { CHECKS, ENGINE, Log } from './pairs.ts';

/** The two ends of a TCP connection, gone when the test is over. */
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

/** What somebody did to a socket before it came to us, and whether its streams are passed by all the same. */
const PASTS: readonly (readonly [
  what: string,
  passedBy: boolean,
  happen: (ours: Socket, peer: Socket) => unknown,
])[] = [
  ['nothing', true, () => undefined],
  ['it was paused', true, (ours) => ours.pause()],
  ['it has a timeout', true, (ours) => ours.setTimeout(1_000_000)],
  [
    'somebody listens to its end and its errors',
    true,
    (ours) => ours.on('end', () => {}).on('error', () => {}),
  ],
  ['somebody listens to its data', false, (ours) => ours.on('data', () => undefined)],
  ['somebody waits for it to be readable', true, (ours) => ours.on('readable', () => undefined)],
  ['it gives text', false, (ours) => ours.setEncoding('latin1')],
  ['its write is somebody’s own', false, (ours) => Object.assign(ours, { write: ours.write.bind(ours) })],
  [
    'it has read something',
    false,
    async (ours, peer) => {
      peer.write('read ');
      await waitUntil(() => ours.readableLength > 0);
    },
  ],
  [
    'something is being written',
    false,
    (ours) => {
      ours.cork();
      ours.write('written ');
    },
  ],
];
for (const [what, passedBy, happen] of PASTS) {
  test(`a socket, ${what}: its streams are ${passedBy ? 'passed by' : 'used'}, and bytes go both ways`, async (t) => {
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

test('a stream that is no socket, or that has gone already, is used as it is', async (t) => {
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

test('what others write to a socket that was taken over goes nowhere, and nothing breaks', async (t) => {
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
