import { buildFrame, OPCODE, RSV1 } from '../protocol/index.ts';

/** Maximum cached views; a longer ring creates them on demand. */
const MAX_VIEWS = 4_096;

/**
 * Frames that are sent repeatedly, masked once and stored contiguously: any number of due frames is one piece of memory
 * and one write.
 */
export class FrameRing {
  readonly payloads: readonly Buffer[];
  /** Number of frames in the ring. */
  readonly length: number;
  /** The frames twice over, so that no run of up to `length` has a seam. */
  readonly #bytes: Buffer;
  /** Where each of them begins, and where the last one ends. */
  readonly #starts: readonly number[];
  readonly #views: (Buffer | undefined)[];

  /**
   * @param payloads At least one, all of the same size.
   * @param sent What goes out for them if they are compressed; otherwise themselves.
   * @param keyOf A masking key for each of them.
   */
  constructor(
    payloads: readonly Buffer[],
    binary: boolean,
    keyOf: (slot: number) => number,
    sent?: readonly Buffer[],
  ) {
    const opcode = binary ? OPCODE.BINARY : OPCODE.TEXT;
    const frames = (sent ?? payloads).map((payload, slot) => {
      const frame = buildFrame(opcode, payload, keyOf(slot));
      if (sent !== undefined) frame[0]! |= RSV1;
      return frame;
    });
    this.payloads = payloads;
    this.length = frames.length;
    this.#bytes = Buffer.concat([...frames, ...frames]);
    let at = 0;
    this.#starts = [0, ...[...frames, ...frames].map((frame) => (at += frame.length))];
    this.#views = Array.from({ length: Math.min(MAX_VIEWS, this.length * this.length) }, () => undefined);
  }

  /** `count` frames from `slot` on; `count` is at most `length`. Never write into it. */
  run(slot: number, count: number): Buffer {
    const at = slot * this.length + count - 1;
    const kept = this.#views[at];
    if (kept !== undefined) return kept;
    const view = this.#bytes.subarray(this.#starts[slot], this.#starts[slot + count]);
    if (at < MAX_VIEWS) this.#views[at] = view;
    return view;
  }
}
