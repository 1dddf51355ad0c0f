import { Buffer } from 'node:buffer';
import type { TrafficCounters } from '../../connection/owner.ts';
import { changeHeld, type MemoryBudget, type MemoryHolder } from '../../engine/memory-budget.ts';

/** Smallest memory that is allocated, in bytes. */
const LEAST_BYTES = 256;
const NOTHING: Buffer = Buffer.alloc(0);

/** Where held bytes are counted. */
export interface HeldInputHost {
  readonly options: { readonly memoryBudget: MemoryBudget };
  readonly counters: Pick<TrafficCounters, 'heldBytes'>;
  /** The memory budget is used up. */
  memoryShed(): void;
}

/**
 * Input of a socket that is no connection yet: the body of a plain request, or bytes behind an upgrade request. One piece
 * of memory of its own, however small the chunks are; the memory budget and `stats()` count all of it.
 */
export class HeldInput implements MemoryHolder {
  heldBytes = 0;
  budgetSlot = -1;
  readonly #host: HeldInputHost;
  readonly #maxBytes: number;
  readonly #shed: () => void;
  #memory = NOTHING;
  #length = 0;

  /**
   * @param maxBytes Most that will be appended.
   * @param shed Called when the memory budget is used up: everything has to be given back, by {@link release}.
   */
  constructor(host: HeldInputHost, maxBytes: number, shed: () => void) {
    this.#host = host;
    this.#maxBytes = maxBytes;
    this.#shed = shed;
  }

  /** Bytes appended so far. */
  get length(): number {
    return this.#length;
  }

  /** All of it. The memory is no longer used here after {@link release}. */
  get bytes(): Buffer {
    return this.#memory.subarray(0, this.#length);
  }

  /** Copies a chunk, which is not empty. @returns False if that was too much for the memory budget, and `shed` was called. */
  append(chunk: Uint8Array): boolean {
    const length = this.#length + chunk.length;
    if (length > this.#memory.length) {
      // Doubling keeps input that comes byte by byte linear.
      const capacity = Math.min(Math.max(length, 2 * this.#memory.length, LEAST_BYTES), this.#maxBytes);
      const larger = Buffer.allocUnsafeSlow(Math.max(capacity, length));
      larger.set(this.bytes);
      this.#memory = larger;
    }
    this.#memory.set(chunk, this.#length);
    this.#length = length;
    this.#count(this.#memory.length);
    return this.#length === length;
  }

  /** Holds nothing from here on. */
  release(): void {
    this.#memory = NOTHING;
    this.#length = 0;
    this.#count(0);
  }

  /** Nothing can be given back without loss. */
  relieve(): void {}

  shed(): void {
    this.#shed();
    this.#host.memoryShed();
  }

  /** `shed` threw: the memory is given back all the same. */
  failed(): void {
    this.release();
  }

  #count(bytes: number): void {
    const change = bytes - this.heldBytes;
    if (change === 0) return;
    this.heldBytes = bytes;
    this.#host.counters.heldBytes += change;
    changeHeld(this.#host.options.memoryBudget, this, change);
  }
}
