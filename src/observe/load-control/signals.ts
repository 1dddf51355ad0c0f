/** What load control measures, once per `sampleIntervalMs`. A ratio of 1 is the whole of a limit. */
export interface LoadSignals {
  /** Mean delay of the event loop since the last sample, in ms. */
  readonly eventLoopDelayMs: number;
  /** Share of the last 10 samples in which the event loop was busy. */
  readonly loopUtilization: number;
  /** Used part of V8's heap, without the young generation, ÷ its limit. */
  readonly heapRatio: number;
  /** Resident memory ÷ the limit of the container, or the memory of the machine if that is smaller. */
  readonly rssRatio: number;
  /** CPU time of the process in the last 30 samples, as a share of one core. Above 1 if threads work, too. */
  readonly cpuRatio: number;
  /** Used part of the option `memoryBudget`. */
  readonly budgetRatio: number;
  /** Open and closing connections ÷ `maxConnections`. */
  readonly connectionsRatio: number;
}

/** The name of a signal of load control. */
export type LoadSignalName = keyof LoadSignals;

/** Returns signals at this moment. The server measures those that it leaves out. */
export type LoadProbe = () => Partial<LoadSignals>;

/** The name of each signal, in the order of the documentation. */
export const LOAD_SIGNALS: readonly LoadSignalName[] = Object.freeze([
  'eventLoopDelayMs',
  'loopUtilization',
  'heapRatio',
  'rssRatio',
  'cpuRatio',
  'budgetRatio',
  'connectionsRatio',
]);
