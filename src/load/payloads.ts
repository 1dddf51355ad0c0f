import type { PayloadShape } from './load-plan.ts';

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,';
/** Characters of each length in UTF-8: 1 to 4 bytes. */
const MIXED = ['é', '水', 'a', '😀', 'ß', '€', 'z'].map((char) => Buffer.from(char));

/**
 * Makes payloads of exactly `shape.bytes` bytes. The first byte differs between neighbours, to detect answers out of order.
 * The same arguments give the same payloads.
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
  // If the next character does not fit, the remaining bytes stay ASCII.
  let at = 1;
  for (let i = slot; ; i++) {
    const char = MIXED[i % MIXED.length]!;
    if (at + char.length > bytes) return payload;
    at += char.copy(payload, at);
  }
}

/** A letter, then JSON records with varying and repeating fields, cut at the size. */
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
