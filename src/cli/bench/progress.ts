import type { Clock } from '../../index.ts';
import type { CommandIo } from '../command.ts';
import { brailleLine } from './chart.ts';
import { type LoadSnapshot, whole } from '../../load/index.ts';

const EVERY_MS = 200;
const CHART_COLUMNS = 24;

/** A progress line, shown only on a terminal. */
export class Progress {
  readonly #io: CommandIo;
  readonly #clock: Clock;
  readonly #snapshot: () => LoadSnapshot;
  /** Messages per second, one number for each tick. */
  readonly #rates: number[] = [];
  #lastTotal = 0;
  #lastMs: number;
  #timer: unknown;

  constructor(io: CommandIo, clock: Clock, snapshot: () => LoadSnapshot) {
    this.#io = io;
    this.#clock = clock;
    this.#snapshot = snapshot;
    this.#lastMs = clock.now();
    if (io.errIsTerminal) this.#tick();
  }

  /** Removes the line. */
  end(): void {
    this.#clock.clearTimer(this.#timer);
    if (this.#io.errIsTerminal) this.#io.status('');
  }

  #tick(): void {
    const { phase, open, total } = this.#snapshot();
    const nowMs = this.#clock.now();
    const elapsedMs = nowMs - this.#lastMs;
    if (total > 0 && elapsedMs > 0) {
      this.#rates.push(((total - this.#lastTotal) * 1_000) / elapsedMs);
      if (this.#rates.length > 2 * CHART_COLUMNS) this.#rates.shift();
    }
    this.#lastTotal = total;
    this.#lastMs = nowMs;
    this.#io.status(this.#line(phase, open));
    this.#timer = this.#clock.setTimer(() => this.#tick(), EVERY_MS);
  }

  #line(phase: string, open: number): string {
    const rate = this.#rates.at(-1);
    const parts = [phase.padEnd(10)];
    if (open > 0) parts.push(`${whole(open)} connections`);
    if (rate === undefined) return parts.join('  ');
    const chart = brailleLine(this.#rates, CHART_COLUMNS);
    parts.push(this.#io.errHasColours ? `\u001b[36m${chart}\u001b[0m` : chart, `${whole(rate)}/s`);
    return parts.join('  ');
  }
}
