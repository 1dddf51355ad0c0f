import { OPCODE } from '../../protocol/constants.ts';
import { buildFrame } from '../../protocol/frame-builder.ts';

/** Most views that are kept; a longer ring makes them as they are needed. */
const MAX_VIEWS = 4_096;

/**
 * Frames that are sent over and over, masked once and lying next to each other: however many are due, they are one piece
 * of memory and one write.
 */
export class FrameRing {
  readonly payloads: readonly Buffer[];
  /** Frames until the first one comes again. */
  readonly length: number;
  readonly frameBytes: number;
  /** The frames twice over, so that no run of up to `length` has a seam. */
  readonly #bytes: Buffer;
  readonly #views: (Buffer | undefined)[];

  /**
   * @param payloads At least one, all of the same size.
   * @param keyOf A masking key for each of them.
   */
  constructor(payloads: readonly Buffer[], binary: boolean, keyOf: (slot: number) => number) {
    const opcode = binary ? OPCODE.BINARY : OPCODE.TEXT;
    const frames = payloads.map((payload, slot) => buildFrame(opcode, payload, keyOf(slot)));
    this.payloads = payloads;
    this.length = frames.length;
    this.frameBytes = frames[0]!.length;
    this.#bytes = Buffer.concat([...frames, ...frames]);
    this.#views = Array.from({ length: Math.min(MAX_VIEWS, this.length * this.length) }, () => undefined);
  }

  /** `count` frames from `slot` on; `count` is at most `length`. Never write into it. */
  run(slot: number, count: number): Buffer {
    const at = slot * this.length + count - 1;
    const kept = this.#views[at];
    if (kept !== undefined) return kept;
    const view = this.#bytes.subarray(slot * this.frameBytes, (slot + count) * this.frameBytes);
    if (at < MAX_VIEWS) this.#views[at] = view;
    return view;
  }
}
