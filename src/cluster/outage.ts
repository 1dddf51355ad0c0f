import type { Clock } from '../engine/clock.ts';
import type { TopicNodeOwner } from '../server/groups/topic-node.ts';
import type { TopicLog } from './topic-log.ts';

/** Reports each time that the engine cannot be used: once when it begins, and once when all topics have caught up. */
export class Outage {
  readonly #clock: Clock;
  readonly #owner: Pick<TopicNodeOwner, 'engineUp' | 'engineDown'>;
  /** When it began; `undefined` without one. */
  #sinceMs: number | undefined;
  /** In whole milliseconds. */
  #downMs = 0;
  #gaps = 0;
  /** Topics that have not caught up. */
  readonly #behind = new Set<TopicLog>();

  constructor(clock: Clock, owner: Pick<TopicNodeOwner, 'engineUp' | 'engineDown'>) {
    this.#clock = clock;
    this.#owner = owner;
  }

  begin(error: Error): void {
    this.#behind.clear();
    if (this.#sinceMs !== undefined) return;
    this.#sinceMs = this.#clock.now();
    this.#gaps = 0;
    this.#owner.engineDown(error);
  }

  /** The engine can be used. @param logs Topics that have to catch up. */
  over(logs: Iterable<TopicLog>): void {
    if (this.#sinceMs === undefined) return;
    this.#downMs = Math.round(this.#clock.now() - this.#sinceMs);
    for (const log of logs) this.#behind.add(log);
    this.#report();
  }

  /** A topic has caught up, or is of no interest any longer. */
  healed(log: TopicLog, hadGap: boolean): void {
    if (!this.#behind.delete(log)) return;
    if (hadGap) this.#gaps++;
    this.#report();
  }

  #report(): void {
    if (this.#sinceMs === undefined || this.#behind.size > 0) return;
    this.#sinceMs = undefined;
    this.#owner.engineUp({ downMs: this.#downMs, gaps: this.#gaps });
  }
}
