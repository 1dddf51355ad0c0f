const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
const HEIGHTS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/** The same for terminals without block characters, the lowest first. */
const ASCII_HEIGHTS = ['_', '.', '-', '=', '+', '*', '#', '@'];

/**
 * A horizontal bar, exact to an eighth of a column. A share above 0 is visible.
 * @param share 0 to 1.
 * @param unicode Whether the terminal can show block characters.
 */
export function bar(share: number, width: number, unicode: boolean): string {
  const eighths = Math.min(8 * width, Math.max(share > 0 ? 1 : 0, Math.round(share * 8 * width)));
  if (!unicode) return '#'.repeat(Math.ceil(eighths / 8));
  return '█'.repeat(eighths >> 3) + EIGHTHS[eighths & 7];
}

/**
 * Numbers as columns of a line, the last `width` of them; the highest is full, 0 is the lowest.
 * @param unicode Whether the terminal can show block characters.
 */
export function sparkline(values: readonly number[], width: number, unicode: boolean): string {
  const shown = values.slice(-width);
  const highest = Math.max(0, ...shown);
  const heights = unicode ? HEIGHTS : ASCII_HEIGHTS;
  return shown
    .map((value) => {
      const share = highest === 0 ? 0 : value / highest;
      return heights[Math.min(heights.length - 1, Math.ceil(share * (heights.length - 1)))];
    })
    .join('');
}
