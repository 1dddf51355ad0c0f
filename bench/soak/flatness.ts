/** A value at a time. */
export interface Point {
  readonly atMs: number;
  readonly value: number;
}

/** How a value changes, by a straight line through its points. */
export interface Slope {
  /** Change per minute. */
  readonly perMinute: number;
  /** Half of the 95 % interval of `perMinute`. */
  readonly error: number;
  /** Means that the line was fitted to. */
  readonly blocks: number;
}

const BLOCKS = 20;
/** Quantile 0.975 of Student's t for 4 to 18 degrees of freedom, by steps of two. */
const STUDENT = [2.776, 2.447, 2.306, 2.228, 2.179, 2.145, 2.12, 2.101] as const;

const mean = (values: readonly number[]): number =>
  values.reduce((total, value) => total + value, 0) / values.length;

/** Means of equal periods: neighbouring samples of memory depend on each other, means of minutes hardly do. */
function blocksOf(points: readonly Point[]): Point[] {
  const [first, last] = [points[0]!.atMs, points.at(-1)!.atMs];
  const length = (last - first) / BLOCKS;
  return Array.from({ length: BLOCKS }, (_, at) =>
    points.filter(({ atMs }) => Math.min(BLOCKS - 1, Math.floor((atMs - first) / length)) === at),
  )
    .filter((block) => block.length > 0)
    .map((block) => ({
      atMs: mean(block.map(({ atMs }) => atMs)),
      value: mean(block.map(({ value }) => value)),
    }));
}

/**
 * Fits a line by least squares to the means of 20 equal periods. The error takes into account that neighbouring means still depend on
 * each other: it grows by √((1 + r) ÷ (1 − r)), where r is the correlation of neighbouring residuals, if that is positive.
 * @returns `undefined` for fewer than six means.
 */
export function slopeOf(points: readonly Point[]): Slope | undefined {
  if (points.length < 6) return undefined;
  const blocks = blocksOf(points);
  const degrees = blocks.length - 2;
  if (degrees < 4) return undefined;
  const minutes = blocks.map(({ atMs }) => atMs / 60_000);
  const middle = mean(minutes);
  const level = mean(blocks.map(({ value }) => value));
  const spread = minutes.reduce((total, at) => total + (at - middle) ** 2, 0);
  const perMinute =
    blocks.reduce((total, { value }, i) => total + (minutes[i]! - middle) * (value - level), 0) / spread;
  const residuals = blocks.map(({ value }, i) => value - level - perMinute * (minutes[i]! - middle));
  const squares = residuals.reduce((total, value) => total + value ** 2, 0);
  const neighbours = residuals.slice(1).reduce((total, value, i) => total + value * residuals[i]!, 0);
  const correlation = squares === 0 ? 0 : Math.min(0.9, Math.max(0, neighbours / squares));
  const student = STUDENT[Math.min(STUDENT.length - 1, Math.floor((degrees - 4) / 2))]!;
  const error =
    student * Math.sqrt(squares / degrees / spread) * Math.sqrt((1 + correlation) / (1 - correlation));
  return { perMinute, error, blocks: blocks.length };
}
