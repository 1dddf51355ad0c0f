import { buildFrame, OPCODE, RSV1 } from '../protocol/index.ts';

/** Maximum cached views. Views beyond it are created for each call. */
const MAX_VIEWS = 4_096;

/**
 * Frames that are sent repeatedly. They are masked once and stored contiguously, so any number of due frames is one slice
 * and one write.
 */
export class FrameRing {
  readonly payloads: readonly Buffer[];
  /** Number of frames in the ring. */
  readonly length: number;
  /** The frames, twice in a row: any run of up to `length` frames is contiguous. */
  readonly #bytes: Buffer;
  /** Offsets of the frames, and the end of the last one. */
  readonly #starts: readonly number[];
  readonly #views: (Buffer | undefined)[];

  /**
   * @param payloads At least one, all of the same size.
   * @param keyOf Returns the masking key for a slot.
   * @param sent The compressed payloads. Default: the payloads are sent uncompressed.
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

  /** The `count` frames from `slot` on. The result is shared: do not write to it. @param count At most `length`. */
  run(slot: number, count: number): Buffer {
    const at = slot * this.length + count - 1;
    const kept = this.#views[at];
    if (kept !== undefined) return kept;
    const view = this.#bytes.subarray(this.#starts[slot], this.#starts[slot + count]);
    if (at < MAX_VIEWS) this.#views[at] = view;
    return view;
  }
}
