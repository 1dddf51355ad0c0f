import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { titlesByFile } from './titles.ts';

const root = join(import.meta.dirname, '..', '..', '..');

/** `HS-14`, `§5.2` (RFC 6455) or `RFC 9110 §7.2`. A section ends with a digit: `§5.2.` at the end of a sentence is `§5.2`. */
const IDENTIFIER = /\b[A-Z]{2}-\d{2}\b|(?:RFC (?<rfc>\d+) )?§(?<section>\d+(?:\.\d+)*)/g;

function identifiersIn(text: string): string[] {
  return [...text.matchAll(IDENTIFIER)].map(([found, rfc, section]) =>
    section === undefined || (rfc !== undefined && rfc !== '6455') ? found : `§${section}`,
  );
}

test('EX-03: docs/test-identifiers.md lists the identifiers that test titles use, each once', () => {
  const page = readFileSync(join(root, 'docs', 'test-identifiers.md'), 'utf8');
  const listed = [...page.matchAll(/^\| ((?:RFC|§|[A-Z]{2}-)[^|]*) \| [^|]+ \|$/gm)].map(([, name]) => name!);
  const used = new Set([...titlesByFile().values()].flat().flatMap(identifiersIn));
  assert.deepEqual(listed.toSorted(), [...used].sort());
});
