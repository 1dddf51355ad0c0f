/**
 * UTF-8 once more, from the platform's decoder alone: what Hawser's own validator and decoder are compared with. Plainly right, slow.
 */
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** What `bytes` say if they are whole, valid UTF-8. */
export function textIn(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** True if `bytes` are whole, valid UTF-8. */
export function isText(bytes: Uint8Array): boolean {
  return textIn(bytes) !== undefined;
}

/** Something that ends every sequence which can be ended: after E0 and F0 only a high byte fits, after ED and F4 a low one. */
const ENDINGS = [[], [0x80], [0xbf], [0x80, 0x80], [0xbf, 0x80], [0x80, 0x80, 0x80], [0xbf, 0x80, 0x80]];

/** True if some continuation makes `bytes` valid. */
export function mayBecomeText(bytes: Uint8Array): boolean {
  return ENDINGS.some((ending) => isText(Buffer.concat([bytes, Buffer.from(ending)])));
}

/** Position of the first byte after which nothing can make `bytes` valid any more, or -1. */
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
