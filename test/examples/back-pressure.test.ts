import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ENTRY_BYTES } from '../../src/protocol/limits.ts';
import { text } from '../../src/testing/index.ts';
import { runExample } from './run-example.ts';

test('EX-01 BP-03 back-pressure: a slow consumer gets everything, and little is buffered', async (t) => {
  const lines = 10_000;
  const { join, output, waitForOutput } = await runExample(t, 'back-pressure.ts');
  const slow = await join();
  slow.stream.pause();
  slow.send(text(String(lines)));
  const quick = await join();
  quick.send(text('1'));
  await waitForOutput(/^1 lines/m);
  assert.doesNotMatch(output(), /^10000 lines/m, 'the producer waits for the slow client');
  slow.stream.resume();
  for (let i = 1; i <= lines; i++) {
    const { payload } = await slow.nextFrame();
    assert.equal(payload.toString('latin1').startsWith(`line ${i} of ${lines} `), true);
  }
  const [, mostBytes = ''] = await waitForOutput(/^10000 lines, at most (\d+) bytes waited/m);
  // The line that reaches the mark may also be the first of a new queue entry, which counts on its own.
  assert.ok(Number(mostBytes) <= 262_144 + 1_004 + ENTRY_BYTES, `${mostBytes} bytes waited`);
});

test('EX-01 BP-15 price ticker: a slow client misses old books, and gets the newest of each share in order', async (t) => {
  const { join, waitForOutput } = await runExample(t, 'price-ticker.ts', { env: { EVERY_MS: '2' } });
  const slow = await join();
  slow.stream.pause();
  await waitForOutput(/^conflate: \S+ reads slowly$/m);
  const quick = await join();
  const { version: now } = JSON.parse((await quick.nextFrame()).payload.toString()) as { version: number };
  slow.stream.resume();
  const newest: Record<string, number> = { ACME: 0, BOLT: 0, COGS: 0 };
  let missed = 0;
  while (Object.values(newest).some((version) => version <= now)) {
    const { share, version } = JSON.parse((await slow.nextFrame()).payload.toString()) as {
      share: string;
      version: number;
    };
    const before = newest[share]!;
    assert.ok(version > before, `${share} ${version} after ${before}`);
    if (before > 0) missed += version - before - 1;
    newest[share] = version;
  }
  assert.ok(missed > 0);
});
