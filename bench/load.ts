// The load generator of `hawser bench` in its own process: reads a plan as a line of JSON and prints the result as a line of JSON.
import { once } from 'node:events';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { LoadError, type LoadPlan, type LoadResult, LoadRun } from '../src/load/index.ts';

/** A line that the load generator prints. */
export type LoadAnswer =
  | { readonly type: 'result'; readonly result: LoadResult }
  | { readonly type: 'failed'; readonly why: string }
  /** Idle connections have been idle for the planned time. The generator continues after any line of input. */
  | { readonly type: 'settled' };

const say = (answer: LoadAnswer): void => void process.stdout.write(`${JSON.stringify(answer)}\n`);
const lines = createInterface({ input: process.stdin });
lines.on('close', () => process.exit());
const never = new AbortController().signal;

async function run(plan: LoadPlan): Promise<void> {
  try {
    const load = new LoadRun(plan, {
      signal: never,
      settled: async () => {
        say({ type: 'settled' });
        await once(lines, 'line');
      },
    });
    say({ type: 'result', result: await load.run() });
  } catch (error) {
    if (!(error instanceof LoadError)) throw error;
    say({ type: 'failed', why: error.message });
  }
}

let busy = false;
lines.on('line', (line) => {
  // During a run, a line makes the run continue.
  if (busy) return;
  busy = true;
  void run(JSON.parse(line) as LoadPlan).finally(() => {
    busy = false;
  });
});
