import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { plottedGroups, plotOf } from '../bench/plot.ts';
import { sourceIn } from '../bench/readme.ts';
import { parseResults } from '../bench/results.ts';

const BENCH = join(import.meta.dirname, '..', '..', 'bench');

/** The plots of docs/benchmarks.md, by the names of their files: one for each group of the run that bench/README.md shows. */
export function benchmarkPictures(): Map<string, string> {
  const source = sourceIn(readFileSync(join(BENCH, 'README.md'), 'utf8'));
  if (source === undefined) throw new Error('bench/README.md names no results');
  const results = parseResults(readFileSync(join(BENCH, source), 'utf8'));
  return new Map([...plottedGroups(results)].map(([group, file]) => [file, plotOf(results, group)]));
}
