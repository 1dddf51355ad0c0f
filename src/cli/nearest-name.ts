/**
 * The known name that a mistyped one most likely stands for: the name with the fewest typing errors, or a name that begins
 * with it (`ping-interval` for `ping-interval-ms`).
 * @returns `undefined` if no name is close: a wrong hint misleads more than no hint.
 */
export function nearestName(wrong: string, names: readonly string[]): string | undefined {
  const [nearest] = names
    .map((name) => ({ name, errors: typingErrors(wrong.slice(0, 64), name) }))
    .sort((one, other) => one.errors - other.errors);
  const allowed = Math.min(3, Math.floor(wrong.length / 3));
  if (nearest !== undefined && nearest.errors <= Math.min(1, allowed)) return nearest.name;
  const longer = wrong.length < 3 ? undefined : names.find((name) => name.startsWith(wrong));
  return longer ?? (nearest !== undefined && nearest.errors <= allowed ? nearest.name : undefined);
}

/** Letters to insert, remove, replace, or swap with their neighbour (optimal string alignment). */
function typingErrors(from: string, to: string): number {
  const rows = [Array.from({ length: to.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = rows[i - 1]![j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1);
      const swaps = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      const swapped = swaps ? rows[i - 2]![j - 2]! + 1 : Infinity;
      row.push(Math.min(replaced, rows[i - 1]![j]! + 1, row[j - 1]! + 1, swapped));
    }
    rows.push(row);
  }
  return rows[from.length]![to.length]!;
}
