import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { apiSurface, doorFile, doorPage, doors } from '../../tools/api-surface.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const text = (...path: string[]): string =>
  readFileSync(join(root, ...path), 'utf8').replaceAll('\r\n', '\n');

test('TS-12: the public interface is the committed one', () => {
  const committed = text('test', 'package', 'api-surface.txt').split('\n');
  const present = apiSurface().split('\n');
  const gone = committed.filter((line) => !present.includes(line));
  const added = present.filter((line) => !committed.includes(line));
  assert.ok(
    committed.join('\n') === present.join('\n'),
    [
      'what users can name has changed; if that is meant, run npm run docs:api, and say so in CHANGELOG.md',
      ...gone.map((line) => `- ${line}`),
      ...added.map((line) => `+ ${line}`),
    ].join('\n'),
  );
});

for (const door of doors()) {
  test(`EX-04: every export of ${door.name} and its members have doc comments`, () => {
    assert.ok(door.exports.length > 0);
    assert.deepEqual(
      door.exports.filter(({ doc }) => doc === '').map(({ name, module }) => `${name} in src/${module}.ts`),
      [],
    );
  });

  test(`GN-13: no type of ${door.name} is any`, () => {
    const loose = door.exports.filter(({ code }) =>
      /[:<|&(]\s*any\b|\bany\[\]|=> any\b/.test(code.replaceAll(/\/\*\*[^]*?\*\//g, '')),
    );
    assert.deepEqual(
      loose.map(({ name }) => name),
      [],
    );
  });

  test(`GN-13: require('${door.name}') and import return the same objects`, async () => {
    const required = createRequire(import.meta.url)(door.name) as Record<string, unknown>;
    const imported = (await import(door.name)) as Record<string, unknown>;
    const names = Object.keys(imported).sort();
    assert.ok(names.length > 0);
    assert.deepEqual(
      Object.keys(required)
        .filter((name) => name !== '__esModule')
        .sort(),
      names,
    );
    for (const name of names) assert.equal(required[name], imported[name], name);
  });

  test(`EX-03: docs/api/${doorFile(door)} matches the types (npm run docs:api)`, () => {
    assert.ok(text('docs', 'api', doorFile(door)) === doorPage(door), 'run npm run docs:api');
  });
}
