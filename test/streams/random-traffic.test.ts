import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { type Connection, messageStreams } from '../../src/index.ts';
import { eventLoopTurns, pair, seededRandom, waitUntil } from '../../src/testing/index.ts';

/** A message names itself in its first 8 characters; the rest repeats its number. `s` is a stream, `m` is not. */
const payloadOf = (kind: 's' | 'm', id: number, bytes: number): Buffer =>
  Buffer.from(`${kind}${String(id).padStart(6, '0')}:`.padEnd(8 + bytes, `${id % 10}`));

interface Arrived {
  readonly whole: Buffer[];
  /** Bytes of a message that failed. */
  cut: Buffer | undefined;
}

async function* piecesOf(payload: Buffer, upTo: (most: number) => number): AsyncGenerator<Buffer> {
  for (let at = 0; at < payload.length; ) {
    const end = at + 1 + upTo(6_000);
    yield payload.subarray(at, end);
    if (upTo(3) === 0) await eventLoopTurns(1);
    at = end;
  }
}

async function receiveWhole(connection: Connection, into: Arrived): Promise<void> {
  for await (const message of connection) into.whole.push(Buffer.from(message as Buffer));
}

async function receiveStreams(connection: Connection, into: Arrived): Promise<void> {
  for await (const stream of messageStreams(connection)) {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of stream) chunks.push(chunk);
      into.whole.push(Buffer.concat(chunks));
    } catch {
      into.cut = Buffer.concat(chunks);
    }
  }
}

test('FB-12 FR-10: streams, messages, pings and closes in random order: messages arrive whole and in order, or fail', async () => {
  for (let seed = 1; seed <= 12; seed++) {
    const random = seededRandom(seed);
    const upTo = (most: number): number => Math.floor(random.fraction() * most);
    const perMessageDeflate = upTo(2) === 0;
    const options = { perMessageDeflate, highWaterMarkBytes: 4_096, maxBufferedBytes: 16_777_216 };
    await using joined = await pair({ server: options, client: options, seed });
    const from = upTo(2) === 0 ? joined.client : joined.server;
    const to = from === joined.client ? joined.server : joined.client;
    joined.wire.toServer.cutInto(1 + upTo(5_000));
    joined.wire.toClient.cutInto(1 + upTo(5_000));
    const arrived: Arrived = { whole: [], cut: undefined };
    const receiving = upTo(4) === 0 ? receiveWhole(to, arrived) : receiveStreams(to, arrived);

    from.on('message', () => {});
    const sent = { s: [] as Buffer[], m: [] as Buffer[] };
    const streams: Promise<boolean>[] = [];
    const endsEarly = upTo(3) === 0;
    for (let step = 0; step < 30; step++) {
      const what = upTo(6);
      if (what < 2) {
        const payload = payloadOf('s', sent.s.length, upTo(20_000));
        sent.s.push(payload);
        streams.push(
          from.sendStream(piecesOf(payload, upTo)).then(
            (bytes) => bytes === payload.length,
            () => false,
          ),
        );
      } else if (what < 4) {
        const payload = payloadOf('m', sent.m.length, upTo(10_000));
        sent.m.push(payload);
        from.send(payload);
      } else if (what === 4) from.ping('p');
      else to.send('against the current');
      if (upTo(2) === 0) await eventLoopTurns(1 + upTo(3));
    }
    let completed: boolean[] = [];
    if (!endsEarly) completed = await Promise.all(streams);
    const ending = endsEarly ? upTo(3) : 0;
    if (ending === 0) from.close();
    else if (ending === 1) to.close();
    else joined.wire.reset();
    await waitUntil(() => from.state !== 'open' && to.state !== 'open');
    for (let i = 0; i < 200 && (from.state !== 'closed' || to.state !== 'closed'); i++) await joined.pass(50);
    completed = await Promise.all(streams);
    await receiving;

    const context = `seed ${seed}`;
    for (const kind of ['s', 'm'] as const) {
      const got = arrived.whole.filter((message) => String.fromCharCode(message[0]!) === kind);
      if (!endsEarly) assert.equal(got.length, sent[kind].length, context);
      for (const [at, message] of got.entries())
        assert.ok(message.equals(sent[kind][at]!), `${context}: ${kind} ${at}`);
    }
    assert.equal(
      arrived.whole.filter((message) => !'sm'.includes(String.fromCharCode(message[0]!))).length,
      0,
      context,
    );
    const { cut } = arrived;
    if (!endsEarly) {
      assert.ok(completed.every(Boolean), context);
      assert.equal(cut, undefined, context);
    } else if (cut !== undefined && cut.length >= 8) {
      const kind = String.fromCharCode(cut[0]!) as 's' | 'm';
      const whole = sent[kind][Number(cut.subarray(1, 7))]!;
      assert.ok(whole.subarray(0, cut.length).equals(cut), context);
    }
  }
});
