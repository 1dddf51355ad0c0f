import type { Clock } from '../engine/clock.ts';
import type { Position } from '../server/groups/topic.ts';
import type { Missed } from '../server/groups/topic-node.ts';
import type { TopicStream } from './topic-stream.ts';

/** Most answers that are kept: a run of frames is as large as the history of its topic. */
const MAX_KEPT = 16;
/** How long an answer is kept, in ms, at most. */
const KEPT_MS = 1_000;

interface Kept {
  readonly stream: TopicStream;
  readonly from: number;
  readonly upTo: Position | undefined;
  readonly missed: Missed;
}

/**
 * The last answers to resumes. In a storm, thousands of clients resume a topic from the same few positions; they share the messages
 * and the frames of one answer.
 */
export class RecentMissed {
  readonly #clock: Clock;
  #kept: Kept[] = [];
  /** Place of the oldest answer. */
  #oldest = 0;
  #timer: unknown;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The messages after an offset that the tail of the topic covers. */
  since(stream: TopicStream, from: number): Missed {
    const { position } = stream;
    for (const kept of this.#kept)
      if (kept.upTo === position && kept.stream === stream && kept.from === from) return kept.missed;
    const missed = stream.tail.since(from);
    this.#kept[this.#oldest] = { stream, from, upTo: position, missed };
    this.#oldest = (this.#oldest + 1) % MAX_KEPT;
    this.#timer ??= this.#clock.setTimer(() => this.forget(), KEPT_MS);
    return missed;
  }

  forget(): void {
    this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
    this.#kept = [];
    this.#oldest = 0;
  }
}
