/** The name in `names` that takes the fewest changes of a letter to reach; case counts less than anything else. */
export function nearestName(wrong: string, names: readonly string[]): string {
  const text = wrong.slice(0, 64).toLowerCase();
  let nearest = '';
  let fewest = Infinity;
  for (const name of names) {
    const changes = editDistance(text, name.toLowerCase());
    if (changes < fewest) {
      fewest = changes;
      nearest = name;
    }
  }
  return nearest;
}

/** Levenshtein's distance, one row at a time. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = row[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[to.length]!;
}
