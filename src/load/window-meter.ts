import { type EventLoopUtilization, performance } from 'node:perf_hooks';
import type { Clock } from '../client/index.ts';
import { processUsage, type ProcessUsage } from './process-meter.ts';

/** CPU time and memory of two processes in one period. */
export interface WindowFigures {
  readonly elapsedMs: number;
  /** CPU time of this process; `undefined` if the system does not report it. */
  readonly ownMicros: number | undefined;
  /** Share of the time in which the event loop of this process was busy. */
  readonly busyShare: number;
  /** The process of the server: CPU time in the period, and memory at its end. */
  readonly server: ProcessUsage | undefined;
}

/** Measures from its construction to {@link end}. */
export class WindowMeter {
  readonly #clock: Clock;
  readonly #serverPid: number | undefined;
  readonly #server: ProcessUsage | undefined;
  readonly #own: ProcessUsage | undefined;
  readonly #loop: EventLoopUtilization;
  readonly #startMs: number;

  constructor(serverPid: number | undefined, clock: Clock) {
    this.#clock = clock;
    this.#serverPid = serverPid;
    this.#server = serverPid === undefined ? undefined : processUsage(serverPid);
    this.#own = processUsage('self');
    this.#loop = performance.eventLoopUtilization();
    this.#startMs = clock.now();
  }

  end(): WindowFigures {
    const elapsedMs = this.#clock.now() - this.#startMs;
    const busyShare = performance.eventLoopUtilization(this.#loop).utilization;
    const server = this.#serverPid === undefined ? undefined : processUsage(this.#serverPid);
    const own = processUsage('self');
    return {
      elapsedMs,
      busyShare,
      ownMicros:
        own === undefined || this.#own === undefined ? undefined : own.cpuMicros - this.#own.cpuMicros,
      server:
        server === undefined || this.#server === undefined
          ? undefined
          : { cpuMicros: server.cpuMicros - this.#server.cpuMicros, rssBytes: server.rssBytes },
    };
  }
}
