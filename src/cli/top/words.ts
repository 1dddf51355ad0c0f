/** A number in at most five columns: `999`, `12.3k`, `1.2M`. */
export function compact(value: number): string {
  if (value < 9.95) return Number(value.toFixed(1)).toString();
  if (value < 999.5) return String(Math.round(value));
  const units = ['k', 'M', 'G', 'T'];
  let scaled = value;
  for (const unit of units) {
    scaled /= 1_000;
    if (scaled < 99.95) return `${Number(scaled.toFixed(1))}${unit}`;
    if (scaled < 999.5) return `${Math.round(scaled)}${unit}`;
  }
  return `${Math.round(scaled)}T`;
}

/** Bytes in at most seven columns: `999B`, `1.2KiB`, `1023MiB`. */
export function compactBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1_023.5 && unit < 4) {
    value /= 1_024;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1;
  return `${Number(value.toFixed(digits))}${['B', 'KiB', 'MiB', 'GiB', 'TiB'][unit]}`;
}

const UNITS: readonly (readonly [ms: number, name: string])[] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1_000, 's'],
];

/** The largest unit of a duration: `45 s`, `3 min`, `2 d`. @param gap Between number and unit. */
export function age(ms: number, gap = ' '): string {
  const [unit, name] = UNITS.find(([size]) => ms >= size) ?? UNITS.at(-1)!;
  return `${Math.floor(ms / unit)}${gap}${name}`;
}

/** The two largest units of a duration: `3 h 12 min`. */
export function uptime(ms: number): string {
  const at = UNITS.findIndex(([size]) => ms >= size);
  const next = UNITS[at + 1];
  if (at < 0 || next === undefined) return age(ms);
  const rest = Math.floor((ms % UNITS[at]![0]) / next[0]);
  return rest === 0 ? age(ms) : `${age(ms)} ${rest} ${next[1]}`;
}

/** Entries, those with the highest number first. */
export function largestFirst(counts: Readonly<Record<string, number>>): [name: string, count: number][] {
  return Object.entries(counts).sort(([, a], [, b]) => b - a);
}
