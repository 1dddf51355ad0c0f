import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fuzzAnswer } from '../fuzz/answer.ts';
import { fuzzAssembly } from '../fuzz/assembly.ts';
import { fuzzCaptures } from '../fuzz/captures.ts';
import { fuzzConnections } from '../fuzz/connections.ts';
import { fuzzDeflate } from '../fuzz/deflate.ts';
import { fuzzFrames } from '../fuzz/frames.ts';
import { fuzzHead } from '../fuzz/head.ts';
import { fuzzLists } from '../fuzz/lists.ts';
import { fuzzMingling } from '../fuzz/mingling.ts';
import { fuzzOutbox } from '../fuzz/outbox.ts';
import { fuzzTopics } from '../fuzz/topics.ts';
import { fuzzUtf8 } from '../fuzz/utf8.ts';
import { defaultEngine } from '../src/engine/engine.ts';

// A short run: seeds that once found a fault, and a few others. `npm run fuzz` runs longer.
for (const [name, fuzzer] of [
  ['frames: parser and assembly agree with a naive model for every cut of the input', fuzzFrames],
  ['head: any bytes give a head or one typed refusal, the same for every cut', fuzzHead],
  [
    'answer: any bytes give a connection, one error or a need for more bytes, the same for every cut',
    fuzzAnswer,
  ],
  ['utf8: the validator agrees with a naive model, byte by byte', fuzzUtf8],
  ['lists: the parsers of list fields agree with independent models', fuzzLists],
  [
    'assembly: messages equal the frames that went in, and invalid UTF-8 fails in the first piece that shows it',
    fuzzAssembly,
  ],
  ['outbox: writes whole frames in order, and its byte and drop counts add up', fuzzOutbox],
  [
    'deflate: data that zlib compressed inflates for every cut, and no list of extensions throws',
    fuzzDeflate,
  ],
  ['topics: subscribers on three nodes get every message once and in order, or are told', fuzzTopics],
  ['captures: any file gives a description or one typed refusal, and stays as it was', fuzzCaptures],
  [
    'connections: after any sequence of events every connection ends once and retains nothing',
    fuzzConnections,
  ],
  [
    'mingling: over every transport each message arrives once, whole, in order, without bytes of another',
    fuzzMingling,
  ],
] as const) {
  for (const seed of [1, 2, 5, 855]) {
    test(`TS-09 FP-13: fuzz ${name}: seed ${seed}`, () => fuzzer(seed, 400));
  }
}

/** Seeds to try until the planted fault shows. In trials at most 16 were needed. */
const MAX_LIVES = 80;

test('TS-09 GN-07: the fuzzer mingling detects received bytes that are reused after their memory was overwritten', async (t) => {
  t.mock.method(defaultEngine.reusableBytes, 'forget', () => undefined);
  const lives = async (): Promise<void> => {
    for (let seed = 1; seed <= MAX_LIVES; seed++) await fuzzMingling(seed, 100);
  };
  await assert.rejects(lives, /seed \d+, iteration 0, over/);
});
