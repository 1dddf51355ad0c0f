import type { Cell } from './cells.ts';
import type { Floor } from './floors.ts';
import type { MemorySample } from './memory.ts';
import type { Outcome, Sample } from './runner.ts';
import { median, quantile } from './statistics.ts';

export const FORMAT = 2;

export interface Environment {
  readonly date: string;
  /** Whether it was a run with `--quick`: few and short rounds, not to be quoted. */
  readonly quick: boolean;
  readonly node: string;
  readonly cpu: string;
  readonly cores: number;
  readonly platform: string;
  readonly pinned: boolean;
  /** Versions by side. */
  readonly versions: Readonly<Record<string, string>>;
  readonly rounds: number;
  readonly windowMs: number;
  readonly warmUpMs: number;
  /** Wall time of the whole run. */
  readonly tookSeconds: number;
}

/** Figures of one side in a cell: one number per round. Numbers of two sides at the same index were measured right after each other. */
export type Series = { readonly [Figure in keyof Sample]: readonly number[] };

export interface CellRecord {
  readonly group: string;
  readonly name: string;
  readonly requirement: string;
  readonly payloadBytes: number;
  /** Series by side. A side that was not measured in this cell has no entry. */
  readonly sides: Readonly<Record<string, Series>>;
  /** Failures by side: why a side has fewer numbers than rounds. */
  readonly failures: Readonly<Record<string, readonly string[]>>;
}

export interface MemoryRecord {
  readonly connections: number;
  readonly idleMs: number;
  readonly sides: Readonly<Record<string, readonly MemorySample[]>>;
}

/** The results of a run. They are stored, and tables and plot are made from them. */
export interface Results {
  readonly format: number;
  readonly environment: Environment;
  readonly cells: readonly CellRecord[];
  readonly memory: MemoryRecord | null;
  readonly floors: readonly Floor[];
}

/** Five digits: more than the precision of any figure. */
const rounded = (value: number): number => Number(value.toPrecision(5));

function seriesOf(samples: readonly Sample[]): Series {
  const of = (figure: keyof Sample): number[] => samples.map((sample) => rounded(sample[figure]));
  return {
    ratePerSecond: of('ratePerSecond'),
    cpuMicros: of('cpuMicros'),
    generatorMicros: of('generatorMicros'),
    generatorBusyShare: of('generatorBusyShare'),
    p50Ms: of('p50Ms'),
    p99Ms: of('p99Ms'),
    lastRecipientMs: of('lastRecipientMs'),
    rssBytes: of('rssBytes'),
  };
}

export function recordOf(
  { group, name, requirement, payload }: Cell,
  outcomes: readonly Outcome[],
): CellRecord {
  const sides: Record<string, Series> = {};
  const failures: Record<string, string[]> = {};
  for (const id of new Set(outcomes.map(({ side }) => side.id))) {
    const own = outcomes.filter(({ side }) => side.id === id);
    const samples = own.flatMap((outcome) => ('sample' in outcome ? [outcome.sample] : []));
    const failed = own.flatMap((outcome) => ('failure' in outcome ? [outcome.failure] : []));
    if (failed.length > 0) failures[id] = failed;
    if (samples.length > 0) {
      sides[id] = seriesOf(samples);
    }
  }
  return { group, name, requirement, payloadBytes: payload.bytes, sides, failures };
}

/** A ratio of two sides. Noise that lasts longer than a pair of measurements cancels out. */
export interface Ratio {
  readonly median: number;
  /** First quartile of the pairs. */
  readonly low: number;
  readonly high: number;
}

/** Hawser compared with the rival in one cell. Ratios above 1 are in favour of Hawser. */
export interface Standing {
  readonly rival: string;
  readonly rate: Ratio;
  readonly cpu: Ratio;
}

/** @returns The ratio of the pairs, or the ratio of the medians if a round failed on one side. */
export function ratioOf(ours: readonly number[], theirs: readonly number[]): Ratio {
  if (ours.length !== theirs.length) {
    const only = median(ours) / median(theirs);
    return { median: only, low: only, high: only };
  }
  const ratios = ours.map((value, i) => value / theirs[i]!);
  return { median: median(ratios), low: quantile(ratios, 0.25), high: quantile(ratios, 0.75) };
}

