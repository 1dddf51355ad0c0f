export type Level = 'MUST' | 'MUST NOT' | 'SHOULD' | 'SHOULD NOT';
/** The party that a rule binds. `other`: proxies, browsers, authors of extensions. */
export type Party = 'server' | 'client' | 'both' | 'other';

/** The code that keeps a rule, and the tests that fail if the code breaks it. */
export interface Kept {
  /** `file#name` below src/. The file must contain the name. */
  readonly code: readonly string[];
  /** `file: part of a title` below test/, the file without `.test.ts`. At least one title must contain the part. */
  readonly tests: readonly string[];
}
/** The reason why no code keeps the rule. */
export interface NotOurs {
  readonly why: string;
}

/** One rule of an RFC, in the words of this project. */
export interface Rule {
  readonly section: string;
  readonly level: Level;
  /** How often the section uses the key word for this rule. */
  readonly times: number;
  readonly of: Party;
  readonly says: string;
  readonly how: Kept | NotOurs;
}

type Row = readonly [level: Level, of: Party, says: string, how: Kept | NotOurs, times?: number];

/** The rules of one section, in the order of the RFC. */
export const section = (name: string, ...rows: readonly Row[]): Rule[] =>
  rows.map(([level, of, says, how, times = 1]) => ({ section: name, level, times, of, says, how }));

/** Marks a rule that code keeps and tests prove. */
export const kept = (code: string | readonly string[], ...tests: readonly string[]): Kept => ({
  code: typeof code === 'string' ? [code] : code,
  tests,
});
export const notOurs = (why: string): NotOurs => ({ why });

/** The test of the live server whose title has this rule. */
export const live = (id: string): string => `conformance/conformance: (${id})`;
