import { Buffer } from 'node:buffer';

/** Frames below this size get memory of their own, in bytes: they are often joined with others, and cost little. */
const FROM_BYTES = 1_024;
/** Largest frame of the pool in bytes: 64 KiB of payload, with the longest header. */
const MOST_BYTES = 65_546;
/** Most frames that are lent at a time. */
const MOST_LENT = 8;
/** Most memory that is kept for the next frames, in bytes. */
const KEPT_BYTES = 262_144;
/** More than any number of recipients. */
const BEING_DELIVERED = 2 ** 30;

const NOTHING: Buffer = /* @__PURE__ */ Buffer.alloc(0);

interface LentFrame {
  readonly memory: Buffer;
  frame: Buffer;
  /** Recipients whose write has not completed; {@link BEING_DELIVERED} more until their number is known. */
  unwritten: number;
}

/**
 * Memory of broadcast frames. It is used again once the frame was written for every recipient, which usually happens in the
 * same turn. Without it, each broadcast would leave a frame outside of V8's heap, and V8 collects the whole heap for that.
 *
 * Only complete writes of exactly the frame count. Whatever else happens to it (a recipient is blocked, drops it, encodes it,
 * gets it in parts or through a stream), the count stays above 0: the memory then belongs to the frame, and the garbage
 * collector frees both.
 */
export class FramePool {
  /** True while frames are lent: {@link written} wants to know of every completed write. */
  isLent = false;
  readonly #lent: LentFrame[] = [];
  readonly #spares: LentFrame[] = [];
  #keptBytes = 0;

  /**
   * Returns uninitialised memory for one frame. The caller writes all of it, gives it to recipients, and calls
   * {@link delivered}.
   */
  frame(bytes: number): Buffer {
    if (bytes < FROM_BYTES || bytes > MOST_BYTES) return Buffer.allocUnsafeSlow(bytes);
    const lent = this.#spareOf(bytes) ?? {
      memory: Buffer.allocUnsafeSlow(bytes),
      frame: NOTHING,
      unwritten: 0,
    };
    // A new object for each frame: it identifies the frame.
    lent.frame = lent.memory.subarray(0, bytes);
    lent.unwritten = BEING_DELIVERED;
    if (this.#lent.length === MOST_LENT) this.#lent.shift();
    this.#lent.push(lent);
    this.isLent = true;
    return lent.frame;
  }

  /**
   * All recipients have the frame in their queues, or have written it. The caller does not read it any more.
   * @param recipients Their number. Each of them writes the frame at most once.
   */
  delivered(frame: Buffer, recipients: number): void {
    const at = this.#lent.findLastIndex((lent) => lent.frame === frame);
    if (at === -1) return;
    const lent = this.#lent[at]!;
    lent.unwritten += recipients - BEING_DELIVERED;
    if (lent.unwritten === 0) this.#takeBack(at);
  }

  /**
   * A transport has written chunks for one recipient, and neither it nor the kernel reads them any more.
   * @param chunks A chunk, or a list of chunks.
   */
  written(chunks: Uint8Array | readonly Uint8Array[]): void {
    if (chunks instanceof Uint8Array) this.#wrote(chunks);
    else for (const chunk of chunks) this.#wrote(chunk);
  }

  /** Leaves lent frames their memory. Call it when no more writes are about to follow. */
  forget(): void {
    if (!this.isLent) return;
    this.#lent.length = 0;
    this.isLent = false;
  }

  #wrote(chunk: Uint8Array): void {
    const lent = this.#lent;
    for (let at = 0; at < lent.length; at++) {
      const each = lent[at]!;
      if (each.frame !== chunk) continue;
      if (--each.unwritten === 0) this.#takeBack(at);
      return;
    }
  }

  #takeBack(at: number): void {
    const lent = this.#lent[at]!;
    this.#lent.splice(at, 1);
    this.isLent = this.#lent.length > 0;
    lent.frame = NOTHING;
    if (this.#keptBytes + lent.memory.length > KEPT_BYTES) return;
    this.#keptBytes += lent.memory.length;
    this.#spares.push(lent);
  }

  /** Drops a spare memory that is too small, so that the pool adapts to the frames that are sent now. */
  #spareOf(bytes: number): LentFrame | undefined {
    const spare = this.#spares.pop();
    if (spare === undefined) return undefined;
    this.#keptBytes -= spare.memory.length;
    return spare.memory.length < bytes ? undefined : spare;
  }
}
