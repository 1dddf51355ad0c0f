import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fuzzAnswer } from '../fuzz/answer.ts';
import { fuzzAssembly } from '../fuzz/assembly.ts';
import { fuzzConnections } from '../fuzz/connections.ts';
import { fuzzDeflate } from '../fuzz/deflate.ts';
import { fuzzFrames } from '../fuzz/frames.ts';
import { fuzzHead } from '../fuzz/head.ts';
import { fuzzLists } from '../fuzz/lists.ts';
import { fuzzMingling } from '../fuzz/mingling.ts';
import { fuzzOutbox } from '../fuzz/outbox.ts';
import { fuzzUtf8 } from '../fuzz/utf8.ts';
import { defaultEngine } from '../src/engine/engine.ts';

// Seeds that once found a fault stay here. The others are a short run; `npm run fuzz` continues from them.
for (const [name, fuzzer] of [
  ['frames: parser and assembly agree with a naive model, at every cutting', fuzzFrames],
  ['head: any bytes give a head or one typed refusal, the same at every cutting', fuzzHead],
  ['answer: any bytes give a connection, one error, or the wish for more, at every cutting', fuzzAnswer],
  ['utf8: the validator agrees with a naive model, byte by byte', fuzzUtf8],
  ['lists: each list of a field reads as an independent model reads it', fuzzLists],
  [
    'assembly: what comes out is what went in, and text fails in the piece that makes it impossible',
    fuzzAssembly,
  ],
  ['outbox: whole frames in order, and bytes and drops that add up', fuzzOutbox],
  [
    'deflate: what zlib compressed comes out, at every cutting, and no list of extensions throws',
    fuzzDeflate,
  ],
  ['connections: whatever happens, every connection ends once and leaves nothing', fuzzConnections],
  [
    'mingling: over every transport, no message has bytes of another, and each arrives whole, once and in order',
    fuzzMingling,
  ],
] as const) {
  for (const seed of [1, 2, 5, 855]) {
    test(`TS-09 FP-13: fuzz ${name}: seed ${seed}`, () => fuzzer(seed, 400));
  }
}

/** Lives until the planted fault below shows; in trials it needed at most 16. */
const MAX_LIVES = 80;

test('TS-09 GN-07: the fuzzer mingling detects received bytes that are reused after their memory was overwritten', async (t) => {
  t.mock.method(defaultEngine.reusableBytes, 'forget', () => undefined);
  const lives = async (): Promise<void> => {
    for (let seed = 1; seed <= MAX_LIVES; seed++) await fuzzMingling(seed, 100);
  };
  await assert.rejects(lives, /seed \d+, iteration 0, over/);
});
