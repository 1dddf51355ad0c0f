import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { test, type TestContext } from 'node:test';
import { selfSigned } from '../../src/testing/self-signed.ts';
import { type Connection, connect, type Message, type ServerOptions } from '../../src/index.ts';
import { waitForEvent, waitUntil } from '../../src/testing/index.ts';
import { echoServer } from './echo-server.ts';
import { accepts, freePort } from './free-port.ts';
import { libwebsocketsClient, libwebsocketsServer } from './peers.ts';

const PROTOCOLS = ['lws-mirror-protocol', 'dumb-increment-protocol'];
/** A drawing command of its client: a random colour and three random numbers. */
const DRAWN = /^c #[0-9A-F]{6} \d+ \d+ \d+;$/;
const SOME = 20;

async function killed(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  // The program neither exits by itself nor on every signal.
  child.kill('SIGKILL');
  await exit;
}

/** Its client connects twice, once per protocol. The mirror protocol sends drawings and receives those of others. */
async function talks(t: TestContext, options: ServerOptions, args: readonly string[]): Promise<void> {
  const { server, port } = await echoServer(t, { protocols: PROTOCOLS, ...options });
  const connections: Connection[] = [];
  const drawn: Message[] = [];
  server.on('connection', (connection) => void connections.push(connection));
  server.on('message', (_, message) => void (drawn.length < SOME && drawn.push(message)));
  const child = spawn(libwebsocketsClient.peer!, ['127.0.0.1', `--port=${port}`, ...args], {
    stdio: 'ignore',
  });
  try {
    await waitUntil(() => connections.length >= 2 && drawn.length === SOME, { deadlineMs: 60_000 });
    assert.deepEqual(connections.map(({ protocol }) => protocol).sort(), PROTOCOLS.toSorted());
    for (const each of drawn) assert.match(String(each), DRAWN);
    const mirror = connections.find(({ protocol }) => protocol === PROTOCOLS[0])!;
    if (options.perMessageDeflate !== undefined) assert.match(mirror.extensions, /^permessage-deflate/);
    // Twenty of its drawings were echoed by now. It would have disconnected if it had rejected one of them.
    const pong = waitForEvent<[Buffer]>(mirror, 'pong');
    mirror.ping('still there');
    assert.equal((await pong)[0].toString(), 'still there');
    mirror.close(4_001, 'enough');
    const { code, wasClean, sentCode } = await mirror.closed;
    assert.deepEqual([code, wasClean, sentCode], [4_001, true, 4_001]);
  } finally {
    await killed(child);
  }
}

const client = { skip: libwebsocketsClient.skip, timeout: 120_000 };
test('TS-06: the client of libwebsockets over ws', client, (t) => talks(t, {}, []));
test('TS-06: the client of libwebsockets over wss', client, (t) =>
  talks(t, { tls: selfSigned(['127.0.0.1'], Date.now()) }, ['--ssl', '-s']),
);
// With context takeover each of these messages shrinks, so each is sent compressed. An uncompressed message (RFC 7692 §6.1) makes
// version 4.1.6 loop for ever over the same bytes.
test('TS-06 PD-04: the client of libwebsockets, compressed', client, (t) =>
  talks(t, { perMessageDeflate: { contextTakeover: true, thresholdBytes: 1 } }, []),
);

const server = { skip: libwebsocketsServer.skip, timeout: 120_000 };
test(
  'TS-06 CC-06: a Hawser client and the server of libwebsockets, which declines compression',
  server,
  async (t) => {
    let child: ChildProcess | undefined;
    t.after(() => child !== undefined && child.exitCode === null && killed(child));
    let port = 0;
    // Another program may take the port before the server does.
    for (let attempt = 0; attempt < 5 && port === 0; attempt++) {
      const candidate = await freePort();
      const started = spawn(libwebsocketsServer.peer!, [`--port=${candidate}`], { stdio: 'ignore' });
      child = started;
      while (started.exitCode === null && port === 0) if (await accepts(candidate)) port = candidate;
    }
    const options = { perMessageDeflate: { thresholdBytes: 1 } };
    const mirror = await connect(`ws://127.0.0.1:${port}/`, { protocols: [PROTOCOLS[0]!], ...options });
    assert.equal(mirror.protocol, PROTOCOLS[0]);
    assert.equal(mirror.extensions, '');
    const received = mirror[Symbol.asyncIterator]();
    for (const message of ['hello', 'd 1 2 3 4 5;'.repeat(80), 'hello']) {
      mirror.send(message);
      assert.equal((await received.next()).value, message);
    }
    const counter = await connect(`ws://127.0.0.1:${port}/`, { protocols: [PROTOCOLS[1]!], ...options });
    const counted: Message[] = [];
    for await (const message of counter) if (counted.push(message) === 5) break;
    assert.deepEqual(counted, ['0', '1', '2', '3', '4']);
    for (const connection of [mirror, counter]) {
      connection.close(1000, 'bye');
      const { code, wasClean } = await connection.closed;
      assert.deepEqual([code, wasClean], [1000, true]);
    }
  },
);
