import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DEFLATE_TABLE, RATE_LIMIT_TABLE } from '../../src/options/connection-option-table.ts';
import { DEFAULT_DEFLATE_SETTINGS } from '../../src/options/resolve-options.ts';
import { DEFAULT_SERVER_OPTIONS, SERVER_OPTION_TABLE } from '../../src/options/resolve-server-options.ts';

const source = ['src/options/connection-options.ts', 'src/options/server-options.ts']
  .map((path) => readFileSync(join(import.meta.dirname, '../../..', path), 'utf8'))
  .join('\n');
/** Doc comment of an option, without asterisks and line breaks. */
const docOf = (name: string): string => {
  const found = new RegExp(String.raw`/\*\*((?:[^*]|\*(?!/))*)\*/\s*readonly ${name}\?:`).exec(source);
  assert.ok(found, `${name} has a doc comment`);
  return found[1]!.replace(/\s*\n\s*\*\s*/g, ' ');
};
const english = (value: number) => value.toLocaleString('en-US');

test('CF-02 each option of the type has a default and a row, and there are no others', () => {
  const server = source
    .slice(source.indexOf('interface ConnectionOptions'))
    .replace(/interface RateLimitOptions[^}]*}/, '');
  // The type of a server narrows options of a connection.
  const inType = [
    ...new Set([...server.matchAll(/^ {2}readonly (\w+)\?:/gm)].map((match) => match[1]!)),
  ].sort();
  assert.ok(inType.length > 40);
  assert.deepEqual(Object.keys(DEFAULT_SERVER_OPTIONS).sort(), inType);
  assert.deepEqual(Object.keys(SERVER_OPTION_TABLE).sort(), inType);
});

for (const [name, rule] of Object.entries(SERVER_OPTION_TABLE)) {
  test(`CF-02 EX-04 ${name}: the doc comment names default, range and unit`, () => {
    const doc = docOf(name);
    assert.match(doc, /Default/);
    assert.match(rule.says, /^[a-z]\S* .*[^.]$|^[a-zA-Z].*[^.]$/);
    if (!('max' in rule)) return;
    const value: unknown = Reflect.get(DEFAULT_SERVER_OPTIONS, name);
    const unit = rule.kind === 'count' ? '' : ` ${rule.kind}`;
    const off = rule.orFalse ? ', or `false`' : '';
    const shown = typeof value === 'number' ? english(value) : '`false`';
    const line = `Default ${shown}; ${english(rule.min)} to ${english(rule.max)}${unit}${off}`;
    assert.ok(doc.includes(`${line}.`) || doc.includes(`${line}, the longest`), `${line}\n${doc}`);
  });
}

test('PD-01 EX-04 perMessageDeflate: doc comments name defaults and ranges', () => {
  for (const [name, rule] of Object.entries(DEFLATE_TABLE)) {
    const doc = docOf(name);
    const value: unknown = Reflect.get(DEFAULT_DEFLATE_SETTINGS, name);
    if (!('max' in rule)) {
      assert.ok(doc.includes(`Default \`${String(value)}\``), name);
      continue;
    }
    const unit = rule.kind === 'count' ? '' : ` ${rule.kind}`;
    const line = `Default ${english(value as number)}; ${english(rule.min)} to ${english(rule.max)}${unit}`;
    assert.ok(doc.includes(line), `${line}\n${doc}`);
  }
});

test('RL-01 EX-04 rateLimit: doc comments name the ranges', () => {
  for (const [name, rule] of Object.entries(RATE_LIMIT_TABLE)) {
    const doc = docOf(name);
    assert.match(doc, /default/i);
    if ('max' in rule && name !== 'closeCode')
      assert.ok(doc.includes(`${english(rule.min)} to ${english(rule.max)}`), name);
  }
});
