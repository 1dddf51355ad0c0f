import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventLoopTurns, seededRandom, text } from '../../src/testing/index.ts';
import type { RandomSource } from '../../src/engine/random.ts';
import { live, nextText } from '../server/live.ts';

test('GN-03 SE-30: a deadline that throws ends its connection with the error; other connections are pinged as planned', async (t) => {
  let pings = 0;
  const seeded = seededRandom(1);
  const random: RandomSource = {
    ...seeded,
    uuid: () => seeded.uuid(),
    // All first pings are due at the same time.
    fraction: () => 0.5,
    bytes: (count: number) => {
      if (++pings === 2) throw new Error('boom');
      return Buffer.alloc(count, pings);
    },
  };
  const { server, join, pass, closes } = live(t, { random, idleTimeoutMs: false });
  server.on('message', (connection, message) => void connection.send(message));
  const peers = [await join(), await join(), await join()];
  await pass(30_000, 500);
  assert.ok(pings >= 3, `${pings} pings`);
  assert.deepEqual(
    closes.map(({ cause, error }) => [cause, error?.code, (error?.cause as Error | undefined)?.message]),
    [['internal-error', 'ERR_INTERNAL', 'boom']],
  );
  assert.deepEqual(
    peers.map(({ connection }) => connection.state),
    ['open', 'closed', 'open'],
  );
  for (const { raw } of [peers[0]!, peers[2]!]) {
    assert.equal((await raw.nextFrame()).opcode, 9);
    raw.send(text('still here'));
    assert.equal(await nextText(raw), 'still here');
  }
  await eventLoopTurns(1);
});
