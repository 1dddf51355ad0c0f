import type { RandomSource } from '../engine/random.ts';

/** The longest delay before the first repeat of a failed call, and before any repeat, in ms. */
export interface BackoffLimits {
  readonly firstMs: number;
  readonly maxMs: number;
}

/**
 * A random delay before a repeat, in ms: from 0 to a limit that doubles with each repeat (full jitter).
 * @param repeats Repeats before this one.
 */
export const backoffMs = ({ firstMs, maxMs }: BackoffLimits, repeats: number, random: RandomSource): number =>
  random.fraction() * Math.min(maxMs, firstMs * 2 ** repeats);
