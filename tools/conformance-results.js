// Records a report of `hawser conform --report x.json` and rewrites the table of docs/conformance/README.md:
//   node tools/conformance-results.js <report.json> <file in docs/conformance> <name and version of the peer>
//   node tools/conformance-results.js            (rewrites only the table)
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { keptResult, readResults, resultsTable, withTable } from '../build/tools/conformance-pages.js';

const folder = join(import.meta.dirname, '..', 'docs', 'conformance');
const [report, file, peer] = process.argv.slice(2);
if (report !== undefined) {
  if (file === undefined || peer === undefined)
    throw new Error('a report, a file and the name of the peer are needed');
  const kept = keptResult(JSON.parse(readFileSync(report, 'utf8')), peer);
  writeFileSync(join(folder, file), `${JSON.stringify(kept, undefined, 2)}\n`);
}
const page = join(folder, 'README.md');
writeFileSync(page, withTable(readFileSync(page, 'utf8'), resultsTable(readResults(folder))));
