import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KeptResult } from '../../tools/conformance-pages.ts';
import type { FakeIo } from '../cli/fake-io.ts';

export const FOLDER: string = join(import.meta.dirname, '..', '..', '..', 'docs', 'conformance');
/** Long timeouts, so that a busy machine causes no failure: a server that passes answers at once. */
export const COMMAND: readonly string[] = ['conform', '--json', '--strict', '--timeout-ms', '60000'];

export interface Result {
  readonly event: string;
  readonly id: string;
  readonly verdict: string;
  readonly because: string;
}

export const resultsOf = (io: FakeIo): Result[] =>
  io.outLines.map((line) => JSON.parse(line) as Result).filter(({ event }) => event === 'result');

/** Compares the results of the suite with the recorded ones: only known choices may differ. */
export function assertOnRecord(results: readonly Result[], file: string): void {
  // Results arrive in the order in which cases finish.
  const findings = (list: readonly { readonly id: string; readonly verdict: string }[]): string[] =>
    list
      .filter(({ verdict }) => verdict !== 'pass')
      .map(({ id, verdict }) => `${verdict}: ${id}`)
      .sort();
  const kept = JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as KeptResult;
  const detail = JSON.stringify(
    results.filter(({ verdict }) => verdict !== 'pass').map(({ id, because }) => [id, because]),
  );
  assert.deepEqual(findings(results), findings(kept.findings), detail);
  assert.equal(results.length, kept.cases);
  assert.equal(kept.counts.fail + kept.counts['non-strict'] + kept.counts.skipped, 0);
}
