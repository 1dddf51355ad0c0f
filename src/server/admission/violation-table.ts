const MINUTE_MS = 60_000;
/** Most addresses in each of the two lists. With `perMinute: 10` both use about 4 MB at most. */
export const MAX_ADDRESSES = 10_000;

/** From how many protocol violations on an address is refused, and for how long; see the option `violationLimit`. */
export interface ViolationLimits {
  readonly perMinute: number;
  readonly refuseMs: number;
}

/**
 * Protocol violations by address. Has no timer: entries that are too old are dropped when others come. A full list drops the
 * entry whose time ends next.
 */
export class ViolationTable {
  readonly #limits: ViolationLimits;
  readonly #maxAddresses: number;
  /** Times of the latest violations, by address. The address with the latest violation is last. */
  readonly #violations = new Map<string, number[]>();
  /** When the refusal of an address ends. All last equally long, so the first entry ends first. */
  readonly #refusedUntilMs = new Map<string, number>();

  constructor(limits: ViolationLimits, maxAddresses: number = MAX_ADDRESSES) {
    this.#limits = limits;
    this.#maxAddresses = maxAddresses;
  }

  /** Addresses that are refused now. */
  refusedAddresses(nowMs: number): number {
    this.#dropEnded(nowMs);
    return this.#refusedUntilMs.size;
  }

  /** Addresses with a violation, for tests. */
  get watchedAddresses(): number {
    return this.#violations.size;
  }

  /** Time for which an address is still refused, in ms; 0 if it is not. */
  refusedForMs(key: string, nowMs: number): number {
    const untilMs = this.#refusedUntilMs.get(key);
    return untilMs === undefined ? 0 : Math.max(0, untilMs - nowMs);
  }

  /** Counts a violation. @returns Whether the address is refused from now on. */
  add(key: string, nowMs: number): boolean {
    if (this.refusedForMs(key, nowMs) > 0) return false;
    this.#dropOld(nowMs);
    const times = (this.#violations.get(key) ?? []).filter((atMs) => nowMs - atMs < MINUTE_MS);
    times.push(nowMs);
    this.#violations.delete(key);
    if (times.length < this.#limits.perMinute) {
      this.#violations.set(key, times);
      dropFirst(this.#violations, this.#maxAddresses);
      return false;
    }
    this.#dropEnded(nowMs);
    this.#refusedUntilMs.delete(key);
    this.#refusedUntilMs.set(key, nowMs + this.#limits.refuseMs);
    dropFirst(this.#refusedUntilMs, this.#maxAddresses);
    return true;
  }

  #dropOld(nowMs: number): void {
    for (const [key, times] of this.#violations) {
      if (nowMs - times.at(-1)! < MINUTE_MS) return;
      this.#violations.delete(key);
    }
  }

  #dropEnded(nowMs: number): void {
    for (const [key, untilMs] of this.#refusedUntilMs) {
      if (untilMs > nowMs) return;
      this.#refusedUntilMs.delete(key);
    }
  }
}

/** Drops the first entry of a map that has more than `most`. */
function dropFirst(map: Map<string, unknown>, most: number): void {
  if (map.size <= most) return;
  for (const key of map.keys()) {
    map.delete(key);
    return;
  }
}
