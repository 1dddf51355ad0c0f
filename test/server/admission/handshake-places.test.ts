import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect as connectTcp, type Socket } from 'node:net';
import process from 'node:process';
import { test, type TestContext } from 'node:test';
import { connect as connectTls } from 'node:tls';
import fc from 'fast-check';
import { selfSigned } from '../../../src/testing/self-signed.ts';
import { WebSocketServer } from '../../../src/index.ts';
import type { AdmissionRefusal } from '../../../src/server/admission/admission.ts';
import {
  type HandshakePlace,
  HandshakePlaces,
  type PlaceLimits,
} from '../../../src/server/admission/handshake-places.ts';
import { DEFAULT_SERVER_OPTIONS } from '../../../src/options/resolve-server-options.ts';
import type { PendingSocket } from '../../../src/server/opening/handshake-owner.ts';
import { createTlsServer } from '../../../src/server/opening/tls-server.ts';
import { RawClient, waitUntil } from '../../../src/testing/index.ts';
import { DeadlineQueue } from '../../../src/engine/deadlines.ts';
import { systemClock } from '../../../src/engine/clock.ts';
import { listening } from '../live.ts';

/** Elsewhere a machine has but one address of its own. */
const SKIP = process.platform === 'linux' ? false : 'needs the address 127.0.0.2';
const OURS = selfSigned(['localhost'], Date.now());

