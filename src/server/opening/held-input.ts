import { Buffer } from 'node:buffer';
import type { TrafficCounters } from '../../connection/owner.ts';
import { changeHeld, type MemoryBudget, type MemoryHolder } from '../../engine/memory-budget.ts';

/** Smallest allocation, in bytes. */
const LEAST_BYTES = 256;
const NOTHING: Buffer = Buffer.alloc(0);

/** The server, as far as held bytes are counted there. */
export interface HeldInputOwner {
  readonly options: { readonly memoryBudget: MemoryBudget };
  readonly counters: Pick<TrafficCounters, 'heldBytes'>;
  /** Reports that the memory budget is used up. */
  memoryShed(): void;
}

/**
 * Buffered input of a socket before it is a connection: the body of a plain request, or bytes that follow an upgrade
 * request. All chunks are copied into one allocation, which the memory budget and `stats()` count in full.
 */
export class HeldInput implements MemoryHolder {
  heldBytes = 0;
  budgetSlot = -1;
  readonly #owner: HeldInputOwner;
  readonly #maxBytes: number;
  readonly #shed: () => void;
  #memory = NOTHING;
  #length = 0;

  /**
   * @param maxBytes Limit of all appended bytes together.
   * @param shed Called when the memory budget is used up; must call {@link release}.
   */
  constructor(owner: HeldInputOwner, maxBytes: number, shed: () => void) {
    this.#owner = owner;
    this.#maxBytes = maxBytes;
    this.#shed = shed;
  }

  get length(): number {
    return this.#length;
  }

  /** All appended bytes. After {@link release} the memory belongs to the caller. */
  get bytes(): Buffer {
    return this.#memory.subarray(0, this.#length);
  }

  /** Copies a chunk, which must not be empty. @returns `false` if it exceeded the memory budget and `shed` was called. */
  append(chunk: Uint8Array): boolean {
    const length = this.#length + chunk.length;
    if (length > this.#memory.length) {
      // Doubling keeps the copying linear for input that arrives byte by byte.
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

  release(): void {
    this.#memory = NOTHING;
    this.#length = 0;
    this.#count(0);
  }

  /** Does nothing: every held byte is still needed. */
  relieve(): void {}

  shed(): void {
    this.#shed();
    this.#owner.memoryShed();
  }

  /** `shed` threw: releases the memory nevertheless. */
  failed(): void {
    this.release();
  }

  #count(bytes: number): void {
    const change = bytes - this.heldBytes;
    if (change === 0) return;
    this.heldBytes = bytes;
    this.#owner.counters.heldBytes += change;
    changeHeld(this.#owner.options.memoryBudget, this, change);
  }
}
