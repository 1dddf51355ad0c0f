import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ERRORS } from '../../src/index.ts';

const SRC = join(import.meta.dirname, '..', '..', '..', 'src');
const sources = new Map(
  readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => [name.replaceAll('\\', '/'), readFileSync(join(SRC, name), 'utf8')]),
);
/** Whether a quoted name occurs in a source other than those that only list names. */
const isUsed = (name: string, lists: readonly string[]): boolean =>
  [...sources].some(([file, text]) => !lists.includes(file) && text.includes(`'${name}'`));

test('ER-02 every error code is used by the code, not only listed', () => {
  for (const code of Object.keys(ERRORS))
    assert.ok(
      isUsed(code, ['protocol/errors.ts', 'server/log.ts', 'protocol/close-info.ts']),
      `nothing sets ${code}`,
    );
});

test('CL-11 every close cause is set in the code, or belongs to an error code', () => {
  const page = sources.get('protocol/close-info.ts')!;
  const type = page.slice(page.indexOf('type CloseCause'), page.indexOf('interface CloseInfo'));
  const rules = page.slice(page.indexOf('const CAUSES'));
  const causes = [...type.matchAll(/'([a-z-]+)'/g)].map(([, cause]) => cause!);
  assert.ok(causes.length > 15);
  for (const cause of causes)
    assert.ok(
      rules.includes(`'${cause}'`) || isUsed(cause, ['protocol/close-info.ts', 'connection/log.ts']),
      `nothing sets ${cause}`,
    );
});
