import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SERVER_MUSTS } from '../conformance/musts.ts';
import { KEY_WORDS } from './key-words.ts';
import { DOCUMENTS, requirementsPage } from './page.ts';
import { live } from './rule.ts';
import { titlesByFile } from './titles.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const rules = DOCUMENTS.flatMap(({ name, rules: list }) =>
  list.map((rule) => ({ ...rule, at: `${name} §${rule.section}: ${rule.says}` })),
);
const keptRules = rules.flatMap((rule) => ('code' in rule.how ? [{ ...rule, ...rule.how }] : []));

test('TS-02: every rule has code and tests or a reason, and no rule is listed twice', () => {
  for (const { at, how } of rules) {
    if ('why' in how) assert.ok(how.why.length > 20, at);
    else assert.ok(how.code.length > 0 && how.tests.length > 0, at);
  }
  assert.equal(new Set(rules.map(({ at, level, of }) => `${at} ${level} ${of}`)).size, rules.length);
});

for (const { name, rules: list } of DOCUMENTS) {
  test(`TS-02: ${name} : in each section the rules account for every key word`, () => {
    const counted: Record<string, Record<string, number>> = {};
    for (const { section, level, times } of list) {
      const words = (counted[section] ??= {});
      words[level] = (words[level] ?? 0) + times;
    }
    assert.deepEqual(counted, KEY_WORDS[name]);
  });
}

test('TS-02: every rule names files and names that exist in src/', () => {
  const missing = keptRules.flatMap(({ at, code }) =>
    code
      .filter((place) => {
        const [file, name] = place.split('#') as [string, string];
        const path = join(root, 'src', file);
        return !existsSync(path) || !readFileSync(path, 'utf8').includes(name);
      })
      .map((place) => `${at}: ${place}`),
  );
  assert.deepEqual(missing, [], missing.join('\n'));
});

test('TS-02: every rule names titles of existing tests', () => {
  const titles = titlesByFile();
  const missing = keptRules.flatMap(({ at, tests }) =>
    tests
      .filter((named) => {
        const [, file, part] = /^([^:]+): ([^]+)$/.exec(named)!;
        return titles.get(file!)?.some((title) => title.includes(part!)) !== true;
      })
      .map((named) => `${at}: ${named}`),
  );
  assert.deepEqual(missing, [], missing.join('\n'));
});

test('TS-02: a rule names every test of the live server, except those without a key word', () => {
  const cited = new Set(keptRules.flatMap(({ tests }) => tests));
  const unused = Object.keys(SERVER_MUSTS).filter((id) => !cited.has(live(id)));
  // These tests prove statements of the RFC without a key word, or with "must" in lower case.
  assert.deepEqual(unused, ['4.2.1-6', '4.2.2-9', '5.5.3-1', '5.5.3-2', '7.1.5-1', '7.1.5-2', '7.4.2-1']);
});

test('TS-02: docs/requirements.md agrees with the rules (npm run docs)', () => {
  assert.equal(readFileSync(join(root, 'docs', 'requirements.md'), 'utf8'), requirementsPage());
});
