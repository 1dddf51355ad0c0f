import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startExample } from './run-example.ts';

test('EX-01 BP-16 FB-12 FR-10 upload: the file arrives whole, and the report as one message in chunks', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-upload-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const [source, target] = [join(folder, 'source'), join(folder, 'target')];
  const bytes = Buffer.alloc(3_000_000, 'some bytes ');
  writeFileSync(source, bytes);
  const { exit, output } = startExample(t, 'upload.ts', { args: [source, target] });
  assert.deepEqual(await exit, [0, null], output());
  assert.ok(readFileSync(target).equals(bytes));
  assert.match(output(), /stored 3000000 bytes/);
  assert.match(output(), /report of 1001 lines, \d+ bytes/);
  assert.match(output(), /answer \{"ok":true\}/);
});

test('EX-01 MX-01 channels: a chat and a bulk transfer share one connection', async (t) => {
  const { exit, output } = startExample(t, 'channels.ts');
  assert.deepEqual(await exit, [0, null], output());
  assert.match(output(), /chat: you said hello/);
  assert.match(output(), /bulk: 10000000 bytes/);
  assert.match(
    output(),
    /channel "nonsense" was not opened: the peer refused it with 4004 "no such channel"/,
  );
});
