export type Level = 'MUST' | 'MUST NOT' | 'SHOULD' | 'SHOULD NOT';
/** Whom a rule binds. `other`: neither of us, but proxies, browsers, authors of extensions. */
export type Party = 'server' | 'client' | 'both' | 'other';

/** How a rule is kept: where, and which tests would fail if it were not. */
export interface Kept {
  /** `file#name` below src/; the file has to contain the name. */
  readonly code: readonly string[];
  /** `file: part of a title` below test/, the file without `.test.ts`; at least one title has to contain the part. */
  readonly tests: readonly string[];
}
/** Why nothing here keeps the rule. */
export interface NotOurs {
  readonly why: string;
}

/** One demand of an RFC, in our words. */
export interface Rule {
  readonly section: string;
  readonly level: Level;
  /** How often the section uses the key word for this demand. */
  readonly times: number;
  readonly of: Party;
  readonly says: string;
  readonly how: Kept | NotOurs;
}

type Row = readonly [level: Level, of: Party, says: string, how: Kept | NotOurs, times?: number];

/** The rules of one section, in the order in which it states them. */
export const section = (name: string, ...rows: readonly Row[]): Rule[] =>
  rows.map(([level, of, says, how, times = 1]) => ({ section: name, level, times, of, says, how }));

/** A rule that code keeps and tests prove. */
export const kept = (code: string | readonly string[], ...tests: readonly string[]): Kept => ({
  code: typeof code === 'string' ? [code] : code,
  tests,
});
export const notOurs = (why: string): NotOurs => ({ why });

/** A test of the live server whose title names this demand. */
export const live = (id: string): string => `conformance/conformance: (${id})`;
