import { MisuseError } from '../protocol/errors.ts';
import { type Guarded, tellFailed } from './guarded.ts';

/** Where shedding stops, as a share of the budget: not at its edge, where it would begin again at once. */
const RELIEF_SHARE = 0.9;
const DEFAULT_MAX_BYTES = 268_435_456;

/** Something that holds memory and can give it back. */
export interface MemoryHolder extends Guarded {
  /** What it was last counted with, in bytes; kept by itself. */
  readonly heldBytes: number;
  /** Where it stands among those that hold something, or -1; kept by the budget. */
  budgetSlot: number;
  /** Gives back what it can without loss, as by writing what waits. */
  relieve(): void;
  /** Gives everything back. */
  shed(): void;
}

/** Reads the private ledger of a budget; assigned once, where that field is in scope. */
let readLedger: (budget: MemoryBudget) => Ledger;

/** A holder counts `bytes` more than before, or less. */
export function changeHeld(budget: MemoryBudget, holder: MemoryHolder, bytes: number): void {
  readLedger(budget).changed(holder, bytes);
}

/**
 * How much the connections that share it may hold together: output that waits, messages that are unfinished, and messages
 * that are not delivered yet. Over it, the connection that holds most is closed with 1013, and the next, until 90 % are
 * reached. Limits per connection bound one peer; this bounds all of them together. What is sent to many at once counts
 * for each of them.
 */
export class MemoryBudget {
  readonly #ledger: Ledger;

  static {
    readLedger = (budget) => budget.#ledger;
  }

  /**
   * @param options `maxBytes`: 1 to 2^53 - 1. Default 268,435,456.
   * @throws MisuseError `ERR_OPTION` for another number.
   */
  constructor(options: { readonly maxBytes?: number | undefined } = {}) {
    refuseOtherNames(options);
    const { maxBytes = DEFAULT_MAX_BYTES } = options;
    if (!Number.isSafeInteger(maxBytes) || maxBytes < 1) {
      throw new MisuseError(
        'ERR_OPTION',
        `maxBytes is ${String(maxBytes)}; it must be a whole number of bytes from 1 to ${Number.MAX_SAFE_INTEGER}`,
      );
    }
    this.#ledger = new Ledger(maxBytes);
  }

  /** In bytes. */
  get maxBytes(): number {
    return this.#ledger.maxBytes;
  }

  /** What is held now, in bytes. */
  get usedBytes(): number {
    return this.#ledger.usedBytes;
  }

  /** How often it was exceeded so far, and connections were lost for it. */
  get episodes(): number {
    return this.#ledger.episodes;
  }
}

/** What a {@link MemoryBudget} counts, and how it gets memory back. */
class Ledger {
  readonly maxBytes: number;
  usedBytes = 0;
  episodes = 0;
  /** In no order. A set would be made anew after every few changes, in memory that only a full collection gives back. */
  readonly #holders: MemoryHolder[] = [];
  #shedding = false;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  changed(holder: MemoryHolder, bytes: number): void {
    this.usedBytes += bytes;
    if (holder.heldBytes > 0 !== holder.budgetSlot >= 0) this.#move(holder);
    if (this.usedBytes > this.maxBytes && bytes > 0 && !this.#shedding) this.#shed();
  }

  /** Takes one in that holds nothing so far, or out that holds nothing any more. */
  #move(holder: MemoryHolder): void {
    const holders = this.#holders;
    if (holder.budgetSlot < 0) {
      holder.budgetSlot = holders.push(holder) - 1;
      return;
    }
    const last = holders.pop()!;
    if (last !== holder) {
      holders[holder.budgetSlot] = last;
      last.budgetSlot = holder.budgetSlot;
    }
    holder.budgetSlot = -1;
  }

  #shed(): void {
    this.#shedding = true;
    try {
      const largestFirst = [...this.#holders].sort((a, b) => b.heldBytes - a.heldBytes);
      // What a peer would take at once is no reason to lose it.
      for (const holder of largestFirst) {
        if (this.usedBytes <= this.maxBytes) return;
        try {
          holder.relieve();
        } catch (error) {
          tellFailed(holder, error);
        }
      }
      if (this.usedBytes <= this.maxBytes) return;
      this.episodes++;
      largestFirst.sort((a, b) => b.heldBytes - a.heldBytes);
      for (const holder of largestFirst) {
        if (this.usedBytes <= this.maxBytes * RELIEF_SHARE) return;
        if (holder.heldBytes === 0) continue;
        try {
          holder.shed();
        } catch (error) {
          tellFailed(holder, error);
        }
      }
    } finally {
      this.#shedding = false;
    }
  }
}

/** @throws MisuseError `ERR_OPTION`: the shared checker names this class, so it cannot be asked here. */
function refuseOtherNames(options: unknown): void {
  const isOptions =
    typeof options === 'object' && options !== null && Object.getPrototypeOf(options) === Object.prototype;
  const names = isOptions ? Object.keys(options) : [];
  if (isOptions && names.every((name) => name === 'maxBytes')) return;
  throw new MisuseError(
    'ERR_OPTION',
    isOptions
      ? `new MemoryBudget has no option ${names.find((name) => name !== 'maxBytes')}; its option is maxBytes`
      : `new MemoryBudget takes an object such as { maxBytes: 268_435_456 }, not ${options === null ? 'null' : typeof options}`,
  );
}
