import type { LoadFigures } from '../../src/load/index.ts';
import type { Stage, StageSettings } from './stage.ts';

/** A demand of a scenario, and what was seen. */
export interface Criterion {
  readonly demand: string;
  readonly seen: string;
  readonly isMet: boolean;
  /** `count` depends on what happened only; `measure` on times or memory, and thus on the machine, too. */
  readonly kind: 'count' | 'measure';
}

/** What a scenario found. */
export interface Findings {
  readonly criteria: readonly Criterion[];
  /** Figures for the reader and for other programs; JSON. */
  readonly figures: Readonly<Record<string, unknown>>;
}

/** The settings of a run, from the command line. */
export interface RunSettings {
  readonly durationMs: number;
  readonly connections: number;
  /** Messages a second; 0 for a scenario without a rate. */
  readonly rate: number;
}

/** What a scenario runs with. */
export interface RunContext extends RunSettings {
  /** Starts a server and clients; they end with the run. */
  readonly open: (settings: StageSettings) => Promise<Stage>;
}

export interface Scenario {
  readonly name: string;
  /** What it does, in one line. */
  readonly summary: string;
  readonly defaults: { readonly minutes: number; readonly connections: number; readonly rate: number };
  /** Why it cannot run here; `undefined` if it can. */
  readonly unavailable?: () => Promise<string | undefined> | string | undefined;
  run(context: RunContext): Promise<Findings>;
}

/** Figures of a load, and the messages that were never answered. */
export interface SoakFigures extends LoadFigures {
  readonly unanswered: number;
}

/** The end of a load: its figures, or why there are none. */
export type LoadOutcome = { readonly figures: SoakFigures } | { readonly failure: string };

export const count = (demand: string, seen: string, isMet: boolean): Criterion => ({
  demand,
  seen,
  isMet,
  kind: 'count',
});
export const measure = (demand: string, seen: string, isMet: boolean): Criterion => ({
  demand,
  seen,
  isMet,
  kind: 'measure',
});
