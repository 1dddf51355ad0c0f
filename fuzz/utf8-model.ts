/**
 * An independent model of UTF-8 that uses only the platform's decoder. Hawser's validator and decoder are compared with it. Slow.
 */
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text of `bytes`; `undefined` unless they are complete, valid UTF-8. */
export function textIn(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Whether `bytes` are complete, valid UTF-8. */
export function isText(bytes: Uint8Array): boolean {
  return textIn(bytes) !== undefined;
}

/** Continuations that complete every incomplete sequence: E0 and F0 need a high byte next, ED and F4 a low one. */
const ENDINGS = [[], [0x80], [0xbf], [0x80, 0x80], [0xbf, 0x80], [0x80, 0x80, 0x80], [0xbf, 0x80, 0x80]];

/** Whether some continuation makes `bytes` valid. */
export function mayBecomeText(bytes: Uint8Array): boolean {
  return ENDINGS.some((ending) => isText(Buffer.concat([bytes, Buffer.from(ending)])));
}

/** Position of the first byte after which no continuation can make `bytes` valid, or -1. */
export function firstImpossibleByte(bytes: Uint8Array): number {
  if (mayBecomeText(bytes)) return -1;
  let good = 0;
  let bad = bytes.length;
  while (bad - good > 1) {
    const middle = (good + bad) >>> 1;
    if (mayBecomeText(bytes.subarray(0, middle))) good = middle;
    else bad = middle;
  }
  return good;
}
