import type { Clock } from '../engine/clock.ts';
import type { RandomSource } from '../engine/random.ts';
import type { Position } from '../server/groups/topic.ts';
import type { PreparedRun } from '../protocol/outgoing/prepared-run.ts';
import type { Missed, Resumed, ResumeWaiter } from '../server/groups/topic-node.ts';
import { Fifo } from './fifo.ts';

/** Most bytes of missed messages on their way to the clients of a process, unless one resume has more. */
const MAX_BYTES = 16_777_216;
/** How long a resume waits for room, in ms. */
const MAX_WAIT_MS = 10_000;
const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 5_000;
const CHECK_MS = 500;

/** A client that resumes a topic. */
export class Resume {
  readonly since: Position | undefined;
  readonly askedMs: number;
  /** Number of the first read of the topic that began after the client asked; 0 before it turned out that one is needed. */
  decidingRead = 0;
  #waiter: ResumeWaiter | undefined;

  constructor(since: Position | undefined, waiter: ResumeWaiter, askedMs: number) {
    this.since = since;
    this.#waiter = waiter;
    this.askedMs = askedMs;
  }

  /** Answered or cancelled. */
  get isOver(): boolean {
    return this.#waiter === undefined;
  }

  cancel(): void {
    this.#waiter = undefined;
  }

  /** The frames that the client will get. */
  runOf(missed: Missed): PreparedRun | undefined {
    return this.#waiter?.runOf(missed);
  }

  resumed(result: Resumed, sent: () => void): void {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    waiter?.resumed(result, sent);
  }

  failed(code: 'busy' | 'unavailable', retryAfterMs: number | undefined): void {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    waiter?.failed(code, retryAfterMs);
  }
}

/** A topic whose resumes wait for room. */
export interface Resumable {
  /** There is room: answer it, or queue it again at the front by returning false. */
  answer(resume: Resume): boolean;
  /** The resume is over. */
  over(resume: Resume): void;
}

interface Queued {
  readonly topic: Resumable;
  readonly resume: Resume;
}

/**
 * Bounds the missed messages that resumes have on their way to clients, for all nodes of a process. Without it a reconnect storm
 * would put gigabytes into the queues of connections.
 */
export class RecoveryRoom {
  /** On their way to clients. */
  #bytes = 0;
  #serves = false;
  /** Nodes whose resumes wait for room; their turns go round robin. */
  readonly #waiting = new Set<RecoveryBudget>();

  /** False while resumes wait: the next one queues behind them. */
  get isFree(): boolean {
    return this.#serves || this.#waiting.size === 0;
  }

  /** Takes room. @returns Gives it back, at the first call; `undefined` if there is not enough. */
  take(bytes: number): (() => void) | undefined {
    if (this.#bytes > 0 && this.#bytes + bytes > MAX_BYTES) return undefined;
    this.#bytes += bytes;
    let isTaken = true;
    return () => {
      if (!isTaken) return;
      isTaken = false;
      this.#bytes -= bytes;
      this.#serve();
    };
  }

  /** The resumes of a node wait, until {@link leave}. */
  wait(budget: RecoveryBudget): void {
    this.#waiting.add(budget);
  }

  leave(budget: RecoveryBudget): void {
    this.#waiting.delete(budget);
  }

  #serve(): void {
    // A connection that has nothing queued reports its bytes as sent at once, from inside the answer.
    if (this.#serves) return;
    this.#serves = true;
    try {
      // A node that is added again comes last in this same loop.
      for (const budget of this.#waiting) {
        if (!budget.serveFirst()) break;
        this.#waiting.delete(budget);
        if (budget.waiting > 0) this.#waiting.add(budget);
      }
    } finally {
      this.#serves = false;
    }
  }
}

/** The resumes of one node that wait for room: each at most 10 s, and is then told when to try again. */
export class RecoveryBudget {
  readonly #clock: Clock;
  readonly #random: RandomSource;
  readonly #room: RecoveryRoom;
  readonly #queue = new Fifo<Queued>();
  #timer: unknown;

  constructor(clock: Clock, random: RandomSource, room: RecoveryRoom) {
    this.#clock = clock;
    this.#random = random;
    this.#room = room;
  }

  /** Resumes that wait for room. */
  get waiting(): number {
    return this.#queue.size;
  }

  /** False while resumes of any node wait: the next one queues behind them. */
  get isFree(): boolean {
    return this.#room.isFree;
  }

  /** As {@link RecoveryRoom.take}. */
  take(bytes: number): (() => void) | undefined {
    return this.#room.take(bytes);
  }

  queue(topic: Resumable, resume: Resume): void {
    this.#queue.push({ topic, resume });
    this.#room.wait(this);
    this.#watch();
  }

  /** Answers the oldest resume that waits. @returns False if there is no room for it. */
  serveFirst(): boolean {
    const next = this.#queue.first!;
    if (!next.resume.isOver && !next.topic.answer(next.resume)) return false;
    this.#queue.shift();
    next.topic.over(next.resume);
    return true;
  }

  stop(): void {
    this.#clock.clearTimer(this.#timer);
    this.#room.leave(this);
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) this.#fail(next);
  }

  #watch(): void {
    if (this.#timer !== undefined || this.#queue.size === 0) return;
    this.#timer = this.#clock.setTimer(() => {
      this.#timer = undefined;
      const beforeMs = this.#clock.now() - MAX_WAIT_MS;
      for (let next = this.#queue.first; next !== undefined; next = this.#queue.first) {
        if (!next.resume.isOver && next.resume.askedMs > beforeMs) break;
        this.#queue.shift();
        this.#fail(next);
      }
      if (this.#queue.size === 0) this.#room.leave(this);
      this.#watch();
    }, CHECK_MS);
  }

  #fail({ topic, resume }: Queued): void {
    const retryAfterMs =
      RETRY_MIN_MS + Math.floor(this.#random.fraction() * (RETRY_MAX_MS - RETRY_MIN_MS + 1));
    resume.failed('busy', retryAfterMs);
    topic.over(resume);
  }
}
