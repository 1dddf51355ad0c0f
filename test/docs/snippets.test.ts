import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { FENCES, ROOT } from './fences.ts';
import { compiled, type CompiledModules, type Source } from './modules.ts';
import { TREATMENTS } from './snippet-table.ts';

const PROGRAMS = FENCES.filter(({ language }) => language === 'ts' || language === 'js');

test('EX-03 the table has a row for every TypeScript and JavaScript block of every page, and no other rows', () => {
  assert.deepEqual(PROGRAMS.map(({ key }) => key).sort(), Object.keys(TREATMENTS).sort());
});

const sources: Source[] = [];
for (const { key, language, code } of PROGRAMS) {
  const treatment = TREATMENTS[key];
  if (treatment === undefined || 'in' in treatment) continue;
  const { given = '', after = '' } = treatment;
  sources.push({ name: key, language: language as 'ts' | 'js', code: `${given}\n${code}${after}\n` });
}
let modules: CompiledModules | undefined;
// Compiles before the first test, not at load time: the list of titles loads this file and runs nothing.
before(() => {
  modules = compiled(sources);
});
after(() => {
  if (modules !== undefined) rmSync(modules.folder, { recursive: true });
});

/** Code without indentation and blank lines. */
const plain = (code: string): string =>
  code
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join('\n');

for (const { key, page, line, code } of PROGRAMS) {
  const treatment = TREATMENTS[key];
  if (treatment === undefined) continue;
  test(`EX-03 ${key}`, async (t) => {
    if ('in' in treatment) {
      const program = plain(readFileSync(join(ROOT, treatment.in), 'utf8'));
      assert.ok(program.includes(plain(code)), `${treatment.in} does not have ${page}:${line}`);
      return;
    }
    const { complaints, file } = modules!.of.get(key)!;
    assert.deepEqual(complaints, [], `${page}:${line} does not compile`);
    await treatment.run(t, file);
  });
}
