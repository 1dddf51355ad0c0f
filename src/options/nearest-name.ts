/** Maximum length of a name to compare, in characters: the distance takes quadratic time. */
const MAX_COMPARED = 64;
/** Minimum length of a name that counts as a prefix of another. */
const MIN_PREFIX = 3;

/**
 * The known name that is most likely meant: the same except for case and separators, then with one typing error, then
 * with the wrong name as prefix (`pingInterval` for `pingIntervalMs`), then with a few typing errors.
 * @returns `undefined` if no known name is close enough, because a wrong hint misleads.
 */
export function nearestName(wrong: string, names: readonly string[]): string | undefined {
  const text = bare(wrong.slice(0, MAX_COMPARED));
  if (text === '') return undefined;
  const known = names.map((name) => ({ name, text: bare(name) }));
  const same = known.find((one) => one.text === text);
  if (same !== undefined) return same.name;
  const nearest = closest(known, text);
  if (nearest !== undefined && nearest.errors <= 1) return nearest.name;
  const [longer] = known
    .filter((one) => isPrefix(text, one.text) || isPrefix(one.text, text))
    .sort(
      (one, other) => Math.abs(one.text.length - text.length) - Math.abs(other.text.length - text.length),
    );
  return longer?.name ?? nearest?.name;
}

/** The name with the fewest typing errors, if they are few enough. */
function closest(
  known: readonly { readonly name: string; readonly text: string }[],
  text: string,
): { readonly name: string; readonly errors: number } | undefined {
  let nearest: { readonly name: string; readonly errors: number } | undefined;
  for (const one of known) {
    const errors = typingErrors(text, one.text);
    if (errors > allowedErrors(Math.min(text.length, one.text.length))) continue;
    if (nearest === undefined || errors < nearest.errors) nearest = { name: one.name, errors };
  }
  return nearest;
}

/** Ignores case and separators. */
const bare = (name: string): string => name.toLowerCase().replace(/[-_ ]/g, '');

const isPrefix = (short: string, long: string): boolean =>
  short.length >= MIN_PREFIX && long.startsWith(short);

/** Maximum number of typing errors: a third of the letters, at most 3. Above it the names have nothing in common. */
const allowedErrors = (letters: number): number => Math.min(3, Math.floor(letters / 3));

/** Letters to insert, remove, replace, or swap with their neighbour (optimal string alignment), one row at a time. */
function typingErrors(from: string, to: string): number {
  let before: number[] = [];
  let row = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = row[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1);
      let errors = Math.min(replaced, row[j]! + 1, next[j - 1]! + 1);
      if (from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1] && i > 1 && j > 1)
        errors = Math.min(errors, before[j - 2]! + 1);
      next.push(errors);
    }
    before = row;
    row = next;
  }
  return row[to.length]!;
}
