/** Seeded random numbers for fuzzers: the same seed gives the same run on every machine. Not for secrets. */
export interface Prng {
  /** A whole number from 0 up to, not including, `below`. */
  int(below: number): number;
  /** True with the given probability; 0.5 by default. */
  bool(probability?: number): boolean;
  /** A new buffer of random bytes. */
  bytes(length: number): Buffer;
  /** A random member of a list. @throws RangeError if the list is empty. */
  pick<Item>(items: ArrayLike<Item>): Item;
  /** Cuts bytes at `cuts` random positions. Positions may be equal, so pieces may be empty. The pieces are views. */
  cut(bytes: Buffer, cuts: number): Buffer[];
}

/** Mulberry32. Its 32 bits of state are enough to choose test inputs. */
export function prng(seed: number): Prng {
  let state = seed | 0;
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
  const int = (below: number): number => Math.floor(fraction() * below);
  return {
    int,
    bool: (probability = 0.5) => fraction() < probability,
    bytes: (length) => Buffer.from(Array.from({ length }, () => int(256))),
    pick: (items) => {
      const item = items[int(items.length)];
      if (item === undefined) throw new RangeError('nothing to pick from');
      return item;
    },
    cut: (bytes, cuts) => {
      const places = Array.from({ length: cuts }, () => int(bytes.length + 1)).sort((a, b) => a - b);
      return [0, ...places].map((start, i) => bytes.subarray(start, places[i] ?? bytes.length));
    },
  };
}
