import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Connection, ServerOptions, WebSocketServer } from '../../src/index.ts';
import {
  close,
  continuation,
  duplexPair,
  eventLoopTurns,
  ping,
  pong,
  RawClient,
  text,
  waitUntil,
} from '../../src/testing/index.ts';
import { closeCode, type Live, listening, live, nextText, type Peer, upgradeRequest } from './live.ts';

const fault = new Error('as a test');
const WAYS = {
  throws: () => {
    throw fault;
  },
  rejects: () => Promise.reject(fault),
} as const;
type Fail = () => Promise<never>;

/** How to make a listener of the server run, given a peer. */
const ON_SERVER: Readonly<Record<string, (peer: Peer, fixture: Live) => unknown>> = {
  message: ({ raw }) => raw.send(text('x')),
  drain: overfill,
  close: ({ connection }) => connection.terminate(),
  refused: async (_, { server }) => {
    const wire = duplexPair();
    const raw = RawClient.over(wire.client);
    await server.handleUpgrade(
      upgradeRequest({ 'Sec-WebSocket-Version': '8' }),
      wire.server,
      Buffer.alloc(0),
    );
    raw[Symbol.dispose]();
  },
  subscribe: ({ connection }) => connection.subscribe('t'),
  unsubscribe: ({ connection }) => {
    connection.subscribe('t');
    connection.unsubscribe('t');
  },
  shutdownProgress: (_, { server }) => {
    void server.shutdown();
  },
  closed: (_, { server }) => server.shutdown({ signal: AbortSignal.abort() }),
};

const ON_CONNECTION: Readonly<Record<string, (peer: Peer, fixture: Live) => unknown>> = {
  message: ({ raw }) => raw.send(text('x')),
  drain: overfill,
  close: ({ connection }) => connection.terminate(),
  error: ({ wire }) => wire.reset(),
  ping: ({ raw }) => raw.send(ping('x')),
  pong: ({ raw }) => raw.send(pong('x')),
  stateChange: ({ connection }) => connection.terminate(),
  dropped: ({ raw, connection }) => {
    raw.pause();
    for (let i = 0; i < 12; i++) connection.send(Buffer.alloc(100_000));
  },
  expiring: async ({ connection }, { pass }) => {
    connection.expiresAt = connection.connectedAt.getTime() + 40_000;
    await pass(11_000);
    connection.terminate();
  },
};

async function overfill({ raw, connection }: Peer): Promise<void> {
  raw.pause();
  while (connection.send(Buffer.alloc(50_000)));
  raw.resume();
  await connection.drained();
}

