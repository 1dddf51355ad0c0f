import { columnsOf, cropped } from '../text-width.ts';

/** How a part of a row looks, where colours are allowed. */
export type Look = 'plain' | 'strong' | 'faint' | 'good' | 'warn' | 'bad' | 'accent' | 'title' | 'chosen';
const CODES: Readonly<Record<Look, string>> = {
  plain: '',
  strong: '1',
  faint: '2',
  good: '32',
  warn: '33',
  bad: '31',
  accent: '36',
  title: '7',
  chosen: '7',
};

export type Part = readonly [text: string, look: Look];
/** A row of the screen, from left to right. */
export type Row = readonly Part[];

/** What the terminal is like. */
export interface Paper {
  readonly columns: number;
  readonly rows: number;
  readonly colours: boolean;
  readonly unicode: boolean;
}

/** Puts a row together, cut to the width of the terminal. The parts contain no control characters. */
export function drawn(row: Row, { columns, colours, unicode }: Paper): string {
  let line = '';
  let left = columns;
  for (const [text, look] of row) {
    if (left <= 0) break;
    const shown = cropped(text, left, unicode);
    left -= columnsOf(shown);
    line += colours && CODES[look] !== '' ? `\u001b[${CODES[look]}m${shown}\u001b[0m` : shown;
  }
  return line;
}
