import process from 'node:process';
import { parseArgs } from 'node:util';
import { fuzzFrames } from './frames.ts';
import { fuzzHead } from './head.ts';
import { fuzzUtf8 } from './utf8.ts';

const USAGE = `npm run fuzz -- [--seconds N] [--seed S] [--only name]
  --seconds N   how long, in all; shared evenly (default 60)
  --seed S      where to begin, a whole number; a finding names the seed that repeats it (default: the time)
  --only name   one fuzzer: frames, head or utf8
`;

type Fuzzer = (seed: number, iterations: number) => void;
const FUZZERS: ReadonlyMap<string, Fuzzer> = new Map([
  ['frames', fuzzFrames],
  ['head', fuzzHead],
  ['utf8', fuzzUtf8],
]);
/** Iterations per seed: a finding is repeated in a moment by its seed alone. */
const BATCH = 500;

/** Runs one fuzzer for some time. @returns False on a finding, which is printed. */
function run(name: string, fuzzer: Fuzzer, firstSeed: number, milliseconds: number): boolean {
  const startedAt = performance.now();
  let elapsedMs = 0;
  let seed = firstSeed;
  for (; elapsedMs < milliseconds; elapsedMs = performance.now() - startedAt) {
    try {
      fuzzer(seed, BATCH);
    } catch (error) {
      const cause = error instanceof Error && error.cause instanceof Error ? `\n${error.cause.stack}` : '';
      const finding = error instanceof Error ? error.message : String(error);
      process.stdout.write(`${name}: ${finding}${cause}\nrepeat: --only ${name} --seed ${seed}\n`);
      return false;
    }
    seed++;
  }
  const iterations = (seed - firstSeed) * BATCH;
  const rate = Math.round((iterations * 1_000) / elapsedMs);
  process.stdout.write(`${name}: seed ${firstSeed}, ${iterations} iterations, ${rate} per second\n`);
  return true;
}

function main(): number {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '60' },
      seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
      only: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const seconds = Number(values.seconds);
  const seed = Number(values.seed);
  const chosen = [...FUZZERS].filter(([name]) => values.only === undefined || values.only === name);
  if (values.help || chosen.length === 0 || !(seconds > 0) || !Number.isSafeInteger(seed)) {
    process.stdout.write(USAGE);
    return values.help ? 0 : 2;
  }
  const results = chosen.map(([name, fuzzer]) => run(name, fuzzer, seed, (seconds * 1_000) / chosen.length));
  return results.includes(false) ? 1 : 0;
}

process.exitCode = main();
