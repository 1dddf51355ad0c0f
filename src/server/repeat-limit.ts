import type { Level } from '../connection/log.ts';
import type { Clock } from '../engine/clock.ts';

const WINDOW_MS = 60_000;
/** Lines of one kind from one address that are written in one window. */
const MAX_LINES = 10;
/** Most kinds and addresses that are counted at a time. */
const MAX_ENTRIES = 1_000;

/** Log lines that say the same of one address. */
export interface RepeatedLines {
  readonly level: Level;
  readonly text: string;
  /** Close cause, or code of a refusal; `''` for lines without one. */
  readonly what: string;
  readonly remoteAddress: string;
}

interface Entry extends RepeatedLines {
  count: number;
}

/**
 * Limits repeated log lines: one peer must not fill a log, nor hide lines of others. Ten of one kind from one address are written
 * in a minute; at its end, one line has the number of those that were not. Memory is limited: with more kinds and addresses, the
 * oldest are forgotten.
 */
export class RepeatLimit {
  readonly #clock: Clock;
  readonly #leftOut: (lines: RepeatedLines, count: number) => void;
  readonly #entries = new Map<string, Entry>();
  #windowEndsMs = Number.NEGATIVE_INFINITY;
  /** Only while lines were left out, so that an idle server has no timer. */
  #timer: unknown;

  /** @param leftOut Called at the end of a window with each kind of line that was left out, and how often. */
  constructor(clock: Clock, leftOut: (lines: RepeatedLines, count: number) => void) {
    this.#clock = clock;
    this.#leftOut = leftOut;
  }

  /** @returns Whether the line is to be written. */
  admits(lines: RepeatedLines): boolean {
    const nowMs = this.#clock.now();
    if (nowMs >= this.#windowEndsMs) {
      this.flush();
      this.#windowEndsMs = nowMs + WINDOW_MS;
    }
    const key = `${lines.text}\n${lines.what}\n${lines.remoteAddress}`;
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      if (this.#entries.size >= MAX_ENTRIES) this.#forgetOldest();
      entry = { ...lines, count: 0 };
      this.#entries.set(key, entry);
    }
    if (++entry.count <= MAX_LINES) return true;
    this.#timer ??= this.#clock.setTimer(() => this.flush(), this.#windowEndsMs - nowMs);
    return false;
  }

  /** Ends the window. */
  flush(): void {
    this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
    this.#windowEndsMs = Number.NEGATIVE_INFINITY;
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    for (const entry of entries) this.#report(entry);
  }

  #forgetOldest(): void {
    const [first] = this.#entries;
    if (first === undefined) return;
    this.#entries.delete(first[0]);
    this.#report(first[1]);
  }

  #report(entry: Entry): void {
    if (entry.count <= MAX_LINES) return;
    try {
      this.#leftOut(entry, entry.count - MAX_LINES);
    } catch {
      // A logger that throws must not end the process from a timer, nor keep the other lines back.
    }
  }
}