/** A socket from an address of this machine. */
async function dial(t: TestContext, port: number, localAddress: string, more: object = {}): Promise<Socket> {
  const socket = connectTcp({ port, host: '127.0.0.1', localAddress, ...more });
  socket.on('error', () => undefined);
  t.after(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/** Places, and handshakes that hold them; a handshake that loses its place gives it back. */
function open(limits: Partial<PlaceLimits> = {}, isTrusted?: (address: string) => boolean) {
  const places = new HandshakePlaces({ ...DEFAULT_SERVER_OPTIONS, ...limits }, isTrusted);
  const lost: string[] = [];
  const attempt = (address: string): HandshakePlace | AdmissionRefusal => {
    const result = places.enter(address, {
      placeLost: () => {
        lost.push(address);
        places.leave(result as HandshakePlace);
      },
    });
    return result;
  };
  const enter = (address: string): HandshakePlace => {
    const result = attempt(address);
    assert.ok(result.refused === undefined, `${address}: ${result.refused}`);
    return result;
  };
  return { places, lost, enter, refused: (address: string) => attempt(address).refused };
}

test('HS-25 pending handshakes have their own limit', () => {
  const { places, enter, refused } = open({ maxPendingHandshakes: 2 });
  const first = enter('192.0.2.1');
  const second = enter('192.0.2.1');
  assert.equal(refused('192.0.2.1'), 'ERR_SERVER_FULL');
  assert.equal(places.pending, 2);
  places.leave(first);
  enter('');
  for (let i = 0; i < 5; i++) places.leave(second);
  assert.deepEqual([places.pending, places.addresses], [1, 0]);
});

test('HS-25 LM-05 when all places are taken, an address with fewer gets one of the address with most', () => {
  const { places, lost, enter, refused } = open({ maxPendingHandshakes: 1_000 });
  const held = Array.from({ length: 600 }, () => enter('192.0.2.1'));
  for (let i = 0; i < 400; i++) enter(`2001:db8::${i + 1}`);
  assert.equal(lost.length, 0, 'while places are free no address is limited');
  assert.equal(refused('192.0.2.1'), 'ERR_SERVER_FULL', 'it holds most itself');
  for (let i = 0; i < 300; i++) enter('198.51.100.1');
  const lostBy = (prefix: string): number => lost.filter((address) => address.startsWith(prefix)).length;
  assert.deepEqual([lostBy('192.0.2.1'), lostBy('2001'), lost.length], [250, 50, 300]);
  assert.equal(places.pending, 1_000);
  assert.equal(held[0]!.isHeld, true, 'the oldest stays');
  assert.equal(held[599]!.isHeld, false);
});

test('HS-25 addresses that hold one place each lose none', () => {
  const { lost, enter, refused } = open({ maxPendingHandshakes: 3 });
  for (const address of ['192.0.2.1', '192.0.2.2', '192.0.2.3']) enter(address);
  assert.equal(refused('192.0.2.4'), 'ERR_SERVER_FULL');
  assert.deepEqual(lost, []);
});

test('HS-25 maxPendingHandshakesPerIp bounds an address at all times', () => {
  const { enter, refused } = open({ maxPendingHandshakesPerIp: 2 });
  enter('2001:db8::1');
  enter('2001:db8::2');
  assert.equal(refused('2001:db8::3'), 'ERR_IP_LIMIT', 'same /64');
  enter('2001:db8:0:1::1');
  for (let i = 0; i < 5; i++) enter('');
});

test('HS-25 LM-04 exempt addresses and trusted proxies have no limit per address and lose no place', () => {
  const isTrusted = (address: string): boolean => address === '10.0.0.1';
  const limits = { maxPendingHandshakes: 4, exemptAddresses: ['192.0.2.1'] };
  const { lost, enter, refused } = open(limits, isTrusted);
  for (const address of ['192.0.2.1', '192.0.2.1', '10.0.0.1', '10.0.0.1']) enter(address);
  assert.equal(refused('192.0.2.9'), 'ERR_SERVER_FULL');
  assert.deepEqual(lost, []);
  const bounded = open({ ...limits, maxPendingHandshakesPerIp: 1 }, isTrusted);
  for (const address of ['192.0.2.1', '192.0.2.1', '10.0.0.1', '10.0.0.1']) bounded.enter(address);
});

test('HS-25 RT-06 a place moves to the client that a proxy names', () => {
  const { places, enter } = open({ maxPendingHandshakesPerIp: 2 }, (address) => address === '10.0.0.1');
  const held = [1, 2, 3, 4].map(() => enter('10.0.0.1'));
  assert.equal(places.move(held[1]!, '192.0.2.5'), undefined);
  assert.equal(places.move(held[2]!, '192.0.2.5'), undefined);
  assert.equal(places.move(held[0]!, '192.0.2.5')?.refused, 'ERR_IP_LIMIT');
  assert.equal(places.move(held[2]!, '192.0.2.5'), undefined, 'it has moved already');
  assert.equal(places.move(held[3]!, ''), undefined);
  assert.equal(places.addresses, 2);
  for (const place of [held[3]!, held[1]!, held[0]!, held[2]!]) places.leave(place);
  assert.deepEqual([places.pending, places.addresses], [0, 0]);
});

test('CF-03 LM-04 after a change, exemptAddresses exempts the new addresses and no longer the old ones', () => {
  const limits = {
    ...DEFAULT_SERVER_OPTIONS,
    maxPendingHandshakesPerIp: 1 as number | false,
    exemptAddresses: ['192.0.2.1'],
  };
  const places = new HandshakePlaces(limits);
  const enter = (address: string): string | undefined =>
    places.enter(address, { placeLost: () => undefined }).refused;
  assert.deepEqual([enter('192.0.2.1'), enter('192.0.2.1'), enter('192.0.2.2')], Array(3).fill(undefined));
  assert.equal(enter('192.0.2.2'), 'ERR_IP_LIMIT');
  limits.exemptAddresses = ['192.0.2.2'];
  places.settingsChanged();
  assert.equal(enter('192.0.2.1'), 'ERR_IP_LIMIT');
  assert.equal(enter('192.0.2.2'), undefined);
});

test('HS-25 GN-17 an exemptAddresses function that throws refuses the client and changes no count', () => {
  const { places, enter } = open({
    maxPendingHandshakesPerIp: 1,
    exemptAddresses: () => {
      throw new Error('no such table');
    },
  });
  enter('192.0.2.1');
  const other = enter('192.0.2.2');
  const refusal = places.enter('192.0.2.1', { placeLost: () => undefined });
  assert.equal(refusal.refused, 'ERR_UPGRADE_HOOK');
  assert.match(String(places.move(other, '192.0.2.1')?.error), /no such table/);
  assert.deepEqual([places.pending, places.addresses], [2, 2]);
});

test('HS-25 LM-05 any series of arrivals, moves and departures keeps the counts of a plain list', () => {
  const addresses = ['192.0.2.1', '192.0.2.2', '2001:db8::1', '2001:db8::2', ''];
  const keyOf = (address: string) => (address.startsWith('2001') ? 'prefix' : address);
  const step = fc.oneof(
    fc.record({ arrive: fc.constantFrom(...addresses) }),
    fc.record({ move: fc.nat(20), to: fc.constantFrom(...addresses) }),
    fc.record({ depart: fc.nat(20) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const places = new HandshakePlaces({ ...DEFAULT_SERVER_OPTIONS, maxPendingHandshakes: 5 });
      let held: { address: string; place: HandshakePlace }[] = [];
      for (const one of steps) {
        if ('arrive' in one) {
          const { arrive: address } = one;
          const result: HandshakePlace | AdmissionRefusal = places.enter(address, {
            placeLost: () => places.leave(result as HandshakePlace),
          });
          if (result.refused === undefined) held.push({ address, place: result });
        } else if ('move' in one) {
          const entry = held[one.move];
          if (entry !== undefined && places.move(entry.place, one.to) === undefined) entry.address = one.to;
        } else {
          const [entry] = held.splice(one.depart, 1);
          if (entry !== undefined) places.leave(entry.place);
        }
        held = held.filter(({ place }) => place.isHeld);
        assert.equal(places.pending, held.length);
        assert.ok(held.length <= 5);
        const keys = held.map(({ address }) => keyOf(address)).filter((key) => key !== '');
        assert.equal(places.addresses, new Set(keys).size);
      }
    }),
  );
});

for (const tls of [false, true]) {
  test(`HS-25 SE-06: unfinished ${tls ? 'TLS handshakes' : 'heads'} of one address do not lock out other addresses`, {
    skip: SKIP,
  }, async (t) => {
    const { server, port, refusals } = await listening(t, {
      maxPendingHandshakes: 20,
      ...(tls ? { tls: OURS } : {}),
    });
    const greedy: Socket[] = [];
    for (let i = 0; i < 22; i++) {
      const socket = await dial(t, port, '127.0.0.2');
      socket.resume();
      if (!tls) socket.write('GET / HTTP/1.1\r\n');
      greedy.push(socket);
    }
    await waitUntil(() => refusals.length === 2);
    assert.equal(server.stats().handshakes.pending, 20);
    for (let i = 0; i < 3; i++) {
      const stream = await dial(t, port, '127.0.0.1');
      const other = RawClient.over(
        tls ? connectTls({ socket: stream, ca: OURS.cert, servername: 'localhost' }) : stream,
      );
      t.after(() => other[Symbol.dispose]());
      assert.equal((await other.upgrade()).status, 101);
    }
    assert.deepEqual(
      new Set(refusals.map(({ status, code, remoteAddress }) => `${status} ${code} ${remoteAddress}`)),
      new Set([`${tls ? 0 : 503} ERR_SERVER_FULL 127.0.0.2`]),
    );
    // One handshake lost its place; then there was one free each time.
    assert.equal(refusals.length, 3);
    for (const socket of greedy) socket.destroy();
    await waitUntil(() => server.stats().handshakes.pending === 0);
  });
}

test('HS-25 HS-14: a plain request also loses its place to an address that holds none', {
  skip: SKIP,
}, async (t) => {
  const { server, port, refusals } = await listening(t, {
    maxPendingHandshakes: 2,
    request: () => new Promise<Response>(() => {}),
  });
  const asking: RawClient[] = [];
  for (let i = 0; i < 2; i++) {
    const client = RawClient.over(await dial(t, port, '127.0.0.2'));
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    asking.push(client);
    await waitUntil(() => server.stats().handshakes.pending === i + 1);
  }
  const other = RawClient.over(await dial(t, port, '127.0.0.1'));
  assert.equal((await other.upgrade()).status, 101);
  assert.equal((await asking[1]!.nextHead()).status, 503);
  assert.deepEqual(
    refusals.map(({ code }) => code),
    ['ERR_SERVER_FULL'],
  );
  for (const client of [...asking, other]) client[Symbol.dispose]();
});

test('HS-25 RT-06: unfinished heads that come through a trusted proxy lose no place', async (t) => {
  const { server, connect, refusals } = await listening(t, {
    maxPendingHandshakes: 4,
    trustProxy: ['127.0.0.1'],
  });
  for (let i = 0; i < 5; i++) await connect();
  await waitUntil(() => refusals.length === 1);
  assert.deepEqual([refusals[0]?.code, server.stats().handshakes.pending], ['ERR_SERVER_FULL', 4]);
});

test('HS-25 RT-06: the upgrades of one client behind a trusted proxy are refused beyond its share', async (t) => {
  const { connect, refusals, server } = await listening(t, {
    maxPendingHandshakesPerIp: 1,
    trustProxy: ['127.0.0.1'],
    upgrade: () => new Promise<undefined>(() => {}),
  });
  const headers = { 'X-Forwarded-For': '192.0.2.1' };
  void (await connect()).upgrade({ headers }).catch(() => undefined);
  await waitUntil(() => server.stats().handshakes.pending === 1);
  assert.equal((await (await connect()).upgrade({ headers })).status, 429);
  void (await connect()).upgrade({ headers: { 'X-Forwarded-For': '192.0.2.2' } }).catch(() => undefined);
  await waitUntil(() => server.stats().handshakes.pending === 2);
  assert.deepEqual(
    refusals.map(({ code, remoteAddress }) => [code, remoteAddress]),
    [['ERR_IP_LIMIT', '192.0.2.1']],
  );
});

test('HS-25 RT-02: the limit per address also holds for upgrades on an attached server', async (t) => {
  const web = createServer();
  const server = new WebSocketServer({
    maxPendingHandshakesPerIp: 1,
    upgrade: () => new Promise<undefined>(() => {}),
  });
  server.attach(web);
  web.listen(0, '127.0.0.1');
  await once(web, 'listening');
  t.after(async () => {
    web.close();
    await server.shutdown({ timeoutMs: 100 });
  });
  const { port } = web.address() as AddressInfo;
  const first = await RawClient.connect({ port });
  void first.upgrade().catch(() => undefined);
  await waitUntil(() => server.stats().handshakes.pending === 1);
  const second = await RawClient.connect({ port });
  assert.equal((await second.upgrade()).status, 429);
  for (const client of [first, second]) client[Symbol.dispose]();
  await waitUntil(() => server.stats().handshakes.pending === 0);
});

test('HS-25 GN-17: an exemptAddresses function that throws at accept causes 500 and an error event', async (t) => {
  const { connect, refusals, errors } = await listening(t, {
    maxPendingHandshakesPerIp: 1,
    exemptAddresses: () => {
      throw new Error('no such table');
    },
  });
  await connect();
  const second = await connect();
  assert.equal((await second.nextHead()).status, 500);
  assert.deepEqual(
    refusals.map(({ code }) => code),
    ['ERR_UPGRADE_HOOK'],
  );
  assert.match(String(errors.splice(0)[0]?.cause), /no such table/);
});

test('HS-25 TL-01: TLS handshakes from one source port to two addresses of the server release both places', {
  skip: SKIP,
}, async (t) => {
  const server = new WebSocketServer({ tls: OURS, maxPendingHandshakes: 20 });
  const { port } = await server.listen(0, '0.0.0.0');
  const clients: RawClient[] = [];
  t.after(async () => {
    for (const client of clients) client[Symbol.dispose]();
    await server.shutdown({ timeoutMs: 500 });
  });
  for (let i = 0; i < 6; i++) {
    const first = await dial(t, port, '127.0.0.1');
    const second = await dial(t, port, '127.0.0.1', { host: '127.0.0.2', localPort: first.localPort });
    assert.equal(first.localPort, second.localPort);
    await waitUntil(() => server.stats().handshakes.pending === 2);
    for (const socket of [first, second]) {
      const client = RawClient.over(connectTls({ socket, ca: OURS.cert, servername: 'localhost' }));
      clients.push(client);
      assert.equal((await client.upgrade()).status, 101);
    }
    assert.equal(server.stats().handshakes.pending, 0);
  }
  assert.equal(server.connections.size, 12);
});

for (const [what, options] of [
  ['the socket below TLS', []],
  ['both ends of the TCP connection, where the socket below TLS is not told', [() => undefined]],
] as const) {
  test(`HS-25 TL-01: places of TLS handshakes are found by ${what}`, async (t) => {
    const handshakes = new HandshakePlaces(DEFAULT_SERVER_OPTIONS);
    const refusals: string[] = [];
    const places: (HandshakePlace | undefined)[] = [];
    const pendingSockets = new Set<PendingSocket>();
    const { server } = createTlsServer(
      {
        places: handshakes,
        deadlines: new DeadlineQueue(systemClock),
        pendingSockets,
        shuttingDown: false,
        refused: ({ code }) => void refusals.push(code),
        socketReleased: (socket) => void pendingSockets.delete(socket),
        options: DEFAULT_SERVER_OPTIONS,
      },
      OURS,
      ({ socket, place }) => {
        places.push(place);
        if (place !== undefined) handshakes.leave(place);
        socket.on('error', () => undefined).resume();
      },
      ...options,
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => void server.close());
    const { port } = server.address() as AddressInfo;
    for (let i = 0; i < 3; i++) {
      const client = connectTls({ port, host: '127.0.0.1', ca: OURS.cert, servername: 'localhost' });
      await once(client, 'secureConnect');
      await waitUntil(() => places.length === i + 1);
      assert.ok(places[i] !== undefined);
      assert.equal(handshakes.pending, 0);
      client.destroy();
    }
    const broken = await dial(t, port, '127.0.0.1');
    broken.resume();
    await waitUntil(() => handshakes.pending === 1);
    // The addresses of both ends cost a system call, so they are read only where they are needed.
    const keys = [...pendingSockets].map((socket) => typeof (socket as { key?: unknown }).key);
    assert.deepEqual(keys, [options.length === 0 ? 'undefined' : 'string']);
    broken.end('no TLS at all');
    await waitUntil(() => handshakes.pending === 0);
    assert.deepEqual(refusals, ['ERR_TLS']);
    assert.equal(handshakes.addresses, 0);
  });
}
