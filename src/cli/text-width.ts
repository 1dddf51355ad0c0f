/** Ranges of code points that take two columns: East Asian wide and full-width characters, and emoji. */
const WIDE: readonly (readonly [from: number, to: number])[] = [
  [0x11_00, 0x11_5f],
  [0x23_1a, 0x23_1b],
  [0x23_e9, 0x23_ec],
  [0x26_14, 0x26_15],
  [0x2e_80, 0xa4_cf],
  [0xa9_60, 0xa9_7c],
  [0xac_00, 0xd7_a3],
  [0xf9_00, 0xfa_ff],
  [0xfe_30, 0xfe_6f],
  [0xff_00, 0xff_60],
  [0xff_e0, 0xff_e6],
  [0x1_f3_00, 0x1_f6_4f],
  [0x1_f6_80, 0x1_f6_ff],
  [0x1_f9_00, 0x1_fa_ff],
  [0x2_00_00, 0x3_ff_fd],
];
const COMBINING = /^\p{M}$/u;

function columnsOfCharacter(character: string): number {
  const code = character.codePointAt(0)!;
  if (code < 0x3_00) return 1;
  if (COMBINING.test(character)) return 0;
  return WIDE.some(([from, to]) => code >= from && code <= to) ? 2 : 1;
}

/** Columns that a text without control characters takes on a terminal. */
export function columnsOf(text: string): number {
  let columns = 0;
  for (const character of text) columns += columnsOfCharacter(character);
  return columns;
}

/** Cuts a text to a number of columns; a cut text ends with `…`, or `~` without Unicode. */
export function cropped(text: string, columns: number, unicode: boolean): string {
  if (columnsOf(text) <= columns) return text;
  let kept = '';
  let used = 1;
  for (const character of text) {
    used += columnsOfCharacter(character);
    if (used > columns) break;
    kept += character;
  }
  return columns > 0 ? kept + (unicode ? '…' : '~') : '';
}

/** A text in exactly this many columns. */
export function fitted(
  text: string,
  columns: number,
  unicode: boolean,
  align: 'left' | 'right' = 'left',
): string {
  const shown = cropped(text, columns, unicode);
  const blanks = ' '.repeat(Math.max(0, columns - columnsOf(shown)));
  return align === 'left' ? shown + blanks : blanks + shown;
}
