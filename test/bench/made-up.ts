import { FORMAT, type CellRecord, type Results, type Series } from '../../bench/results.ts';

/** A series of one side. Figures that are not given have fixed values, the same in every round. */
export function series(
  ratePerSecond: readonly number[],
  cpuMicros: readonly number[],
  more: Partial<Series> = {},
): Series {
  const same = (value: number): number[] => ratePerSecond.map(() => value);
  return {
    ratePerSecond,
    cpuMicros,
    generatorMicros: same(1),
    generatorBusyShare: same(0.5),
    p50Ms: same(1),
    p99Ms: same(2),
    lastRecipientMs: same(0),
    rssBytes: same(1e6),
    ...more,
  };
}

export const record = (
  name: string,
  sides: Record<string, Series>,
  more: Partial<CellRecord> = {},
): CellRecord => ({
  group: 'Echo',
  name,
  requirement: 'PF-08',
  payloadBytes: 16,
  sides,
  failures: {},
  ...more,
});

export const resultsOf = (cells: readonly CellRecord[], more: Partial<Results> = {}): Results => ({
  format: FORMAT,
  environment: {
    date: '2020-01-01',
    quick: false,
    node: '20.0.0',
    cpu: 'a CPU',
    cores: 2,
    platform: 'linux x64',
    pinned: true,
    versions: { hawser: '1.0.0', ws: '8.0.0' },
    rounds: 1,
    windowMs: 400,
    warmUpMs: 100,
    tookSeconds: 60,
  },
  cells,
  memory: null,
  floors: [],
  ...more,
});
