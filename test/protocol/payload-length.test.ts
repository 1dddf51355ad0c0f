import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { payloadLength } from '../../src/protocol/payload.ts';

test('FB-02: the size of a payload is that of its UTF-8, or of its own bytes, whatever its kind', () => {
  const memory = new ArrayBuffer(12);
  const rows: readonly (readonly [Parameters<typeof payloadLength>[0], number])[] = [
    ['', 0],
    ['é€😀', 9],
    [memory, 12],
    [new DataView(memory, 2, 5), 5],
    [new Uint16Array(memory, 2, 3), 6],
    [Buffer.from('abc'), 3],
  ];
  for (const [payload, bytes] of rows) assert.equal(payloadLength(payload), bytes);
});
