import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, test, type TestContext } from 'node:test';
import { type Engine, natsEngine, writeEnvelope } from '../../../src/cluster/index.ts';
import { type ControlMessage, writeControl } from '../../../src/cluster/engines/nats/control-message.ts';
import { Subjects } from '../../../src/cluster/engines/nats/subjects.ts';
import { systemClock } from '../../../src/engine/clock.ts';
import { bytesOf, ContractNode } from '../../../src/testing/engine-contract-context.ts';
import { waitUntil } from '../../../src/testing/index.ts';
import { type AppConnection, type ClientKind, CLIENTS, noClients } from './clients.ts';
import { eventsOf, joined, liveNode, nats, textsOf, until } from './live.ts';
import { type NatsServer, noNats } from './server.ts';

const SUBJECTS = new Subjects('hawser');

interface Host extends ContractNode {
  readonly connection: AppConnection;
}

/** An engine on a connection of its own, not started. Both end with the test. */
async function hostOn(
  t: TestContext,
  server: NatsServer,
  kind: ClientKind,
  { nodeId, connecting, ...options }: { nodeId?: string; connecting?: object; deadlineMs?: number } = {},
): Promise<Host> {
  const connection = await kind.connect(server.url, connecting);
  const engine: Engine = natsEngine({ connection, ...options });
  const host = new ContractNode(engine, systemClock, {});
  if (nodeId !== undefined) Object.defineProperty(host, 'nodeId', { value: nodeId });
  t.after(async () => {
    await engine.stop(1_000);
    await connection.close();
  });
  return Object.assign(host, { connection });
}

const start = async (host: Host): Promise<void> => host.engine.start(host);

