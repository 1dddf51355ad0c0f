import type { PayloadShape } from './load-plan.ts';

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,';
/** One character of each length that UTF-8 has. */
const MIXED = ['é', '水', 'a', '😀', 'ß', '€', 'z'].map((char) => Buffer.from(char));

/**
 * Payloads of exactly the size asked for, each different from its neighbours in its first byte, so that an answer to
 * another message is noticed. The same for the same arguments.
 */
export function payloadsOf(shape: PayloadShape, count: number): Buffer[] {
  return Array.from({ length: count }, (_, slot) => {
    if (shape.binary) return binaryPayload(shape.bytes, slot);
    if (shape.records === true) return recordPayload(shape.bytes, slot);
    return shape.multibyte ? mixedPayload(shape.bytes, slot) : asciiPayload(shape.bytes, slot);
  });
}

/** Bytes that do not compress. */
function binaryPayload(bytes: number, slot: number): Buffer {
  const payload = Buffer.allocUnsafeSlow(bytes);
  let state = (slot + 1) * 0x9e3779b1;
  for (let i = 0; i < bytes; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    payload[i] = state;
  }
  if (bytes > 0) payload[0] = slot;
  return payload;
}

function asciiPayload(bytes: number, slot: number): Buffer {
  const payload = Buffer.allocUnsafeSlow(bytes);
  for (let i = 0; i < bytes; i++) payload[i] = LETTERS.charCodeAt((slot + i) % LETTERS.length);
  return payload;
}

function mixedPayload(bytes: number, slot: number): Buffer {
  const payload = asciiPayload(bytes, slot);
  // What is left at the end is too short for the next character, and stays ASCII.
  let at = 1;
  for (let i = slot; ; i++) {
    const char = MIXED[i % MIXED.length]!;
    if (at + char.length > bytes) return payload;
    at += char.copy(payload, at);
  }
}

/** Records with fields that differ and fields that repeat; behind the first letter, and cut where the size ends. */
function recordPayload(bytes: number, slot: number): Buffer {
  const payload = asciiPayload(bytes, slot);
  let state = slot + 1;
  for (let at = 1; at < bytes; ) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    const [id, price] = [state >>> 8, (state % 100_000) / 100];
    at += payload.write(
      `{"id":${id},"symbol":"${LETTERS.slice(id % 40, (id % 40) + 4)}","price":${price},"side":"buy"},`,
      at,
    );
  }
  return payload;
}
