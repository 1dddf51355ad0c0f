import assert from 'node:assert/strict';
import { createServer, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { test } from 'node:test';
import { type MisuseError, WebSocketServer } from '../../../src/index.ts';
import { eventLoopTurns, type RawClient, VirtualClock, waitUntil } from '../../../src/testing/index.ts';
import { nextText } from '../live.ts';
import { site, upgradeText, plain, secure } from './attached-site.ts';

for (const [where, create] of Object.entries({ plain, secure })) {
  for (const how of ['attach', 'handleUpgrade'] as const) {
    test(`RFC 9112 §9.3.2 ${where}, ${how}: an upgrade waits for the responses to earlier requests on its socket`, async (t) => {
      const finish: (() => void)[] = [];
      const web = create((request, response) => {
        response.write(`${request.url} begins,`);
        finish.push(() => void response.end(' ends\n'));
      });
      const { server, open } = await site(t, web);
      if (how === 'attach') server.attach(web);
      else web.on('upgrade', (...upgrade) => void server.handleUpgrade(...upgrade));
      const client = await open();
      client.send(`GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n${upgradeText()}`);
      await client.nextUntil('/1 begins,');
      await waitUntil(() => finish.length === 2);
      finish[0]!();
      await client.nextUntil('/2 begins,');
      await eventLoopTurns(5);
      assert.equal(server.connections.size, 0);
      finish[1]!();
      const rest = await client.nextUntil('101 Switching');
      assert.match(rest.toString(), /^\r\n6\r\n ends\n\r\n0\r\n\r\nHTTP\/1\.1 101 Switching$/);
      await client.nextUntil('\r\n\r\n');
      assert.equal(await nextText(client), 'hello');
    });
  }
}

test('RFC 9112 §9.3.2: an upgrade after a response that ends the connection is not answered', async (t) => {
  const web = createServer((_, response) => {
    setImmediate(() => response.writeHead(200, { connection: 'close' }).end('last'));
  });
  const { server, open } = await site(t, web);
  server.attach(web);
  const client = await open();
  client.send(`GET / HTTP/1.1\r\nHost: a\r\n\r\n${upgradeText()}`);
  const received = (await client.receivedUntilEnd()).toString();
  assert.match(received, /last\r\n0\r\n\r\n$|last$/);
  assert.equal(server.stats().handshakes.pending, 0);
});

test('RFC 9112 §9.3.2: an upgrade waits for handshakeTimeoutMs; then the socket ends, without bytes inside the response', async (t) => {
  const clock = new VirtualClock();
  const web = createServer((_, response) => void response.write('never ends'));
  const { server, open, refusals } = await site(t, web, { clock, handshakeTimeoutMs: 5_000 });
  server.attach(web);
  const client = await open();
  client.send(`GET / HTTP/1.1\r\nHost: a\r\n\r\n${upgradeText('/late')}`);
  await client.nextUntil('never ends');
  await waitUntil(() => clock.pendingTimers > 0);
  clock.advance(4_900);
  await eventLoopTurns(3);
  assert.equal(client.stream.destroyed, false);
  clock.advance(200);
  await client.waitForClose();
  assert.doesNotMatch(client.received.toString(), /HTTP/);
  assert.deepEqual(
    refusals.map(({ status, code, url }) => [status, code, url]),
    [[0, 'ERR_UPGRADE_TIMEOUT', '/late']],
  );
});

test('RFC 9112 §9.3.2: a client that disconnects while its upgrade waits leaves no state, and a shutdown waits for it', async (t) => {
  const responses: { end: (text: string) => unknown }[] = [];
  const web = createServer((_, response) => void responses.push(response));
  const { server, open } = await site(t, web);
  server.attach(web);
  const [leaving, staying] = [await open(), await open()];
  for (const client of [leaving, staying]) client.send(`GET / HTTP/1.1\r\nHost: a\r\n\r\n${upgradeText()}`);
  await waitUntil(() => responses.length === 2);
  leaving[Symbol.dispose]();
  const down = server.shutdown();
  await eventLoopTurns(5);
  for (const response of responses) response.end('done');
  await staying.nextUntil('done');
  assert.equal((await staying.nextHead()).status, 503);
  await down;
});

test('RFC 9112 §9.3.2 RT-03: the 404 for a path of no attached server waits for earlier responses', async (t) => {
  const web = createServer((_, response) => void setImmediate(() => response.end('first')));
  const { server, open } = await site(t, web, { path: '/ours' });
  server.attach(web);
  const client = await open();
  client.send(`GET / HTTP/1.1\r\nHost: a\r\n\r\n${upgradeText('/nobody')}`);
  await client.nextUntil('first');
  assert.equal((await client.nextHead()).status, 404);
});

/** Answers a little later, in a way that no stream shows before. */
const answerLater = (socket: Duplex): void =>
  void setImmediate(() => setImmediate(() => socket.write('HTTP/1.1 101 Mine\r\n\r\n')));
/** Ways in which another listener answers an upgrade, or takes its socket, at once. */
const CLAIMS: Readonly<Record<string, (socket: Duplex) => void>> = {
  'writes an answer': (socket) => void socket.write('HTTP/1.1 101 Mine\r\n\r\n'),
  'ends with an answer': (socket) => void socket.end('HTTP/1.1 418 Mine\r\n\r\n'),
  'reads the socket': (socket) => {
    socket.on('data', () => undefined);
    answerLater(socket);
  },
  'pipes the socket': (socket) => {
    socket.pipe(socket);
    answerLater(socket);
  },
  'pauses the socket': (socket) => {
    socket.pause();
    answerLater(socket);
  },
};
for (const [what, claim] of Object.entries(CLAIMS)) {
  for (const order of ['before', 'after'] as const) {
    test(`RT-03 attached without path ${order} a listener that ${what}: the socket is that listener's`, async (t) => {
      const web = createServer();
      const { server, open } = await site(t, web);
      const claimOwn = (request: IncomingMessage, socket: Duplex): void => {
        socket.on('error', () => undefined);
        if (request.url === '/foreign') claim(socket);
      };
      if (order === 'after') web.on('upgrade', claimOwn);
      server.attach(web);
      if (order === 'before') web.on('upgrade', claimOwn);
      const client = await open();
      client.send(upgradeText('/foreign'));
      const { status, reason } = await client.nextHead();
      assert.ok(status === 101 || status === 418);
      assert.equal(reason, 'Mine');
      await eventLoopTurns(10);
      assert.equal(client.received.length, 0);
      assert.equal(server.connections.size, 0);
      const other = await open();
      assert.equal((await other.upgrade({ path: '/ours' })).status, 101);
      assert.equal(await nextText(other), 'hello');
    });
  }
}

for (const transport of ['auto', 'stream'] as const) {
  test(`RT-03 attached without path: an upgrade that another listener gives to handleUpgrade is left alone (${transport})`, async (t) => {
    const web = createServer();
    const { server, open } = await site(t, web, { transport });
    server.attach(web);
    let decide: () => void = () => undefined;
    const other = new WebSocketServer({
      transport,
      upgrade: () => new Promise<undefined>((resolve) => (decide = () => resolve(undefined))),
    });
    other.on('connection', (connection) => void connection.send('other'));
    t.after(() => other.shutdown());
    web.on('upgrade', (...upgrade) => void other.handleUpgrade(...upgrade));
    // Twice: the first socket may come before it is known whether sockets can be driven past their streams.
    for (let i = 0; i < 2; i++) {
      const client = await open();
      const answer = client.upgrade();
      await eventLoopTurns(10);
      decide();
      assert.equal((await answer).status, 101);
      assert.equal(await nextText(client), 'other');
    }
    assert.equal(server.connections.size, 0);
  });
}

test('RT-03 a socket left to other listeners has an error listener until the 404 is due, and then no longer', async (t) => {
  const clock = new VirtualClock();
  const web = createServer();
  const { server, open } = await site(t, web, { path: '/ours', clock, handshakeTimeoutMs: 1_000 });
  server.attach(web);
  const sockets: Duplex[] = [];
  web.on('upgrade', (_, socket) => void sockets.push(socket));
  const failing = await open();
  failing.send(upgradeText('/other'));
  await waitUntil(() => sockets.length === 1);
  sockets[0]!.destroy(new Error('as when the peer resets'));
  await failing.waitForClose();
  const claimed = await open();
  claimed.send(upgradeText('/other'));
  await waitUntil(() => sockets.length === 2);
  const own = (): number => sockets[1]!.listenerCount('error');
  const before = own();
  sockets[1]!.write('HTTP/1.1 101 Mine\r\n\r\n');
  clock.advance(1_000);
  assert.equal(own(), before - 1);
  assert.equal((await claimed.nextHead()).reason, 'Mine');
});

/** How a client leaves while the application decides. */
const DECIDED_LATER: readonly {
  readonly what: string;
  readonly leave: (client: RawClient, socket: Duplex) => unknown;
}[] = [
  {
    what: 'reset',
    leave: async (client, socket) => {
      client.reset();
      await waitUntil(() => socket.destroyed);
    },
  },
  {
    what: 'ended',
    leave: async (client, socket) => {
      socket.resume();
      client.end();
      await waitUntil(() => !socket.readable);
    },
  },
];

for (const { what, leave } of DECIDED_LATER) {
  test(`RT-03: handleUpgrade on a socket that was ${what} before opens no connection, and takes no place`, async (t) => {
    const web = createServer();
    const { server, open } = await site(t, web, { maxConnections: 1 });
    const upgrades: Parameters<typeof server.handleUpgrade>[] = [];
    web.on('upgrade', (request, socket, head) => {
      socket.on('error', () => {});
      upgrades.push([request, socket, head]);
    });
    const gone = await open();
    gone.send(upgradeText());
    await waitUntil(() => upgrades.length === 1);
    await leave(gone, upgrades[0]![1]);
    assert.equal(await server.handleUpgrade(...upgrades[0]!), undefined);
    assert.equal(upgrades[0]![1].destroyed, true);
    assert.deepEqual([server.connections.size, server.stats().connections.now], [0, 0]);
    const next = await open();
    const answer = next.upgrade();
    await waitUntil(() => upgrades.length === 2);
    assert.equal((await server.handleUpgrade(...upgrades[1]!))?.state, 'open');
    assert.equal((await answer).status, 101);
  });
}

test('RT-03 GN-02: handleUpgrade refuses a socket that was passed before, also to another server', async (t) => {
  const web = createServer();
  const { server, open } = await site(t, web);
  const other = new WebSocketServer();
  t.after(() => other.shutdown());
  const thrown: unknown[] = [];
  web.on('upgrade', (...upgrade) => {
    void server.handleUpgrade(...upgrade);
    for (const one of [server, other]) {
      try {
        void one.handleUpgrade(...upgrade);
      } catch (error) {
        thrown.push((error as MisuseError).code);
      }
    }
  });
  const client = await open();
  assert.equal((await client.upgrade()).status, 101);
  assert.equal(await nextText(client), 'hello');
  assert.deepEqual(thrown, ['ERR_STATE', 'ERR_STATE']);
  assert.deepEqual([server.connections.size, other.connections.size], [1, 0]);
});

for (const others of [false, true]) {
  test(`RT-03: an upgrade whose listener detaches the last server ${others ? 'is left to another listener' : 'gets 404'}`, async (t) => {
    const web = createServer();
    const { server, open } = await site(t, web);
    server.attach(web);
    web.prependOnceListener('upgrade', () => void server.detach(web));
    if (others) web.on('upgrade', (_, socket) => void socket.end('HTTP/1.1 204 Mine\r\n\r\n'));
    const client = await open();
    client.send(upgradeText());
    const { status } = await client.nextHead();
    assert.equal(status, others ? 204 : 404);
  });
}
