import process from 'node:process';
import { parseArgs } from 'node:util';
import { fuzzAnswer } from './answer.ts';
import { fuzzAssembly } from './assembly.ts';
import { fuzzCaptures } from './captures.ts';
import { fuzzConnections } from './connections.ts';
import { fuzzDeflate } from './deflate.ts';
import { fuzzFrames } from './frames.ts';
import { fuzzHead } from './head.ts';
import { fuzzLists } from './lists.ts';
import { fuzzMingling } from './mingling.ts';
import { fuzzOutbox } from './outbox.ts';
import { fuzzTopics } from './topics.ts';
import { fuzzUtf8 } from './utf8.ts';

const USAGE = `npm run fuzz -- [name…] [--seconds N] [--seed S]
  name          frames, head, answer, utf8, lists, assembly, outbox, connections, mingling, deflate, captures, topics; all by default
  --seconds N   how long, in all; shared evenly (default 60)
  --seed S      where to begin, a whole number; a finding names the seed that repeats it (default: the time)
`;

type Fuzzer = (seed: number, iterations: number) => void | Promise<void>;
const FUZZERS: ReadonlyMap<string, Fuzzer> = new Map([
  ['frames', fuzzFrames],
  ['head', fuzzHead],
  ['answer', fuzzAnswer],
  ['utf8', fuzzUtf8],
  ['lists', fuzzLists],
  ['assembly', fuzzAssembly],
  ['outbox', fuzzOutbox],
  ['connections', fuzzConnections],
  ['mingling', fuzzMingling],
  ['deflate', fuzzDeflate],
  ['captures', fuzzCaptures],
  ['topics', fuzzTopics],
]);
/** Iterations per seed. Few, so that one seed reproduces a finding quickly. */
const BATCH = 500;

/** Runs one fuzzer for `milliseconds`. Prints a finding. @returns False on a finding. */
async function run(name: string, fuzzer: Fuzzer, firstSeed: number, milliseconds: number): Promise<boolean> {
  const startedAt = performance.now();
  let elapsedMs = 0;
  let seed = firstSeed;
  for (; elapsedMs < milliseconds; elapsedMs = performance.now() - startedAt) {
    try {
      await fuzzer(seed, BATCH);
    } catch (error) {
      const cause = error instanceof Error && error.cause instanceof Error ? `\n${error.cause.stack}` : '';
      const finding = error instanceof Error ? error.message : String(error);
      process.stdout.write(`${name}: ${finding}${cause}\nrepeat: ${name} --seed ${seed}\n`);
      return false;
    }
    seed++;
  }
  const iterations = (seed - firstSeed) * BATCH;
  const rate = Math.round((iterations * 1_000) / elapsedMs);
  process.stdout.write(`${name}: seed ${firstSeed}, ${iterations} iterations, ${rate} per second\n`);
  return true;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seconds: { type: 'string', default: '60' },
      seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
      help: { type: 'boolean', default: false },
    },
  });
  const seconds = Number(values.seconds);
  const seed = Number(values.seed);
  const names = positionals.length === 0 ? [...FUZZERS.keys()] : positionals;
  const known = names.every((name) => FUZZERS.has(name));
  if (values.help || !known || !(seconds > 0) || !Number.isSafeInteger(seed)) {
    process.stdout.write(USAGE);
    return values.help ? 0 : 2;
  }
  let failed = false;
  for (const name of names) {
    if (!(await run(name, FUZZERS.get(name)!, seed, (seconds * 1_000) / names.length))) failed = true;
  }
  return failed ? 1 : 0;
}

process.exitCode = await main();
