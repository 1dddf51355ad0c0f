import { MisuseError } from '../protocol/errors.ts';
import { type Guarded, tellFailed } from './guarded.ts';

/** Shedding stops at this share of the budget; at the full budget it would start again at once. */
const RELIEF_SHARE = 0.9;
const DEFAULT_MAX_BYTES = 268_435_456;

/** An object that holds memory and can release it. */
export interface MemoryHolder extends Guarded {
  /** Bytes last counted; set by the holder. */
  readonly heldBytes: number;
  /** Index in the list of holders with memory, or -1; set by the budget. */
  budgetSlot: number;
  /** Releases memory without losing anything, for example by writing queued bytes. */
  relieve(): void;
  /** Releases all memory. */
  shed(): void;
}

/** Reads the private ledger of a budget. Assigned once, in the scope of that field. */
let readLedger: (budget: MemoryBudget) => Ledger;

/** Adds `bytes` to what a holder counts; negative to release. */
export function changeHeld(budget: MemoryBudget, holder: MemoryHolder, bytes: number): void {
  readLedger(budget).changed(holder, bytes);
}

/**
 * Limit on the memory that all connections sharing it hold together: queued output, unfinished messages and undelivered
 * messages. Over it, the connection that holds most is closed with 1013, then the next, until 90 % are reached. Limits
 * per connection bound one peer; this bounds all of them together. A message sent to many recipients counts for each of
 * them.
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

  /** The limit in bytes. */
  get maxBytes(): number {
    return this.#ledger.maxBytes;
  }

  /** Bytes held now. */
  get usedBytes(): number {
    return this.#ledger.usedBytes;
  }

  /** Number of times that the limit was exceeded and connections were closed. */
  get episodes(): number {
    return this.#ledger.episodes;
  }
}

/** The private part of a {@link MemoryBudget}: counts memory and reclaims it. */
class Ledger {
  readonly maxBytes: number;
  usedBytes = 0;
  episodes = 0;
  /** Unordered. A `Set` is rebuilt after every few changes, in memory that only a full collection releases. */
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

  /** Adds a holder that had no memory before, or removes a holder that has none now. */
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
      // Bytes that a peer would accept at once are no reason to close its connection.
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

/** @throws MisuseError `ERR_OPTION`. The shared checker imports this class, so it cannot be used here. */
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
