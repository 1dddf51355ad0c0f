import { text } from '../../src/testing/frames.ts';
import { MESSAGES } from '../vectors/messages.ts';
import type { Row } from '../vectors/row.ts';
import { TEXT } from '../vectors/text.ts';

const long = 'Grüße, 世界, 👋🏽 '.repeat(200);

/** Rows that depend on the implementation of masking and text decoding. */
export const BARE_ROWS: readonly Row[] = [
  ...[...MESSAGES, ...TEXT].filter(({ closeFirst }) => closeFirst !== true),
  {
    rule: 'UT-01: long text that is not ASCII',
    wire: (mask) => [text(long, { mask })],
    lines: [`text ${JSON.stringify(long)}`],
  },
];
