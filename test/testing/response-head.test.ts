import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { everyCut } from '../../src/testing/cuts.ts';
import { readResponseHead } from '../../src/testing/response-head.ts';

const RAW =
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nX-A:1\r\nx-a: \t2 \r\n__proto__: p\r\nEmpty:\r\n\r\n';

test('TK-01 a response head is read whole or not at all, and the bytes after it are not taken', () => {
  const bytes = Buffer.from(`${RAW}\x81\x00`, 'latin1');
  const head = readResponseHead(bytes);
  assert.ok(head);
  assert.deepEqual([head.version, head.status, head.reason], ['HTTP/1.1', 101, 'Switching Protocols']);
  assert.deepEqual(
    [...head.fields],
    [
      ['upgrade', 'websocket'],
      ['x-a', '1, 2'],
      ['__proto__', 'p'],
      ['empty', ''],
    ],
  );
  assert.equal(head.raw, RAW);
  for (const [start] of everyCut(Buffer.from(RAW))) assert.equal(readResponseHead(start), undefined);
});

test('TK-01 a response head without fields or reason', () => {
  const head = readResponseHead(Buffer.from('HTTP/1.0 400 \r\n\r\n'));
  assert.equal(head?.reason, '');
  assert.equal(head.fields.size, 0);
});

for (const raw of [
  '\x81\x05Hello',
  'HTTP/1.1 20 OK',
  'HTTP/1.1 200',
  'HTTP/1.1 200 OK\r\nNo colon',
  'HTTP/1.1 200 OK\r\nA : b',
  'HTTP/1.1 200 OK\r\n folded: x',
  'HTTP/1.1 200 OK\r\n: x',
]) {
  test(`TK-01 not a response head: ${JSON.stringify(raw)}`, () => {
    assert.throws(() => readResponseHead(Buffer.from(`${raw}\r\n\r\n`, 'latin1')), {
      name: 'MisuseError',
      code: 'ERR_ARGUMENT',
    });
  });
}