/** The sides that Hawser is compared with. */
export const RIVALS: readonly string[] = Object.freeze(['ws', 'ws-bufferutil']);

/** The side of Hawser that a cell judges. */
export const oursIn = ({ requirement }: CellRecord): 'hawser' | 'hawser-ws' =>
  requirement === 'PF-16' ? 'hawser-ws' : 'hawser';

/** Compares Hawser with the better form of `ws`: the faster one for the rate, the cheaper one for CPU time. */
export function standingOf(record: CellRecord): Standing | undefined {
  const { sides } = record;
  const ours = sides[oursIn(record)];
  const rivals = RIVALS.filter((id) => sides[id] !== undefined);
  if (ours === undefined || rivals.length === 0) return undefined;
  const best = (figure: 'ratePerSecond' | 'cpuMicros', sign: number): string =>
    [...rivals].sort((a, b) => sign * (median(sides[a]![figure]) - median(sides[b]![figure])))[0]!;
  const fastest = best('ratePerSecond', -1);
  const cheapest = best('cpuMicros', 1);
  return {
    rival: fastest,
    rate: ratioOf(ours.ratePerSecond, sides[fastest]!.ratePerSecond),
    cpu: ratioOf(sides[cheapest]!.cpuMicros, ours.cpuMicros),
  };
}

/** Compares Hawser with everything switched on to Hawser with defaults. Below 1 is the cost of the features. */
export function everythingOf({ sides }: CellRecord): Pick<Standing, 'rate' | 'cpu'> | undefined {
  const [plain, all] = [sides['hawser'], sides['hawser-everything']];
  if (plain === undefined || all === undefined) return undefined;
  return {
    rate: ratioOf(all.ratePerSecond, plain.ratePerSecond),
    cpu: ratioOf(plain.cpuMicros, all.cpuMicros),
  };
}

/** Compares Hawser with another build of it. Above 1 is in favour of this build. */
export function againstOf({ sides }: CellRecord): Pick<Standing, 'rate' | 'cpu'> | undefined {
  const { hawser: ours, earlier } = sides;
  if (ours === undefined || earlier === undefined) return undefined;
  return {
    rate: ratioOf(ours.ratePerSecond, earlier.ratePerSecond),
    cpu: ratioOf(earlier.cpuMicros, ours.cpuMicros),
  };
}

/** The smaller of both ratios, which decides. */
export const worst = ({ rate, cpu }: Standing): number => Math.min(rate.median, cpu.median);

/** Cells that were measured on Hawser and `ws`, worst first. */
export function worstFirst(records: readonly CellRecord[]): (readonly [CellRecord, Standing])[] {
  return records
    .flatMap((record) => {
      const standing = standingOf(record);
      return standing === undefined ? [] : [[record, standing] as const];
    })
    .sort((a, b) => worst(a[1]) - worst(b[1]));
}

/** The results as a file: one line per cell, so that a diff has one line per changed cell. */
export function resultsText({ format, environment, cells, memory, floors }: Results): string {
  const list = (items: readonly unknown[]): string =>
    items.length === 0 ? '[]' : `[\n${items.map((item) => `    ${JSON.stringify(item)}`).join(',\n')}\n  ]`;
  return [
    '{',
    `  "format": ${format},`,
    `  "environment": ${JSON.stringify(environment, null, 2).replaceAll('\n', '\n  ')},`,
    `  "cells": ${list(cells)},`,
    `  "memory": ${JSON.stringify(memory)},`,
    `  "floors": ${list(floors)}`,
    '}',
    '',
  ].join('\n');
}

/** @throws Error if the file has another format. */
export function parseResults(text: string): Results {
  const results = JSON.parse(text) as Results;
  if (results.format !== FORMAT) throw new Error(`results have format ${results.format}, not ${FORMAT}`);
  return results;
}
