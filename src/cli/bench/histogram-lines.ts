import { duration, type HistogramData, latencyBars, whole } from '../../load/index.ts';
import { bar } from '../bar.ts';

const MOST_BARS = 14;
const BAR_COLUMNS = 40;

/** A share to read: `31.2 %`, and `< 0.1 %` for a little. */
export function sharePercent(share: number): string {
  if (share > 0 && share < 0.000_5) return '< 0.1 %';
  return `${(share * 100).toFixed(1)} %`;
}

/**
 * A histogram of latencies as lines of text: range, bar, share, count.
 * @param unicode Whether the terminal can show block characters.
 * @returns Empty if nothing was recorded.
 */
export function histogramLines(data: HistogramData, unicode: boolean): string[] {
  const bars = latencyBars(data, MOST_BARS);
  const total = bars.reduce((sum, { count }) => sum + count, 0);
  const highest = Math.max(0, ...bars.map(({ count }) => count));
  const rows = bars.map(({ fromMs, toMs, count }) => ({
    from: duration(fromMs),
    to: duration(toMs),
    drawn: bar(count / highest, BAR_COLUMNS, unicode),
    share: count === 0 ? '' : sharePercent(count / total),
    count: count === 0 ? '' : whole(count),
  }));
  const width = (name: 'from' | 'to' | 'share' | 'count'): number =>
    Math.max(0, ...rows.map((row) => row[name].length));
  const [from, to, share, count] = [width('from'), width('to'), width('share'), width('count')];
  return rows.map((row) =>
    `${row.from.padStart(from)} to ${row.to.padStart(to)}  ${row.drawn.padEnd(BAR_COLUMNS)}  ${row.share.padStart(share)}  ${row.count.padStart(count)}`.trimEnd(),
  );
}
