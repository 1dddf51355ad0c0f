import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LogFields, ServerOptions } from '../../src/index.ts';
import {
  duplexPair,
  eventLoopTurns,
  RawClient,
  text,
  VirtualClock,
  waitUntil,
} from '../../src/testing/index.ts';
import { WebSocketServer } from '../../src/index.ts';
import { upgradeRequest } from '../server/live.ts';

const BAD_OPCODE = Buffer.of(0x83, 0x80, 0, 0, 0, 0);
const BAD_TEXT = text(Buffer.of(0xff));
const TOO_BIG = text('x'.repeat(200));

/** A server that clients reach from addresses of the test. */
function site(t: { after(step: () => Promise<unknown>): void }, options: ServerOptions = {}) {
  const clock = new VirtualClock();
  const lines: (LogFields & { text: string })[] = [];
  const log = (fields: LogFields, line: string): void => void lines.push({ ...fields, text: line });
  const logger = { debug: () => {}, info: () => {}, warn: log, error: log };
  const server = new WebSocketServer({
    clock,
    logger,
    maxMessageBytes: 100,
    violationLimit: { perMinute: 2, refuseMs: 30_000 },
    ...options,
  });
  const errors: Error[] = [];
  server.on('error', (error) => void errors.push(error));
  const clients: RawClient[] = [];
  t.after(async () => {
    for (const client of clients) client[Symbol.dispose]();
    await eventLoopTurns(3);
    await server.shutdown();
  });
  const open = async (remoteAddress: string) => {
    const wire = duplexPair({ remoteAddress });
    const raw = RawClient.over(wire.client);
    clients.push(raw);
    const connection = await server.handleUpgrade(upgradeRequest(), wire.server, Buffer.alloc(0));
    const head = await raw.nextHead();
    if (connection === undefined) raw.end();
    return { raw, connection, head };
  };
  /** Opens a connection that breaks a rule. @returns The status of its handshake. */
  const violate = async (remoteAddress: string, bytes: Buffer = BAD_OPCODE): Promise<number> => {
    const { raw, connection, head } = await open(remoteAddress);
    if (connection === undefined) return head.status;
    raw.send(bytes);
    raw.end();
    await waitUntil(() => connection.state === 'closed');
    return head.status;
  };
  return { server, clock, lines, errors, open, violate };
}

test('RL-05 HS-23: an address that broke the protocol too often gets 429 with the time that is left', async (t) => {
  const { server, clock, lines, open, violate } = site(t);
  const bystander = await open('192.0.2.9');
  const earlier = await open('192.0.2.1');
  assert.deepEqual([await violate('192.0.2.1'), await violate('192.0.2.1', BAD_TEXT)], [101, 101]);
  clock.advance(4_500);
  const { connection, head } = await open('192.0.2.1');
  assert.equal(connection, undefined);
  assert.deepEqual(
    [head.status, head.fields.get('x-websocket-error'), head.fields.get('retry-after')],
    [429, 'ERR_VIOLATION_LIMIT', '26'],
  );
  assert.equal((await open('192.0.2.2')).head.status, 101, 'other addresses');
  assert.deepEqual([earlier.connection!.state, bystander.connection!.state], ['open', 'open']);
  assert.deepEqual(server.stats().refusedAddresses, { now: 1, total: 1 });
  assert.equal(server.stats().handshakes.refusedByCode['ERR_VIOLATION_LIMIT'], 1);
  assert.match(server.metrics(), /^hawser_refused_addresses 1$/m);
  const [line] = lines.filter(({ text: said }) =>
    said.startsWith('new connections of an address are refused'),
  );
  assert.deepEqual([line!['remoteAddress'], line!['perMinute'], line!['refuseMs']], ['192.0.2.1', 2, 30_000]);
  clock.advance(25_500);
  assert.equal((await open('192.0.2.1')).head.status, 101);
  assert.deepEqual(server.stats().refusedAddresses, { now: 0, total: 1 });
});

for (const { what, options, addresses, statuses } of [
  {
    what: 'IPv6 addresses of one prefix count as one',
    addresses: ['2001:db8::1', '2001:db8::2', '2001:db8::3'],
    statuses: [101, 101, 429],
  },
  {
    what: 'other prefixes do not count',
    addresses: ['2001:db8::1', '2001:db8:0:1::1', '2001:db8:0:2::1'],
    statuses: [101, 101, 101],
  },
  {
    what: 'exempt addresses do not count',
    options: { exemptAddresses: ['192.0.2.0/24'] },
    addresses: ['192.0.2.1', '192.0.2.1', '192.0.2.1'],
    statuses: [101, 101, 101],
  },
  { what: 'a Unix socket has no address', addresses: ['', '', ''], statuses: [101, 101, 101] },
  {
    what: 'nothing is refused by default',
    options: { violationLimit: false },
    addresses: ['192.0.2.1', '192.0.2.1', '192.0.2.1'],
    statuses: [101, 101, 101],
  },
] as readonly { what: string; options?: ServerOptions; addresses: string[]; statuses: number[] }[]) {
  test(`RL-05: ${what}`, async (t) => {
    const { violate } = site(t, options);
    const seen: number[] = [];
    for (const address of addresses) seen.push(await violate(address));
    assert.deepEqual(seen, statuses);
  });
}

test('RL-05: messages over a limit, and connections that are lost, are no protocol violations', async (t) => {
  const { open, violate } = site(t, { violationLimit: { perMinute: 1 } });
  assert.equal(await violate('192.0.2.1', TOO_BIG), 101);
  const lost = await open('192.0.2.1');
  lost.raw[Symbol.dispose]();
  await lost.connection!.closed;
  assert.equal(await violate('192.0.2.1'), 101);
  assert.equal(await violate('192.0.2.1'), 429);
});

test('RL-05 ER-05: a failure of the function exemptAddresses is reported, and nothing is counted', async (t) => {
  let isFailing = false;
  const { server, errors, open } = site(t, {
    violationLimit: { perMinute: 1 },
    exemptAddresses: () => {
      if (isFailing) throw new Error('as a test');
      return false;
    },
  });
  const { raw, connection } = await open('192.0.2.1');
  isFailing = true;
  raw.send(BAD_OPCODE);
  raw.end();
  await connection!.closed;
  await eventLoopTurns(2);
  assert.deepEqual(
    errors.map(({ cause }) => (cause as Error).message),
    ['as a test'],
  );
  assert.equal(server.stats().refusedAddresses.total, 0);
});
