import type { Level } from './rule.ts';

/** How often a section uses each key word; REQUIRED and SHALL count as MUST, RECOMMENDED as SHOULD. */
export type KeyWords = Readonly<Partial<Record<Level, number>>>;

/**
 * Counted in the RFCs. Sections without an entry use no key word. Left out: the sections that define the words (§2 of both). After
 * §11.3.5 RFC 6455 has no key words.
 */
export const KEY_WORDS: Readonly<Record<string, Readonly<Record<string, KeyWords>>>> = {
  'RFC 6455': {
    '3': { MUST: 1, 'MUST NOT': 1 },
    '9': { MUST: 1, 'MUST NOT': 1 },
    '4.1': { MUST: 39, SHOULD: 3 },
    '4.2.1': { MUST: 1, 'SHOULD NOT': 1 },
    '4.2.2': { MUST: 8, 'MUST NOT': 2 },
    '4.3': { MUST: 1 },
    '4.4': { MUST: 1 },
    '5.1': { MUST: 3, 'MUST NOT': 1 },
    '5.2': { MUST: 10 },
    '5.3': { MUST: 3, 'MUST NOT': 1 },
    '5.4': { MUST: 4, 'MUST NOT': 6 },
    '5.5': { MUST: 1, 'MUST NOT': 1 },
    '5.5.1': { MUST: 4, 'MUST NOT': 2, SHOULD: 2 },
    '5.5.2': { MUST: 1, SHOULD: 1 },
    '5.6': { MUST: 1 },
    '5.8': { MUST: 1 },
    '6.1': { MUST: 8 },
    '6.2': { MUST: 5 },
    '7.1.1': { SHOULD: 4 },
    '7.1.2': { MUST: 1, SHOULD: 1 },
    '7.1.7': { MUST: 2, 'MUST NOT': 1, SHOULD: 2, 'SHOULD NOT': 1 },
    '7.2.1': { MUST: 2, 'SHOULD NOT': 1 },
    '7.2.2': { MUST: 1 },
    '7.2.3': { SHOULD: 3 },
    '7.3': { 'SHOULD NOT': 1 },
    '7.4.1': { 'MUST NOT': 3, SHOULD: 1 },
    '8.1': { MUST: 1 },
    '9.1': { MUST: 4, 'MUST NOT': 1 },
    '10.2': { SHOULD: 2 },
    '10.3': { MUST: 1 },
    '10.4': { MUST: 1, SHOULD: 1 },
    '10.6': { MUST: 1, SHOULD: 1 },
    '10.7': { MUST: 1, SHOULD: 2 },
    '11.1.1': { MUST: 2 },
    '11.1.2': { MUST: 2 },
    '11.3.1': { 'MUST NOT': 1 },
    '11.3.2': { 'MUST NOT': 1 },
    '11.3.3': { 'MUST NOT': 1 },
    '11.3.4': { 'MUST NOT': 1 },
    '11.3.5': { 'MUST NOT': 1 },
  },
  'RFC 7692': {
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
  },
};
