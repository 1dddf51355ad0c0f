import { test } from 'node:test';
import { fuzzFrames } from '../fuzz/frames.ts';
import { fuzzHead } from '../fuzz/head.ts';
import { fuzzUtf8 } from '../fuzz/utf8.ts';

// Seeds that found something once stay here; the others are a first look, `npm run fuzz` goes on from them.
for (const [name, fuzzer] of [
  ['frames: parser and assembly agree with a naive model, at every cutting', fuzzFrames],
  ['head: any bytes give a head or one typed refusal, the same at every cutting', fuzzHead],
  ['utf8: the validator agrees with a naive model, byte by byte', fuzzUtf8],
] as const) {
  for (const seed of [1, 2, 3]) {
    test(`TS-09 FP-13: fuzz ${name}: seed ${seed}`, () => fuzzer(seed, 400));
  }
}
