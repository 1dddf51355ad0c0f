/** The four dots of the left half of a braille pattern, and those of its right half, each from the bottom up. */
const LEFT_DOTS = [0x40, 0x04, 0x02, 0x01];
const RIGHT_DOTS = [0x80, 0x20, 0x10, 0x08];

/**
 * Draws numbers as bars of up to four dots, two numbers per column; the highest bar is full.
 * @param width Maximum columns; if there are more numbers, the last ones are shown.
 */
export function brailleLine(values: readonly number[], width: number): string {
  const shown = values.slice(-2 * width);
  const highest = Math.max(...shown, 0);
  const dots = (value: number | undefined, column: readonly number[]): number => {
    if (value === undefined) return 0;
    const height = highest === 0 ? 1 : Math.max(1, Math.round((value / highest) * column.length));
    return column.slice(0, height).reduce((sum, dot) => sum | dot, 0);
  };
  let line = '';
  for (let i = 0; i < shown.length; i += 2) {
    line += String.fromCodePoint(0x2800 | dots(shown[i], LEFT_DOTS) | dots(shown[i + 1], RIGHT_DOTS));
  }
  return line;
}
