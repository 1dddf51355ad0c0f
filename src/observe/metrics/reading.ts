import type { CompressionBytes } from '../../protocol/deflate/compression-bytes.ts';
import type { ServerStats } from '../../server/stats.ts';
import type { MeterCounts } from './meter.ts';
import type { ServerCountsReading } from './server-counts.ts';

/** Everything that the metrics of one server show, at one moment. Takes constant time, whatever the number of connections. */
export interface ServerReading {
  /** The option `name`. */
  readonly name: string | undefined;
  readonly maxConnections: number;
  readonly memoryBudgetBytes: number;
  readonly stats: ServerStats;
  readonly counts: ServerCountsReading;
  readonly compression: Readonly<CompressionBytes>;
  /** `undefined` without the option `metrics`. */
  readonly meter: MeterCounts | undefined;
}

/** What the metrics show of the process, at one moment. */
export interface ProcessReading {
  /** In seconds; `undefined` in the first reading, which starts the measurement. */
  readonly loopDelay: { readonly mean: number; readonly p99: number; readonly max: number } | undefined;
  /** Since the previous reading, 0 to 1; since the start of the process in the first reading. */
  readonly loopUtilization: number;
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly heapUsedBytes: number;
  readonly heapLimitBytes: number;
}
