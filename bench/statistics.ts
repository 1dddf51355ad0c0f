/**
 * The quantile of a list of values, interpolated linearly.
 * @param share 0 to 1.
 * @throws RangeError if the list is empty.
 */
export function quantile(values: readonly number[], share: number): number {
  if (values.length === 0) throw new RangeError('a quantile needs at least one value');
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const below = Math.floor(at);
  const low = sorted[below]!;
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return low + (high - low) * (at - below);
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);