for (const [how, fail] of Object.entries(WAYS) as [string, Fail][]) {
  for (const [target, events] of [
    ['server', ON_SERVER],
    ['connection', ON_CONNECTION],
  ] as const) {
    for (const [name, run] of Object.entries(events)) {
      test(`ER-05 SE-28: a ${name} listener of the ${target} that ${how} is reported as ERR_HANDLER, and the other listeners run`, async (t) => {
        const fixture = live(t, { onOverflow: 'drop-newest', idleTimeoutMs: false });
        const { server, errors, join } = fixture;
        const [peer, bystander] = [await join(), await join()];
        const isMessage = name === 'message';
        bystander.connection.on('message', () => undefined);
        let others = 0;
        const emitter = (target === 'server' ? server : peer.connection) as WebSocketServer;
        const listen = emitter.on.bind(emitter) as (name: string, listener: () => unknown) => void;
        // Told of one thing only: what a failure brings about may be another event of that name.
        let failed = false;
        listen(name, () => {
          if (failed) return undefined;
          failed = true;
          return fail();
        });
        listen(name, () => void others++);
        await run(peer, fixture);
        await waitUntil(() => errors.length > 0);
        const [error] = errors.splice(0);
        assert.deepEqual([(error as { code?: string }).code, error!.cause], ['ERR_HANDLER', fault]);
        assert.ok(others > 0, 'the other listener ran');
        if (isMessage) {
          assert.equal(await closeCode(peer.raw), 1011);
          peer.raw[Symbol.dispose]();
          assert.equal((await peer.connection.closed).cause, 'handler-error');
        }
        if (name === 'closed' || name === 'shutdownProgress') return;
        assert.equal(bystander.connection.state, 'open');
        bystander.connection.send('still here');
        assert.equal(await nextText(bystander.raw), 'still here');
        assert.equal(server.stats().errorsByCode.ERR_HANDLER, isMessage ? 2 : 1);
      });
    }
  }

  test(`ER-05 SE-28: a connection listener that ${how} closes that connection with 1011`, async (t) => {
    const { server, errors, join } = live(t);
    server.once('connection', fail);
    const { raw, connection } = await join();
    assert.equal(await closeCode(raw), 1011);
    raw[Symbol.dispose]();
    assert.equal((await connection.closed).cause, 'handler-error');
    assert.equal(errors.splice(0).length, 1);
    const next = await join();
    assert.equal(next.connection.state, 'open');
  });

  test(`ER-05 SE-28: an error listener that ${how} is not reported to error listeners again, and ends no connection`, async (t) => {
    const { server, errors, join } = live(t);
    server.on('error', fail);
    const { raw, connection } = await join();
    connection.on('message', fail);
    raw.send(text('x'));
    assert.equal(await closeCode(raw), 1011);
    assert.equal(errors.splice(0).length, 1);
    await eventLoopTurns(3);
  });

  const predicates: Readonly<Record<string, ServerOptions>> = {
    path: { path: fail as unknown as () => boolean },
    allowedOrigins: { allowedOrigins: fail as unknown as () => boolean },
    exemptAddresses: { exemptAddresses: fail as unknown as () => boolean, maxConnectionsPerIp: 1 },
  };
  for (const [name, options] of Object.entries(predicates)) {
    test(`ER-05 SE-28: ${name} that ${how}: 500, an error event, and no handshake is left`, async (t) => {
      const { server, errors, connect } = await listening(t, options);
      for (let i = 0; i < 3; i++) {
        const client = await connect();
        const { status } = await client.upgrade({ headers: { Origin: 'http://localhost' } });
        assert.equal(status, 500);
        assert.doesNotMatch((await client.receivedUntilEnd()).toString(), /as a test|promise/);
      }
      const told = errors.splice(0) as (Error & { code?: string })[];
      assert.deepEqual(
        told.map(({ code }) => code),
        ['ERR_HANDLER', 'ERR_HANDLER', 'ERR_HANDLER'],
      );
      if (how === 'throws') assert.equal(told[0]!.cause, fault);
      else assert.match(String(told[0]!.cause), /promise/);
      assert.equal(server.stats().handshakes.pending, 0);
    });
  }

  test(`ER-05 BC-03 SE-28: where that ${how} counts as failed for each recipient, and is reported`, async (t) => {
    const { server, errors, join } = live(t);
    const peers = [await join(), await join()];
    for (const { connection } of peers) connection.subscribe('t');
    const where = fail as unknown as (connection: Connection) => boolean;
    assert.deepEqual(server.broadcast('x', { where }), { sent: 0, skipped: 0, failed: 2 });
    const { sent, skipped, failed } = server.publish('t', 'x', { where });
    assert.deepEqual([sent, skipped, failed], [0, 0, 2]);
    assert.equal(errors.splice(0).length, 4);
    await eventLoopTurns(2);
    for (const { connection } of peers) assert.equal(connection.state, 'open');
  });
}

test('BC-03 SE-28: a where result that is not a boolean counts as failed for each recipient, and the error names it', async (t) => {
  const { server, errors, join } = live(t);
  await join();
  for (const verdict of [1, 'yes', undefined, null, {}]) {
    const where = (() => verdict) as unknown as () => boolean;
    assert.deepEqual(server.broadcast('x', { where }), { sent: 0, skipped: 0, failed: 1 });
    assert.match(String(errors.splice(0)[0]?.cause), /where returned .*; it must return true or false/);
  }
});

test('LG-01: a logger that throws for every line does not affect the service', async (t) => {
  let lines = 0;
  const broken = (): never => {
    lines++;
    throw new Error('disk full');
  };
  const { join, refusals } = live(t, {
    allowedOrigins: ['https://good.example'],
    logger: { debug: broken, info: broken, warn: broken, error: broken },
  });
  const { raw, connection } = await join();
  connection.on('message', () => undefined);
  raw.send(Buffer.concat([text('fine'), continuation('not fine')]));
  assert.equal(await closeCode(raw), 1002);
  raw[Symbol.dispose]();
  await connection.closed;
  const other = await join();
  other.raw.send(close(1000));
  assert.equal(await closeCode(other.raw), 1000);
  assert.equal(refusals.length, 0);
  assert.ok(lines >= 1);
});
