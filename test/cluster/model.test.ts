import { test } from 'node:test';
import { fuzzTopics } from '../../fuzz/topics.ts';

/** Seeds that found a fault, of the node or of the model, in the order of finding. */
const FOUND = [22, 49, 482, 1_203];

for (const seed of FOUND)
  test(`HI-04 SC-05 every subscriber gets every message once and in order, or is told (seed ${seed})`, () =>
    fuzzTopics(seed, 25));

test('HI-04 SC-05 three nodes with cuts, lost arrivals, stalls and restarts keep the order of the broker', async () => {
  for (let seed = 1; seed <= 10; seed++) await fuzzTopics(seed, 500);
});
