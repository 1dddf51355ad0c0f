import { test } from 'node:test';
import { fuzzAnswer } from '../fuzz/answer.ts';
import { fuzzAssembly } from '../fuzz/assembly.ts';
import { fuzzConnections } from '../fuzz/connections.ts';
import { fuzzDeflate } from '../fuzz/deflate.ts';
import { fuzzFrames } from '../fuzz/frames.ts';
import { fuzzHead } from '../fuzz/head.ts';
import { fuzzLists } from '../fuzz/lists.ts';
import { fuzzOutbox } from '../fuzz/outbox.ts';
import { fuzzUtf8 } from '../fuzz/utf8.ts';

// Seeds that found something once stay here; the others are a first look, `npm run fuzz` goes on from them.
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
] as const) {
  for (const seed of [1, 2, 5, 855]) {
    test(`TS-09 FP-13: fuzz ${name}: seed ${seed}`, () => fuzzer(seed, 400));
  }
}
