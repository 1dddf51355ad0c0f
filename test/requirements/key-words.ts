import type { Level } from './rule.ts';

/** How often a section uses each key word; REQUIRED and SHALL count as MUST, RECOMMENDED as SHOULD. */
export type KeyWords = Readonly<Partial<Record<Level, number>>>;

/** RFC 7692, counted in its text. Sections that are not here use none; §2, which explains the words, is left out. */
export const RFC7692_KEY_WORDS: Readonly<Record<string, KeyWords>> = {
  '4': { MUST: 2 },
  '5': { MUST: 8, 'MUST NOT': 3 },
  '6.1': { MUST: 3, 'MUST NOT': 1 },
  '6.2': { MUST: 2 },
  '7': { MUST: 2 },
  '7.1.1.1': { SHOULD: 1 },
  '7.1.1.2': { MUST: 1 },
  '7.1.2.1': { MUST: 2 },
  '7.1.2.2': { MUST: 2, 'MUST NOT': 1 },
  '7.2.1': { MUST: 3, 'MUST NOT': 4 },
  '7.2.2': { MUST: 6 },
  '7.3': { SHOULD: 1 },
};