describe('strangers', { skip: noNats || noClients, concurrency: 4 }, () => {
  for (const kind of CLIENTS) {
    const { name } = kind;

    test(`SC-06 ${name}: foreign and broken messages on every subject are reported and dropped, and stop no node`, async (t) => {
      const server = await nats(t);
      const [a, b] = [liveNode(t, server.url, kind), liveNode(t, server.url, kind)];
      await joined(a, b);
      const stranger = await kind.connect(server.url);
      t.after(() => stranger.close());
      const header = { node: 'other', seq: 64, epoch: undefined, first: 0 };
      const whole = writeEnvelope('m', header, [Buffer.from([0x81, 2, 0x68, 0x69]), Buffer.from([0x81, 0])]);
      const control = (...parts: string[]): Buffer =>
        writeEnvelope(
          'c',
          { ...header, seq: 0 },
          parts.map((part) => Buffer.from(part)),
        );
      const ofTopic = [
        ...Array.from({ length: 20 }, (_, end) => whole.subarray(0, end)),
        Buffer.from('{"hello":"world"}'),
        writeEnvelope('m', { ...header, epoch: 'e', first: 1 }, [Buffer.from([0x81, 0])]),
        control('tell', 'probe 1'),
      ];
      const toNodes = [
        Buffer.from('hello'),
        whole,
        control('unknown'),
        control('beat', 'other', ''),
        control('beat', 'another claim 30000 0', ''),
        control('ask x 1', 'topic'),
        control('members 1'),
        control('roll'),
        control('drop', 'topic'),
        control('bye'),
      ];
      assert.deepEqual([...a.owner.faults, ...b.owner.faults].map(String), []);
      for (const bytes of ofTopic)
        stranger.publish(SUBJECTS.channel({ kind: 'messages', topic: 'news' }), bytes);
      for (const subject of [SUBJECTS.control, SUBJECTS.node(b.node.nodeId), SUBJECTS.roll])
        for (const bytes of toNodes) stranger.publish(subject, bytes);
      await stranger.flush();
      await until(
        'the reports',
        () => a.owner.faults.length + b.owner.faults.length >= ofTopic.length + 4 * toNodes.length,
      );
      for (const { owner } of [a, b])
        assert.ok(owner.faults.every((error) => 'code' in error && error.code === 'ERR_ENGINE_MESSAGE'));
      assert.equal((await a.publish('news', 'after')).ok, true);
      await until('the message', () => textsOf(b).includes('after'));
      assert.deepEqual(textsOf(b), ['after']);
      assert.equal(eventsOf(a, 'down') + eventsOf(b, 'down'), 0);
    });

    test(`SC-03 ${name}: of two nodes with one id the second is refused at its start, until the first has stopped`, async (t) => {
      const server = await nats(t);
      const [one, two, three] = await Promise.all(
        [0, 1, 2].map(() => hostOn(t, server, kind, { nodeId: 'same' })),
      );
      await start(one!);
      await assert.rejects(start(two!), (error: Error & { code: string }) => {
        assert.equal(error.code, 'ERR_ENGINE_REFUSED');
        assert.match(error.message, /another node with the id same is alive/);
        return true;
      });
      assert.deepEqual([two!.connections, (await one!.engine.beat(bytesOf('one'), 30_000)).length], [0, 1]);
      assert.throws(() => one!.engine.start(one!), { code: 'ERR_STATE' });
      await one!.engine.stop(1_000);
      await start(three!);
    });

    test(`SC-03 ${name}: of two nodes with one id that met while both run, one is refused until the other leaves or expires`, async (t) => {
      const server = await nats(t);
      const host = await hostOn(t, server, kind, { nodeId: 'same' });
      await start(host);
      const other = await kind.connect(server.url);
      t.after(() => other.close());
      // No claim is less than this one.
      const peer = { node: 'same', claim: '-', info: bytesOf('other') };
      const say = async (message: ControlMessage): Promise<void> => {
        other.publish(SUBJECTS.control, writeControl('same', message));
        await other.flush();
      };
      const beat = (): Promise<unknown> => host.engine.beat(bytesOf('host'), 30_000);
      await say({ op: 'beat', peer: { ...peer, ttlMs: 30_000 } });
      await until('the report', () => host.faults.length === 1);
      await assert.rejects(beat(), { code: 'ERR_ENGINE_REFUSED' });
      await say({ op: 'bye', claim: '-' });
      await beat();
      await say({ op: 'beat', peer: { ...peer, ttlMs: 100 } });
      await until('the report', () => host.faults.length === 2);
      await waitUntil(
        () =>
          beat().then(
            () => true,
            () => false,
          ),
        { description: 'a beat that is accepted', deadlineMs: 20_000 },
      );
    });

    test(`SC-03 ${name}: the connection stays the application's: open after stop, and without subscriptions`, async (t) => {
      const server = await nats(t);
      const host = await hostOn(t, server, kind);
      let own = 0;
      host.connection.subscribe('app.>', { callback: () => own++ });
      await start(host);
      await host.interest('news');
      await host.engine.stop(1_000);
      await assert.rejects(host.batch('news', ['a']), { code: 'ERR_ENGINE_DOWN' });
      assert.equal(host.connection.isClosed(), false);
      const other = await kind.connect(server.url);
      t.after(() => other.close());
      for (const subject of [
        SUBJECTS.control,
        SUBJECTS.roll,
        SUBJECTS.channel({ kind: 'messages', topic: 'news' }),
      ])
        await assert.rejects(
          other.request(subject, Buffer.from('x'), { timeout: 5_000 }),
          /503|no responders/i,
        );
      other.publish('app.one', Buffer.from('x'));
      await until('the message of the application', () => own === 1);
    });

    test(`SC-07 ${name}: the application closes the connection: engineDown once, with a sentence that says so`, async (t) => {
      const server = await nats(t);
      const host = await hostOn(t, server, kind);
      await start(host);
      await host.connection.close();
      await until('the report', () => host.disconnections === 1);
      await assert.rejects(host.batch('news', ['a']), { code: 'ERR_ENGINE_DOWN' });
      host.engine.reconnect(new Error('the test says so'));
      assert.equal(host.disconnections, 1);
    });

    test(`SC-03 ${name}: a connection with noEcho, and a user without permissions, are refused with the reason`, async (t) => {
      const server = await nats(
        t,
        'authorization { users: [ { user: all, password: p }, { user: some, password: p, permissions: { publish: "app.>", subscribe: [">"] } }, { user: deaf, password: p, permissions: { publish: ">", subscribe: ["app.>", "_INBOX.>"] } } ] }',
      );
      const refused = async (connecting: object, message: RegExp): Promise<void> => {
        const host = await hostOn(t, server, kind, { connecting: { pass: 'p', ...connecting } });
        await assert.rejects(start(host), (error: Error & { code: string }) => {
          assert.equal(error.code, 'ERR_ENGINE_REFUSED');
          assert.match(error.message, message);
          return true;
        });
      };
      await refused({ user: 'all', noEcho: true }, /connect without noEcho/);
      await refused({ user: 'some' }, /allow its user to publish and subscribe below the prefix/);
      await refused({ user: 'deaf' }, /allow its user to publish and subscribe below the prefix/);
    });

    test(`SC-03 ${name}: a message over max_payload is refused, and a batch over it is sent in parts`, async (t) => {
      const server = await nats(t, 'max_payload: 16384');
      const [a, b] = [liveNode(t, server.url, kind), liveNode(t, server.url, kind)];
      await joined(a, b);
      const refusal = await a.publish('news', 'x'.repeat(16_300));
      assert.ok(!refusal.ok);
      assert.deepEqual(
        [(refusal.error as { code?: string }).code, refusal.outcome],
        ['ERR_ENGINE_REFUSED', 'not-published'],
      );
      const texts = Array.from({ length: 40 }, (_, at) => `${at}`.padEnd(at % 3 === 0 ? 9_000 : 3_000, '.'));
      const results = await Promise.all(texts.map((text) => a.publish('news', text)));
      assert.ok(results.every(({ ok }) => ok));
      await until('all of them', () => textsOf(b).length >= texts.length);
      assert.deepEqual(textsOf(b), texts);
      assert.equal((await a.publish('news', 'x'.repeat(16_200))).ok, true);
    });

    test(`SC-03 ${name}: a subject that the server does not allow fails its publishes, and no others`, async (t) => {
      const denied = SUBJECTS.channel({ kind: 'messages', topic: 'denied' });
      const server = await nats(
        t,
        `authorization { users: [ { user: u, password: p, permissions: { publish: { deny: "${denied}" } } } ] }`,
      );
      const host = await hostOn(t, server, kind, { connecting: { user: 'u', pass: 'p' } });
      await start(host);
      for (let i = 0; i < 2; i++)
        await assert.rejects(host.batch('denied', ['a']), { code: 'ERR_ENGINE_REFUSED' });
      await host.batch('allowed', ['a']);
      assert.ok(host.faults.length >= 1);
    });

    test(`HI-07 ${name}: members above one part of an answer are all read, from all nodes`, async (t) => {
      const server = await nats(t);
      const hosts = await Promise.all([hostOn(t, server, kind), hostOn(t, server, kind)]);
      for (const host of hosts) await start(host);
      for (const [number, host] of hosts.entries())
        for (let chunk = 0; chunk < 10; chunk++)
          await host.engine.enter(
            'news',
            new Map(
              Array.from({ length: 64 }, (_, at) => [
                `${number} ${chunk} ${at}`,
                new Uint8Array(500).fill(at),
              ]),
            ),
          );
      const { count, entries } = await hosts[0].engine.members('news', 5_000);
      assert.deepEqual([count, entries!.size, entries!.get('1 9 63')![499]], [1_280, 1_280, 63]);
      assert.deepEqual(await hosts[1].engine.members('news', 1_000), { count: 1_280 });
    });

    test(`HI-07 ${name}: a node that is alive and does not answer keeps its members where they are followed`, async (t) => {
      const server = await nats(t);
      const [silent, host] = await Promise.all([
        hostOn(t, server, kind),
        hostOn(t, server, kind, { deadlineMs: 300 }),
      ]);
      await start(silent);
      await start(host);
      await host.interest('news', 'members');
      await silent.engine.enter('news', new Map([['of the silent node', bytesOf('1')]]));
      await until('the change', () => host.arrivals.length === 1);
      // A node that stops says so; this one only loses its connection.
      await silent.connection.close();
      const read = await host.engine.members('news', 10);
      assert.deepEqual([...read.entries!.keys()], ['of the silent node']);
      assert.equal((await host.engine.members('other', 10)).count, 0);
    });

    for (const [title, isWanted, texts] of [
      ['a batch that arrived before an outage is dropped when it comes again after it', true, ['a', 'last']],
      ['an engine forgets arrivals of topics whose interest ended in an outage', false, ['a', 'a', 'last']],
    ] as const)
      test(`SC-05 ${name}: ${title}`, async (t) => {
        const server = await nats(t);
        const [a, b] = await Promise.all([hostOn(t, server, kind), hostOn(t, server, kind)]);
        for (const host of [a, b]) await start(host);
        const again = (): Promise<unknown> => a.batch('news', ['a'], undefined, 1);
        await b.interest('news');
        await again();
        await until('the message', () => b.arrivals.length === 1);
        await b.connection.reconnect();
        await until('the end of the outage', () => b.connections === 2);
        if (isWanted) await b.interest('news');
        for (let beats = 0; beats < 2; beats++) await b.engine.beat(bytesOf('b'), 30_000);
        await b.interest('news');
        await again();
        await a.batch('news', ['last'], undefined, 2);
        await until('the last message', () => b.texts.includes('last'));
        assert.deepEqual(b.texts, texts);
      });
  }
});
