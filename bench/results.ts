import type { Cell } from './cells.ts';
import type { Floor } from './floors.ts';
import type { MemorySample } from './memory.ts';
import type { Outcome, Sample } from './runner.ts';
import { median, quantile } from './statistics.ts';

export const FORMAT = 2;

export interface Environment {
  readonly date: string;
  /** A first look, with few and short rounds: not to be quoted. */
  readonly quick: boolean;
  readonly node: string;
  readonly cpu: string;
  readonly cores: number;
  readonly platform: string;
  readonly pinned: boolean;
  /** By side. */
  readonly versions: Readonly<Record<string, string>>;
  readonly rounds: number;
  readonly windowMs: number;
  readonly warmUpMs: number;
  /** Wall time of everything. */
  readonly tookSeconds: number;
}

/** What one side did in a cell: a number a round, those of the same place measured next to each other. */
export type Series = { readonly [Figure in keyof Sample]: readonly number[] };

export interface CellRecord {
  readonly group: string;
  readonly name: string;
  readonly requirement: string;
  readonly payloadBytes: number;
  /** By side; a side without an entry was not measured there. */
  readonly sides: Readonly<Record<string, Series>>;
  /** Why sides have fewer numbers than there were rounds. */
  readonly failures: Readonly<Record<string, readonly string[]>>;
}

export interface MemoryRecord {
  readonly connections: number;
  readonly idleMs: number;
  readonly sides: Readonly<Record<string, readonly MemorySample[]>>;
}

/** Everything that a run of the benchmark came to: what is kept, and what tables and plot are made of. */
export interface Results {
  readonly format: number;
  readonly environment: Environment;
  readonly cells: readonly CellRecord[];
  readonly memory: MemoryRecord | null;
  readonly floors: readonly Floor[];
}

/** More digits than any of this is exact to. */
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

/** A ratio of two sides: noise that lasts longer than a pair of measurements cancels out. */
export interface Ratio {
  readonly median: number;
  /** Quartiles of the pairs. */
  readonly low: number;
  readonly high: number;
}

/** How a cell of ours stands to the rival's. Ratios above 1 are in favour of Hawser. */
export interface Standing {
  readonly rival: string;
  readonly rate: Ratio;
  readonly cpu: Ratio;
}

/** @returns The ratio of the pairs; where a round failed on one side, of the medians. */
export function ratioOf(ours: readonly number[], theirs: readonly number[]): Ratio {
  if (ours.length !== theirs.length) {
    const only = median(ours) / median(theirs);
    return { median: only, low: only, high: only };
  }
  const ratios = ours.map((value, i) => value / theirs[i]!);
  return { median: median(ratios), low: quantile(ratios, 0.25), high: quantile(ratios, 0.75) };
}

const RIVALS = ['ws', 'ws-bufferutil'];

/** Hawser against the better of both forms of `ws`: the faster one for the rate, the cheaper one for CPU time. */
export function standingOf({ sides }: CellRecord): Standing | undefined {
  const ours = sides['hawser'];
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

/** Hawser with everything switched on against Hawser as it is: below 1 is what that costs. */
export function everythingOf({ sides }: CellRecord): Pick<Standing, 'rate' | 'cpu'> | undefined {
  const [plain, all] = [sides['hawser'], sides['hawser-everything']];
  if (plain === undefined || all === undefined) return undefined;
  return {
    rate: ratioOf(all.ratePerSecond, plain.ratePerSecond),
    cpu: ratioOf(plain.cpuMicros, all.cpuMicros),
  };
}

/** Of what was measured alike, the worst first: the smaller of both ratios decides. */
export function worstFirst(records: readonly CellRecord[]): (readonly [CellRecord, Standing])[] {
  const worst = ({ rate, cpu }: Standing): number => Math.min(rate.median, cpu.median);
  return records
    .flatMap((record) => {
      const standing = standingOf(record);
      return standing === undefined ? [] : [[record, standing] as const];
    })
    .sort((a, b) => worst(a[1]) - worst(b[1]));
}

/** The file of a run: one line a cell, so that a change shows as one. */
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

/** @throws Error for a file of another format. */
export function parseResults(text: string): Results {
  const results = JSON.parse(text) as Results;
  if (results.format !== FORMAT) throw new Error(`results have format ${results.format}, not ${FORMAT}`);
  return results;
}
