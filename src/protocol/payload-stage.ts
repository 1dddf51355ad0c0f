import type { Buffer } from 'node:buffer';
import { Beginnings } from './beginnings.ts';
import { bufferView } from './buffer-view.ts';
import { SCRATCH_AT, simd } from './simd.ts';

/** Above this size, a new view costs less than copying to the scratch region. */
const MOST_BYTES = 2_048;

/**
 * Views of received payloads, to copy them from. `subarray` makes a new view, and calls V8's runtime to read the memory of the
 * old one: 0.1 µs. Short payloads in SIMD memory are copied to its scratch region, whose views are used again. Text is decoded
 * to the same region; neither keeps anything there between calls.
 */
export class PayloadStage {
  readonly #views: Beginnings | undefined =
    simd === undefined ? undefined : new Beginnings(bufferView(simd.buffer, SCRATCH_AT, MOST_BYTES));

  /**
   * Returns a view of `bytes` from `start` to `end`. Use it before any other call: it may show a copy, whose memory is used
   * again.
   * @param offset As `simdOffset` returns it for `bytes`.
   */
  view(bytes: Buffer, start: number, end: number, offset: number): Uint8Array {
    if (offset < 0) return bytes.subarray(start, end);
    const length = end - start;
    if (length > MOST_BYTES) return bufferView(simd!.buffer, offset + start, length);
    simd!.stage(offset + start, offset + end);
    return this.#views!.view(length);
  }
}
