import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { inspect } from '../../src/observe/index.ts';
import { startExample } from './run-example.ts';

test('EX-01 LG-07 LG-04 LG-05 slow-consumer: the planted client is found, recorded and explained', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-slow-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'slow-consumer.jsonl');
  const { exit, output } = startExample(t, 'slow-consumer.ts', { env: { CAPTURE: file, ADMIN_PORT: '0' } });
  assert.deepEqual(await exit, [0, null], output());
  const [, id] = /in \d+ s, (\S+) grew by \d+ KB/.exec(output()) ?? assert.fail(output());
  assert.match(output(), /closed: code 1006, sent 1013, cause slow-consumer/);
  assert.match(
    output(),
    /state {2}open to closing[^]*closing handshake: open to failed[^]*state {2}closing to closed/,
  );
  assert.doesNotMatch(output(), /ILLEGAL/);
  const { connections } = inspect(readFileSync(file));
  const slow = connections.find((connection) => connection.id === id)!;
  assert.equal(slow.frames.length, 0);
  assert.match(slow.end!, /cause slow-consumer/);
  assert.ok(connections.some(({ frames }) => frames.length > 10));
});
