// The load generator of `hawser bench`, as a process of its own: a plan comes in as a line of JSON, a result goes out.
import { once } from 'node:events';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { LoadError, type LoadPlan, type LoadResult, LoadRun } from '../src/load/index.ts';

/** What the load generator says. */
export type LoadAnswer =
  | { readonly type: 'result'; readonly result: LoadResult }
  | { readonly type: 'failed'; readonly why: string }
  /** Idle connections have been left alone for a while. It goes on after any line. */
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
  // While a run is under way, a line is its cue.
  if (busy) return;
  busy = true;
  void run(JSON.parse(line) as LoadPlan).finally(() => {
    busy = false;
  });
});
