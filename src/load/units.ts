/** Rounds to a whole number, with thousands separators. */
export const whole = (value: number): string => Math.round(value).toLocaleString('en-US');

const SIZES = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** Bytes in the largest fitting unit: `16 B`, `1 KiB`, `117.2 MiB`. */
export function size(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (Math.abs(value) >= 1_024 && unit < SIZES.length - 1) {
    value /= 1_024;
    unit++;
  }
  return `${unit === 0 ? Math.round(value) : Number(value.toFixed(1))} ${SIZES[unit]}`;
}

/** A duration in the largest fitting unit: `45 µs`, `2.39 ms`, `1.2 s`. */
export function duration(ms: number): string {
  if (ms < 1) return `${Math.round(ms * 1_000)} µs`;
  if (ms < 1_000) return `${significant(ms)} ms`;
  return `${significant(ms / 1_000)} s`;
}

/** Rounds to three significant digits. */
export function significant(value: number): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return Number(value.toFixed(digits)).toLocaleString('en-US');
}

export const percent = (share: number): string => `${Math.round(share * 100)} %`;
