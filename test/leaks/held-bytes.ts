import process from 'node:process';
import { eventLoopTurns } from '../../src/testing/index.ts';
import { collectGarbage } from '../garbage.ts';

/** Heap and external memory after garbage collection, in bytes. */
export async function heldBytes(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    await eventLoopTurns(2);
    collectGarbage();
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/**
 * The smallest growth of memory in several rounds, in bytes. A leak shows in every round; code that V8 compiles meanwhile shows
 * in some.
 */
export async function leastGrowth(rounds: number, run: () => Promise<void>): Promise<number> {
  let least = Infinity;
  let before = await heldBytes();
  for (let round = 0; round < rounds; round++) {
    await run();
    const after = await heldBytes();
    least = Math.min(least, after - before);
    before = after;
  }
  return least;
}
