// Runs every compiled test file under build/test with Node's own runner, or those whose path contains one of the arguments.
// Ends with `N passed, N failed`. With HAWSER_REQUIRE_PEERS=1 a skipped test counts as failed: CI installs every peer.
import { existsSync, readdirSync } from 'node:fs';
import { join, sep } from 'node:path';
import process from 'node:process';
import { run } from 'node:test';
import { spec as Spec } from 'node:test/reporters';

const root = join(import.meta.dirname, '..');
const wanted = process.argv.slice(2);
const files = readdirSync(join(root, 'build', 'test'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.js'))
  // a deleted source leaves its compiled test behind
  .filter((name) => existsSync(join(root, 'test', name.replace(/\.js$/, '.ts'))))
  .filter((name) => wanted.length === 0 || wanted.some((part) => name.split(sep).join('/').includes(part)))
  .sort()
  .map((name) => join(root, 'build', 'test', name));
if (files.length === 0) {
  process.stderr.write(`no test file matches ${wanted.join(' ')}\n`);
  process.exit(1);
}

const peersRequired = process.env.HAWSER_REQUIRE_PEERS === '1';
const count = { passed: 0, failed: 0, skipped: 0 };
const stream = run({ files, concurrency: 2, timeout: 600_000 });
const tally = (/** @type {any} */ event, /** @type {boolean} */ ok) => {
  if (event.details?.type === 'suite') return;
  if (event.skip !== undefined && event.skip !== false) {
    count.skipped++;
    if (peersRequired) {
      count.failed++;
      process.stdout.write(`skip counted as failure: ${event.name}: ${String(event.skip)}\n`);
    }
  } else if (ok) count.passed++;
  else count.failed++;
};
stream.on('test:pass', (event) => tally(event, true));
stream.on('test:fail', (event) => tally(event, false));
stream.on('end', () => {
  if (count.passed === 0) count.failed++;
  process.exitCode = count.failed === 0 ? 0 : 1;
});
process.on('exit', () => {
  process.stdout.write(
    `${count.passed} passed, ${count.failed} failed${count.skipped > 0 ? `, ${count.skipped} skipped` : ''}\n`,
  );
});
stream.compose(new Spec()).pipe(process.stdout);
