import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WebSocketServer } from '../../../src/index.ts';
import { natsEngine } from '../../../src/cluster/index.ts';
import { Subjects } from '../../../src/cluster/engines/nats/subjects.ts';
import { envelopesOf, Arrivals } from '../../../src/cluster/engines/nats/messages.ts';
import { readEnvelope } from '../../../src/cluster/envelope.ts';
import { systemClock } from '../../../src/engine/clock.ts';
import { bytesOf, ContractNode, textsOf } from '../../../src/testing/engine-contract-context.ts';

const refused = (options: unknown, message: RegExp): void =>
  assert.throws(
    () => natsEngine(options as never),
    (error: Error & { code: string }) => {
      assert.match(error.message, message);
      assert.match(error.code, /^ERR_(OPTION|ARGUMENT)$/);
      return true;
    },
  );

const pending = new Promise<never>(() => {});

test('SC-03 natsEngine refuses what is not a connection, and names what to pass', async () => {
  for (const connection of [undefined, null, 'nats://localhost', {}, { publish() {}, subscribe() {} }])
    refused(
      { connection },
      /natsEngine: connection is .*must be what connect\(\) of @nats-io\/transport-node 3 or nats 2.29 returns/,
    );
  for (const connection of [Promise.resolve({} as never), Promise.reject(new Error('wrong password'))]) {
    const host = new ContractNode(natsEngine({ connection }), systemClock, {});
    await assert.rejects(host.engine.start(host), /natsEngine: connection is|wrong password/);
    await assert.rejects(host.batch('news', ['a']), { code: 'ERR_ENGINE_DOWN' });
    assert.equal(host.disconnections, 1);
  }
});

test('SC-03 natsEngine refuses unknown options and wrong values', () => {
  assert.equal(natsEngine({ connection: pending }).name, 'nats');
  refused(undefined, /options/);
  refused({ connection: pending, prefx: 'a' }, /prefx.*prefix/);
  for (const prefix of ['', '.', 'a.', '.a', 'a..b', 'a b', 'a.*', '>', 'x'.repeat(65), 1])
    refused({ connection: pending, prefix }, /prefix is/);
  refused({ connection: pending, deadlineMs: 0 }, /deadlineMs is 0/);
  assert.throws(() => (natsEngine as (...all: unknown[]) => unknown)({ connection: pending }, 1), {
    code: 'ERR_ARGUMENT',
  });
});

test('SC-03 rules for history together with natsEngine are refused with a sentence that names redisEngine', () => {
  assert.throws(
    () => new WebSocketServer({ cluster: natsEngine({ connection: pending }), history: { match: 'room:*' } }),
    /history .*the engine nats, which stores no messages; redisEngine does/,
  );
});

test('SC-03 every topic is one token of a subject', () => {
  const subjects = new Subjects('app.hawser');
  for (const topic of ['news', 'a.b', '*', '>', 'ü', '', 'a b']) {
    const subject = subjects.channel({ kind: 'messages', topic });
    assert.match(subject, /^app\.hawser\.c\.[\w-]+$/);
    assert.notEqual(subject, subjects.channel({ kind: 'members', topic }));
  }
});

test('SC-05 a batch that is sent again, split in another way, is delivered once', () => {
  const texts = Array.from({ length: 10 }, (_, at) => `entry ${at}`);
  const entries = texts.map((text) => bytesOf(text));
  const arrivals = new Arrivals();
  const delivered: string[] = [];
  const arrive = (envelope: Uint8Array): void =>
    void delivered.push(...textsOf(arrivals.fresh(readEnvelope(envelope, 1_000)).entries));
  const inThree = envelopesOf('m', 'node', 7, entries, 60);
  assert.ok(inThree.length > 2);
  for (const envelope of inThree) assert.ok(envelope.length <= 60);
  arrive(inThree[0]!);
  arrive(inThree[1]!);
  for (const envelope of envelopesOf('m', 'node', 7, entries, 1_000)) arrive(envelope);
  for (const envelope of inThree) arrive(envelope);
  assert.deepEqual(delivered, texts);
  for (const envelope of envelopesOf('m', 'node', 8, [bytesOf('next')], 1_000)) arrive(envelope);
  assert.equal(delivered.at(-1), 'next');
  assert.throws(() => envelopesOf('m', 'node', 9, [bytesOf('a'), new Uint8Array(90)], 60), {
    code: 'ERR_ENGINE_REFUSED',
  });
});
