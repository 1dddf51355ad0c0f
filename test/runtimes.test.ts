import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { casesOf, countsOf, explained, keptRun, readRuns, runtimesPage } from '../tools/runtime-pages.ts';

const docs = join(import.meta.dirname, '..', '..', 'docs');
const runs = readRuns(join(docs, 'runtimes'));

test('docs/runtimes.md agrees with the recorded results (node tools/run-others.js --record)', () => {
  const page = readFileSync(join(docs, 'runtimes.md'), 'utf8');
  assert.equal(page, runtimesPage(page, runs));
  assert.deepEqual(
    runs.map(({ file }) => file),
    ['bun.json', 'deno.json'],
  );
});

for (const { run } of runs) {
  test(`every failure on ${run.runtime} has a known cause`, () => {
    const unknown = explained(run).filter(({ cause }) => cause === undefined);
    assert.deepEqual(
      unknown.map(({ file, test, failure }) => `${file}: ${test}: ${failure}`),
      [],
    );
    assert.ok(countsOf(run).passed > 3_000);
  });
}

test('JUnit reports of Bun and Deno are parsed into passed, failed with a message, and skipped tests', () => {
  const bun = `<testsuites><testsuite name="a" tests="3">
    <testcase name="passes &quot;this&quot;" classname="" time="0.1" line="8" />
    <testcase name="fails" time="0"><failure type="AssertionError" message="1 &lt; 2">AssertionError: 1 &lt; 2
      at somewhere</failure></testcase>
    <testcase name="waits" time="0"><skipped /></testcase></testsuite></testsuites>`;
  const deno = `<testsuites><testsuite name="b">
    <testcase name="passes" classname="./b.ts" time="0.025" line="46" col="1">
    </testcase>
    <testcase name="fails"><failure message="Uncaught Error: no">Error: no</failure></testcase></testsuite></testsuites>`;
  assert.deepEqual(casesOf(bun), [
    { test: 'passes "this"', skipped: false },
    { test: 'fails', failure: 'AssertionError: 1 < 2' },
    { test: 'waits', skipped: true },
  ]);
  assert.deepEqual(casesOf(deno), [
    { test: 'passes', skipped: false },
    { test: 'fails', failure: 'Uncaught Error: no' },
  ]);
  const kept = keptRun('Bun 0', undefined);
  kept.add('gone', casesOf(deno));
  kept.add('here', casesOf(bun));
  kept.keepOnly(['here']);
  assert.deepEqual(kept.counts(), { passed: 1, failed: 1, skipped: 1 });
  const [failure] = explained(kept.run);
  assert.equal(failure?.cause, undefined, 'the cause is unknown');
  assert.match(runtimesPage('', [{ file: 'bun.json', run: kept.run }]), /\| here \| 1 \| unknown \| \? \|/);
});
