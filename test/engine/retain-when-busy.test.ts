import assert from 'node:assert/strict';
import process from 'node:process';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Engine } from '../../src/engine/engine.ts';

/** Whether `step` allocated the block that makes glibc retain freed memory: 24 MiB. */
async function adapts(step: () => unknown): Promise<boolean> {
  const before = process.memoryUsage().arrayBuffers;
  await step();
  return process.memoryUsage().arrayBuffers - before > 20_000_000;
}

async function writeTurns(engine: Engine, turns: number): Promise<void> {
  const item = { flushScheduled: false, flush: () => undefined, failed: assert.fail };
  for (let i = 0; i < turns; i++) {
    engine.flushQueue.schedule(item);
    await nextTurn();
  }
}

test('PF-08: freed memory is retained from the first large read, not from the start', async () => {
  const engine = new Engine();
  assert.equal(await adapts(() => engine.noteRead(1_048_576)), false, 'without the option');
  assert.equal(await adapts(() => engine.retainFreedMemory()), false);
  assert.equal(await adapts(() => engine.noteRead(1_023)), false);
  assert.equal(await adapts(() => engine.noteRead(1_024)), true);
  assert.equal(await adapts(() => engine.retainFreedMemory()), false);
  assert.equal(await adapts(() => engine.noteRead(1_024)), false, 'once is enough');
  assert.equal(await adapts(() => writeTurns(engine, 70)), false, 'once is enough');
});

test('PF-08: freed memory is retained after 64 turns with writes, without any read', async () => {
  const engine = new Engine();
  assert.equal(await adapts(() => writeTurns(engine, 70)), false, 'without the option');
  engine.retainFreedMemory();
  assert.equal(await adapts(() => writeTurns(engine, 63)), false);
  assert.equal(await adapts(() => writeTurns(engine, 1)), true);
  assert.equal(await adapts(() => engine.noteRead(1_048_576)), false);
});
