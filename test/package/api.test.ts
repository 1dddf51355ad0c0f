import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { apiSurface, entryPoints } from '../../tools/api-surface.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const text = (...path: string[]): string =>
  readFileSync(join(root, ...path), 'utf8').replaceAll('\r\n', '\n');

test('TS-12: the public interface equals test/package/api-surface.txt', () => {
  const committed = text('test', 'package', 'api-surface.txt').split('\n');
  const present = apiSurface().split('\n');
  const gone = committed.filter((line) => !present.includes(line));
  const added = present.filter((line) => !committed.includes(line));
  assert.ok(
    committed.join('\n') === present.join('\n'),
    [
      'the public interface has changed; if this is intended, run npm run docs:api and add a line to CHANGELOG.md',
      ...gone.map((line) => `- ${line}`),
      ...added.map((line) => `+ ${line}`),
    ].join('\n'),
  );
});

for (const entry of entryPoints()) {
  test(`EX-04: every export of ${entry.name} and its members have doc comments`, () => {
    assert.ok(entry.exports.length > 0);
    assert.deepEqual(
      entry.exports.filter(({ doc }) => doc === '').map(({ name, module }) => `${name} in src/${module}.ts`),
      [],
    );
  });

  test(`GN-13: no type of ${entry.name} is any`, () => {
    const loose = entry.exports.filter(({ code }) =>
      /[:<|&(]\s*any\b|\bany\[\]|=> any\b/.test(code.replaceAll(/\/\*\*[^]*?\*\//g, '')),
    );
    assert.deepEqual(
      loose.map(({ name }) => name),
      [],
    );
  });

  test(`GN-13: require('${entry.name}') and import return the same objects`, async () => {
    const required = createRequire(import.meta.url)(entry.name) as Record<string, unknown>;
    const { 'module.exports': whole, ...imported } = (await import(entry.name)) as Record<string, unknown>;
    const names = Object.keys(imported).sort();
    assert.ok(names.length > 0);
    if (whole !== undefined) {
      // As the package ws, it is its class, with the other exports as members.
      assert.equal(required, whole);
      for (const name of names)
        assert.equal(name === 'default' ? required : required[name], imported[name], name);
      return;
    }
    assert.deepEqual(
      Object.keys(required)
        .filter((name) => name !== '__esModule')
        .sort(),
      names,
    );
    for (const name of names) assert.equal(required[name], imported[name], name);
  });
}
