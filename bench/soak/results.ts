import { readFileSync } from 'node:fs';
import { arch, availableParallelism, cpus, loadavg, platform, release, totalmem } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { BENCH } from '../sides.ts';
import type { Recording } from './samples.ts';
import type { Criterion, Findings, RunSettings } from './scenario.ts';

/** Where a run took place. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly system: string;
  readonly node: string;
  readonly hawser: string;
  /** Average load of the last minute, when the run began and when it ended. */
  readonly load: readonly [number, number];
}

/** A whole run, as it is written to a file. */
export interface SoakResults {
  readonly format: 1;
  readonly scenario: string;
  readonly settings: RunSettings;
  readonly began: string;
  readonly tookMs: number;
  readonly machine: Machine;
  readonly passes: boolean;
  readonly criteria: readonly Criterion[];
  readonly figures: Findings['figures'];
  readonly recording: Recording;
}

export function machineOf(loadBefore: number): Machine {
  const manifest = readFileSync(join(BENCH, '..', 'package.json'), 'utf8');
  const [first] = cpus();
  return {
    cpu: first?.model.trim() ?? 'unknown CPU',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    system: `${platform()} ${arch()} ${release()}`,
    node: process.versions.node,
    hawser: (JSON.parse(manifest) as { readonly version: string }).version,
    load: [loadBefore, loadavg()[0]!],
  };
}
