import type { LoadSignals } from '../../../src/index.ts';

/** Signals of a server that does nothing. */
export const IDLE: LoadSignals = Object.freeze({
  eventLoopDelayMs: 0,
  loopUtilization: 0,
  heapRatio: 0,
  rssRatio: 0,
  cpuRatio: 0,
  budgetRatio: 0,
  connectionsRatio: 0,
});

export const signals = (given: Partial<LoadSignals> = {}): LoadSignals => ({ ...IDLE, ...given });
