import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SERVER_OPTION_TABLE } from '../../src/options/server-option-table.ts';
import { eventLoopTurns } from '../../src/testing/index.ts';
import { live } from '../server/live.ts';

const MARK = 0xee;
/** Lengths around every header size, every buffer size in use, and Node's pool. */
const LENGTHS = [
  0, 1, 2, 7, 8, 63, 64, 124, 125, 126, 127, 255, 256, 1_023, 1_024, 4_092, 4_096, 8_188, 8_192,
].concat([16_380, 16_384, 32_768, 65_534, 65_535, 65_536, 65_537, 70_000]);

/** Fills memory that is then freed with bytes that must never be sent. */
function soilMemory(): void {
  for (const bytes of [64, 512, 4_096, 8_192, 65_536]) {
    for (let i = 0; i < 50; i++) Buffer.allocUnsafe(bytes).fill(MARK);
  }
}

test('FB-03 FB-07: only the bytes of the caller reach the wire, whatever the memory held before', async (t) => {
  const { join } = live(t, { maxBufferedBytes: 100_000_000, highWaterMarkBytes: 100_000_000 });
  const { raw, connection } = await join();
  for (const length of LENGTHS) {
    const texts = [
      'a'.repeat(length),
      'é'.repeat(length / 2),
      '水'.repeat(length / 3),
      `${'a'.repeat(length)}𝄞`,
    ];
    const bytes = Buffer.alloc(length, 7);
    soilMemory();
    for (const text of texts) connection.send(text);
    connection.send(bytes);
    connection.send(new Uint8Array(bytes).subarray(length >> 1));
    if (length <= 125) connection.ping(bytes);
    const expected = [...texts.map((text) => Buffer.from(text)), bytes, bytes.subarray(length >> 1)];
    let at = 0;
    for (let frames = expected.length + (length <= 125 ? 1 : 0); frames > 0; frames--) {
      const { opcode, payload } = await raw.nextFrame();
      // A ping may overtake queued messages.
      if (opcode === 9) assert.ok(payload.equals(bytes), `ping of ${length}`);
      else assert.ok(payload.equals(expected[at++]!), `${opcode} of ${length}`);
    }
  }
  await eventLoopTurns(2);
});

test('GN-01: options are camelCase and carry their unit; plain counts read as counts', () => {
  const units: Readonly<Record<string, RegExp>> = {
    ms: /Ms$/,
    bytes: /Bytes$/,
    seconds: /Seconds$/,
    bits: /Bits$/,
  };
  for (const [name, rule] of Object.entries(SERVER_OPTION_TABLE)) {
    assert.match(name, /^[a-z][A-Za-z\d]*$/);
    const unit = units[rule.kind];
    if (unit !== undefined) assert.match(name, unit, `${name} is in ${rule.kind}`);
    else assert.doesNotMatch(name, /(?:Ms|Bytes|Seconds|Bits)$/, name);
    if (rule.kind === 'count' && name !== 'backlog') assert.match(name, /^max[A-Z]/);
  }
});
